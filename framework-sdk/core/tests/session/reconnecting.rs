//! What happens between one connection and the next.

use std::time::Duration;

use meros_session::{Disconnection, Effect, Event, Identity};
use meros_types::TaskState::*;
use meros_types::*;

use crate::desk::*;

#[test]
fn attempts_back_off_to_ten_seconds() {
    let mut desk = Desk::new(Identity::new("test"));
    let mut longest = Duration::from_millis(100);
    for _ in 0..12 {
        let from = desk.now.mono;
        desk.now.mono = from.max(desk.host.wakeup().unwrap());
        assert_eq!(desk.event(Event::TimePassed), [Effect::Connect]);
        let lost = desk.now.mono;
        desk.event(Event::Disconnected(Disconnection::Lost("refused".into())));
        let wait = desk.host.wakeup().unwrap().since(lost);
        assert!(longest / 2 <= wait && wait <= longest, "{wait:?} of {longest:?}");
        longest = (longest * 2).min(Duration::from_secs(10));
    }
}

#[test]
fn a_short_session_does_not_reset_the_wait_and_a_good_one_does() {
    let mut desk = Desk::registered();
    for _ in 0..8 {
        desk.reconnect();
    }
    desk.lose();
    assert!(desk.host.wakeup().unwrap().since(desk.now.mono) >= Duration::from_secs(5));
    desk.connect();
    desk.subscribe(1);
    desk.wait(Duration::from_secs(10));
    desk.lose();
    assert!(desk.host.wakeup().unwrap().since(desk.now.mono) <= Duration::from_millis(100));
}

#[test]
fn a_lost_session_is_resumed_and_everything_is_said_again() {
    let mut desk = Desk::registered();
    desk.call(|script, _| script.wanted = Demand::anything());
    desk.launch("a");
    desk.lose();
    let Call::Subscribe(subscribe) = desk.connect() else { panic!() };
    assert_eq!((subscribe.framework, subscribe.mode), (Some(FRAMEWORK), SubscribeMode::Resume(Epoch(1))));
    let demand = Call::Demand(DemandCall { role: Role::default(), version: 2, demand: Demand::anything() });
    assert_eq!(desk.subscribe(1), [demand, reconcile(&["a"])]);
}

#[test]
fn unanswered_questions_are_asked_again_ever_more_slowly() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.launch("b");
    desk.receive(view("b", Running));
    desk.reconnect();
    desk.receive(view("a", Running));
    let mut asked = Vec::new();
    let from = desk.now.mono;
    for _ in 0..20 {
        let effects = desk.wait(Duration::from_secs(1));
        if !effects.is_empty() {
            assert_eq!(desk.calls_of(effects), [reconcile(&["b"])]);
            asked.push(desk.now.mono.since(from).as_secs());
        }
    }
    assert_eq!(asked, [1, 3, 7, 15]);
    desk.receive(view("b", Running));
    assert_eq!(desk.wait(Duration::from_secs(200)), []);
}

#[test]
fn the_scheduler_may_ask_about_its_tasks() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.receive(view("a", Running));
    desk.heard();
    assert_eq!(desk.call(|_, cx| cx.reconcile()), [reconcile(&["a"])]);
    desk.receive(view("a", Running));
    assert!(desk.heard().is_empty());
}

#[test]
fn without_tasks_there_is_no_question() {
    let mut desk = Desk::registered();
    assert_eq!(desk.reconnect(), []);
    assert_eq!(desk.call(|_, cx| cx.reconcile()), []);
}

#[test]
fn the_context_knows_whether_there_is_a_session() {
    let mut desk = Desk::registered();
    desk.call(|_, cx| assert!(cx.session().is_some()));
    desk.lose();
    desk.call(|_, cx| assert!(cx.session().is_none()));
}

#[test]
fn the_end_of_a_connection_that_was_given_up_is_no_news() {
    let mut desk = Desk::registered();
    desk.lose();
    let wakeup = desk.host.wakeup();
    desk.lose();
    assert_eq!(desk.event(Event::Disconnected(Disconnection::Refused("late".into()))), []);
    assert_eq!(desk.host.wakeup(), wakeup);
}
