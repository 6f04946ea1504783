//! A launch that a lost connection leaves in doubt comes to a definite end.

use std::time::Duration;

use meros_session::{Disconnection, Event};
use meros_types::TaskState::*;
use meros_types::*;

use crate::desk::*;

#[test]
fn a_launch_that_never_left_is_dropped_at_once() {
    let mut desk = Desk::registered();
    desk.call(|script, _| script.on_offers = Some(Box::new(|offers, _| offers[0].launch(task("a")).unwrap())));
    let offers = desk.received(FrameworkEvent::Offers(vec![offer(1)]));
    assert_eq!(desk.batch(vec![offers, Event::Disconnected(Disconnection::Lost("test".into()))]), []);
    assert_eq!(desk.heard(), ["offers 1", "a DROPPED LAUNCH_LOST"]);
    assert_eq!(desk.host.context().task_count(), 0);
}

#[test]
fn a_launch_unknown_to_the_same_master_is_dropped() {
    let mut desk = Desk::registered();
    desk.launch("a");
    assert_eq!(desk.reconnect(), [reconcile(&["a"])]);
    desk.heard();
    assert_eq!(desk.receive(view("a", Unknown)), []);
    assert_eq!(desk.heard(), ["a DROPPED LAUNCH_LOST"]);
    assert_eq!(desk.wait(Duration::from_secs(100)), []);
}

/// That its agent is unreachable is said of any task on it, also of one that the master has never heard of.
#[test]
fn a_launch_that_was_lost_with_its_agent_away_is_dropped_as_well() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.reconnect();
    desk.receive(view("a", Unreachable));
    desk.receive(view("a", Unknown));
    assert_eq!(desk.heard()[1..], ["a UNREACHABLE RECONCILIATION", "a DROPPED LAUNCH_LOST"]);
}

/// A scheduler with task `a`, and a master of a later term that doesn't know it.
fn unknown_to_a_new_master() -> Desk {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.session = SessionId { term: Term(2), n: 0 };
    desk.reconnect();
    desk.heard();
    desk.receive(view("a", Unknown));
    assert_eq!(desk.heard(), ["a UNKNOWN RECONCILIATION"]);
    desk
}

#[test]
fn a_launch_unknown_to_a_new_master_may_yet_turn_up() {
    let mut desk = unknown_to_a_new_master();
    let effects = desk.wait(Duration::from_secs(1));
    assert_eq!(desk.calls_of(effects), [reconcile(&["a"])]);
    desk.receive(view("a", Unknown));
    assert!(desk.heard().is_empty());
    desk.receive(fact("a", 1, Running, 1, 1));
    assert_eq!(desk.heard(), ["a RUNNING STARTED"]);
    assert_eq!(desk.wait(Duration::from_secs(100)), []);
}

#[test]
fn a_launch_unknown_to_a_new_master_that_has_the_agent_is_gone() {
    let mut desk = unknown_to_a_new_master();
    desk.receive(FrameworkEvent::Offers(vec![offer(1)]));
    desk.heard();
    let effects = desk.wait(Duration::from_secs(1));
    assert_eq!(desk.calls_of(effects), [reconcile(&["a"])]);
    desk.receive(view("a", Unknown));
    assert_eq!(desk.heard(), ["a GONE LAUNCH_LOST"]);
}

#[test]
fn a_word_about_another_task_of_the_agent_is_proof_as_well() {
    for (state, gone) in [(Running, true), (Unreachable, false)] {
        let mut desk = Desk::registered();
        desk.launch("a");
        desk.launch("b");
        desk.session = SessionId { term: Term(2), n: 0 };
        desk.reconnect();
        let FrameworkEvent::Update(mut about_b) = view("b", state) else { panic!() };
        about_b.agent = Some(agent());
        desk.receive(FrameworkEvent::Update(about_b));
        desk.heard();
        desk.receive(view("a", Unknown));
        let heard = if gone { "a GONE LAUNCH_LOST" } else { "a UNKNOWN RECONCILIATION" };
        assert_eq!(desk.heard(), [heard], "{state}");
    }
}

#[test]
fn a_task_that_ran_on_an_agent_that_has_it_no_more_is_gone() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.receive(fact("a", 1, Running, 1, 1));
    desk.session = SessionId { term: Term(2), n: 0 };
    desk.reconnect();
    desk.receive(FrameworkEvent::Offers(vec![offer(1)]));
    desk.heard();
    desk.receive(view("a", Unknown));
    assert_eq!(desk.heard(), ["a GONE LAUNCH_LOST"]);
    assert_eq!(desk.host.context().task_count(), 0);
}

#[test]
fn an_unknown_task_with_a_launch_did_start_once() {
    let mut desk = Desk::registered();
    desk.launch("a");
    let FrameworkEvent::Update(mut update) = view("a", Unknown) else { panic!() };
    update.launch = Some(launch_id(1));
    desk.receive(FrameworkEvent::Update(update));
    assert_eq!(desk.heard(), ["a UNKNOWN RECONCILIATION"]);
}

#[test]
fn a_refused_accept_is_asked_about() {
    let mut desk = Desk::registered();
    desk.launch("a");
    let refused = RefusedCall { call: "Accept".into(), reason: "test".into() };
    assert_eq!(desk.receive(FrameworkEvent::CallRefused(refused)), [reconcile(&["a"])]);
    desk.receive(view("a", Unknown));
    assert_eq!(desk.heard(), ["a DROPPED LAUNCH_LOST"]);
}
