//! A kill is a wish that stands until the task has ended.

use std::time::Duration;

use meros_session::{Effect, Identity};
use meros_types::TaskState::*;
use meros_types::*;

use crate::desk::*;

fn kill(task: &str, grace: Option<Duration>) -> Call {
    Call::Kill(KillCall { task: TaskId::new(task).unwrap(), grace })
}

fn id(task: &str) -> TaskId {
    TaskId::new(task).unwrap()
}

#[test]
fn a_kill_is_repeated_until_the_task_has_ended() {
    let mut desk = Desk::registered();
    desk.launch("a");
    assert_eq!(desk.call(|_, cx| assert!(cx.kill(&id("a")))), [kill("a", None)]);
    // After 5, 10 and 20 s; the next would come after 40.
    let mut said = Vec::new();
    let from = desk.now.mono;
    for _ in 0..70 {
        let effects = desk.wait(Duration::from_secs(1));
        if !effects.is_empty() {
            assert_eq!(desk.calls_of(effects), [kill("a", None)]);
            said.push(desk.now.mono.since(from).as_secs());
        }
    }
    assert_eq!(said, [5, 15, 35]);
    desk.receive(fact("a", 1, Killed, 1, 1));
    assert_eq!(desk.wait(Duration::from_secs(200)), []);
}

#[test]
fn the_same_wish_is_said_once_and_another_grace_at_once() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.call(|_, cx| assert!(cx.kill(&id("a"))));
    assert_eq!(desk.call(|_, cx| assert!(cx.kill(&id("a")))), []);
    let grace = Duration::from_secs(1);
    assert_eq!(desk.call(move |_, cx| assert!(cx.kill_within(&id("a"), grace))), [kill("a", Some(grace))]);
    assert!(desk.host.context().task(&id("a")).unwrap().is_kill_requested());
}

#[test]
fn what_is_not_live_can_not_be_killed() {
    let mut desk = Desk::registered();
    assert_eq!(desk.call(|_, cx| assert!(!cx.kill(&id("a")))), []);
}

#[test]
fn a_kill_outlives_the_connection() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.call(|_, cx| assert!(cx.kill(&id("a"))));
    desk.lose();
    desk.connect();
    assert_eq!(desk.subscribe(1), [kill("a", None), reconcile(&["a"])]);
}

#[test]
fn a_kill_without_a_connection_waits_for_one() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.lose();
    assert_eq!(desk.call(|_, cx| assert!(cx.kill(&id("a")))), []);
    desk.connect();
    assert_eq!(desk.subscribe(1), [kill("a", None), reconcile(&["a"])]);
}

#[test]
fn a_launch_goes_before_its_kill() {
    let mut desk = Desk::new(Identity::new("test"));
    desk.connect();
    desk.subscribe(1);
    desk.call(|script, _| script.on_offers = Some(Box::new(|offers, _| offers[0].launch(task("a")).unwrap())));
    let offers = desk.received(FrameworkEvent::Offers(vec![offer(1)]));
    let event = meros_session::Event::Called(Box::new(|_: &mut Script, cx: &mut meros_session::Context| {
        assert!(cx.kill(&id("a")));
    }));
    let effects: Vec<Effect> = desk.batch(vec![offers, event]);
    assert_eq!(desk.calls_of(effects), [accept(1, vec![task("a")]), kill("a", None)]);
}
