//! A scheduler asks why there is no more on offer.

use meros_session::{Effect, SessionError, limits::EXPLAINS_MAX};
use meros_types::*;

use crate::desk::*;

fn explanation(role: &str) -> FrameworkEvent {
    FrameworkEvent::Explained(Box::new(Explanation {
        framework: FRAMEWORK,
        role: Role::new(role).unwrap(),
        standing: Standing::Sated,
        offers: 1,
        share_millionths: 0,
        shapes: Vec::new(),
    }))
}

fn question(shape: Option<Shape>) -> Call {
    Call::Explain(ExplainCall { role: Role::default(), shape })
}

fn core() -> Shape {
    Shape::of(Resources::none().with_cpu_milli(1_000)).on("rack=a".parse().unwrap())
}

#[test]
fn a_question_leaves_after_the_demand_it_is_about_and_its_answer_is_told() {
    let mut desk = Desk::registered();
    let calls = desk.call(|script, cx| {
        script.wanted = Demand { shapes: vec![core()] };
        cx.explain(&Role::default(), None);
        cx.explain(&Role::default(), Some(core()));
    });
    let demand = DemandCall { role: Role::default(), version: 1, demand: Demand { shapes: vec![core()] } };
    assert_eq!(calls, [Call::Demand(demand), question(None), question(Some(core()))]);
    assert_eq!(desk.receive(explanation("*")), []);
    assert_eq!(desk.heard(), ["explained * Sated"]);
    // What is answered is not asked again.
    assert_eq!(desk.call(|_, _| {}), []);
}

#[test]
fn a_question_waits_for_a_connection_and_is_not_repeated() {
    let mut desk = Desk::registered();
    desk.lose();
    assert_eq!(desk.call(|_, cx| cx.explain(&Role::default(), None)), []);
    desk.connect();
    assert_eq!(desk.subscribe(1), [question(None)]);
    assert_eq!(desk.reconnect(), []);
}

#[test]
fn questions_that_nobody_can_answer_have_a_limit() {
    let mut desk = Desk::registered();
    desk.lose();
    let ask = |times: usize| {
        move |_: &mut Script, cx: &mut meros_session::Context| (0..times).for_each(|_| cx.explain(&Role::default(), None))
    };
    assert_eq!(desk.call(ask(EXPLAINS_MAX)), []);
    let effects = desk.event(meros_session::Event::Called(Box::new(ask(1))));
    let error = SessionError::LimitExceeded { what: "questions to explain", limit: EXPLAINS_MAX };
    assert_eq!(effects, [Effect::Finished(Err(error))]);
}
