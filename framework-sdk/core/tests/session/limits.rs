//! What can grow has an end, and what is too large for one message leaves in several.

use meros_session::{Effect, LaunchError};
use meros_types::*;

use crate::desk::*;

fn messages(effects: Vec<Effect>) -> Vec<Vec<Call>> {
    let calls = |effect| match effect {
        Effect::Send(message) => message.calls,
        other => panic!("{other:?}"),
    };
    effects.into_iter().map(calls).collect()
}

fn large(id: &str) -> TaskSpec {
    let mut task = task(id);
    task.command = Command::shell("x".repeat(100_000));
    task.resources = Resources::none().with_cpu_milli(1);
    task
}

#[test]
fn an_offer_takes_no_more_than_a_message_can_carry() {
    let mut desk = Desk::registered();
    desk.call(|script, _| {
        script.on_offers = Some(Box::new(|offers, _| {
            let launched = (0..20).map(|n| offers[0].launch(large(&n.to_string())));
            let errors: Vec<_> = launched.filter_map(Result::err).collect();
            assert_eq!(errors.len(), 10);
            assert!(matches!(errors[0], LaunchError::TooLarge { max: meros_session::limits::OFFER_BYTES_MAX, .. }));
        }));
    });
    desk.receive(FrameworkEvent::Offers(vec![offer(1)]));
}

#[test]
fn large_accepts_leave_in_several_messages_with_the_demand_in_the_first() {
    let mut desk = Desk::registered();
    desk.call(|script, _| {
        script.on_offers = Some(Box::new(|offers, _| {
            for offer in offers {
                for n in 0..10 {
                    offer.launch(large(&format!("{}-{n}", offer.id()))).unwrap();
                }
            }
        }));
    });
    let offers = desk.received(FrameworkEvent::Offers((1..=3).map(offer).collect()));
    let want = meros_session::Event::Called(Box::new(|script: &mut Script, _| script.wanted = Demand::anything()));
    let effects = desk.batch(vec![offers, want]);
    let messages = messages(effects);
    assert_eq!(messages.len(), 3);
    assert!(matches!(&messages[0][..], [Call::Demand(_), Call::Accept(_)]));
    assert!(matches!(&messages[2][..], [Call::Accept(accept)] if accept.groups.len() == 1));
}

#[test]
fn a_message_has_at_most_so_many_calls() {
    let mut desk = Desk::registered();
    let facts = (1..=1_500).map(|n| desk.received(fact("a", 1, TaskState::Finished, 1, n))).collect();
    let sizes: Vec<_> = messages(desk.batch(facts)).iter().map(Vec::len).collect();
    assert_eq!(sizes, [CALLS_MAX, 1_500 - CALLS_MAX]);
}

#[test]
fn many_offers_go_back_in_few_messages() {
    let mut desk = Desk::registered();
    let offers = desk.received(FrameworkEvent::Offers((0..100_000).map(offer).collect()));
    let messages = messages(desk.batch(vec![offers]));
    let declined: usize =
        messages.iter().flatten().map(|call| if let Call::Decline(decline) = call { decline.offers.len() } else { 0 }).sum();
    assert_eq!((messages.len(), declined), (3, 100_000));
}

#[test]
fn too_many_timers_are_the_schedulers_end() {
    let mut desk = Desk::registered();
    let effects = desk.event(meros_session::Event::Called(Box::new(|_: &mut Script, cx: &mut meros_session::Context| {
        for _ in 0..=meros_session::limits::TIMERS_MAX {
            cx.after(std::time::Duration::from_secs(1));
        }
    })));
    let Some(Effect::Finished(Err(error))) = effects.last() else { panic!("{effects:?}") };
    assert_eq!(error.to_string(), "the scheduler has more than 1048576 timers");
}

#[test]
fn a_demand_with_too_many_shapes_is_cut() {
    let mut desk = Desk::registered();
    let shape = Shape::of(Resources::none().with_cpu_milli(1));
    let demand = Demand { shapes: vec![shape; SHAPES_MAX + 1] };
    let calls = desk.call(|script, _| script.wanted = demand);
    assert!(matches!(&calls[..], [Call::Demand(call)] if call.demand.shapes.len() == SHAPES_MAX));
    assert_eq!(desk.call(|_, _| {}), []);
}
