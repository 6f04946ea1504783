//! Facts that the scheduler acknowledges itself, later.

use std::time::Duration;

use meros_session::Context;
use meros_types::TaskState::*;
use meros_types::*;

use crate::desk::*;

/// A scheduler with the task `a`, which puts off acknowledging.
fn deferring() -> Desk {
    let mut desk = Desk::new(keyed());
    desk.connect();
    desk.subscribe(1);
    desk.launch("a");
    desk.call(|script, _| script.defers = true);
    desk
}

/// The scheduler acknowledges the oldest, or the newest, that it has put off.
fn acknowledge(desk: &mut Desk, oldest: bool) -> Vec<Call> {
    desk.call(move |script, cx: &mut Context| {
        let ack = if oldest { script.acks.pop_front() } else { script.acks.pop_back() };
        cx.acknowledge(ack.unwrap());
    })
}

#[test]
fn it_is_acknowledged_when_the_scheduler_says_so() {
    let mut desk = deferring();
    assert_eq!(desk.receive(fact("a", 1, Running, 1, 1)), []);
    assert_eq!(acknowledge(&mut desk, true), [acknowledged(1, 1, 1)]);
    assert_eq!(desk.receive(fact("a", 1, Running, 1, 1)), [acknowledged(1, 1, 1)]);
    assert_eq!(desk.heard(), ["a RUNNING STARTED"]);
}

#[test]
fn while_it_waits_it_is_not_told_again() {
    let mut desk = deferring();
    desk.receive(fact("a", 1, Finished, 1, 1));
    desk.reconnect();
    assert_eq!(desk.receive(fact("a", 1, Finished, 1, 1)), []);
    assert_eq!(desk.heard(), ["a FINISHED STARTED", "registered Resumed epoch 1"]);
    assert_eq!(acknowledge(&mut desk, true), [acknowledged(1, 1, 1)]);
}

#[test]
fn the_next_process_is_told_again_what_was_not_acknowledged() {
    let mut desk = deferring();
    desk.receive(fact("a", 1, Running, 1, 1));
    acknowledge(&mut desk, true);
    desk.receive(fact("a", 1, Killing, 1, 2));
    desk.receive(fact("a", 1, Finished, 1, 3));
    desk.call(|_, cx| assert_eq!(cx.task_count(), 0));
    let mut desk = desk.restart();
    desk.connect();
    desk.subscribe(2);
    desk.heard();
    assert_eq!(desk.receive(fact("a", 1, Running, 1, 1)), [acknowledged(1, 1, 1)]);
    assert_eq!(desk.receive(fact("a", 1, Killing, 1, 2)), [acknowledged(1, 1, 2)]);
    assert_eq!(desk.receive(fact("a", 1, Finished, 1, 3)), [acknowledged(1, 1, 3)]);
    assert_eq!(desk.heard(), ["a KILLING STARTED", "a FINISHED STARTED"]);
}

#[test]
fn later_facts_of_the_task_wait_behind_it_and_those_of_others_do_not() {
    let mut desk = deferring();
    desk.receive(fact("a", 1, Running, 1, 1));
    desk.receive(fact("a", 1, Killing, 1, 2));
    desk.call(|script, _| script.defers = false);
    assert_eq!(desk.receive(fact("a", 1, Killed, 1, 3)), []);
    assert_eq!(desk.receive(fact("b", 2, Running, 1, 4)), [acknowledged(2, 1, 4)]);
    assert_eq!(acknowledge(&mut desk, false), []);
    assert_eq!(acknowledge(&mut desk, true), [1, 2, 3].map(|n| acknowledged(1, 1, n)));
}

#[test]
fn a_wish_to_kill_is_stored_though_a_fact_waits() {
    let mut desk = deferring();
    desk.receive(fact("a", 1, Running, 1, 1));
    desk.call(|_, cx| assert!(cx.kill(&TaskId::new("a").unwrap())));
    let desk = desk.restart();
    let task = desk.host.context().task(&TaskId::new("a").unwrap()).unwrap();
    assert_eq!((task.is_kill_requested(), task.state()), (true, Staging));
}

#[test]
fn a_promise_may_be_kept_in_the_same_callback_and_without_a_connection() {
    let mut desk = deferring();
    desk.receive(fact("a", 1, Running, 1, 1));
    desk.lose();
    assert_eq!(acknowledge(&mut desk, true), []);
    desk.connect();
    desk.subscribe(1);
    assert_eq!(desk.receive(fact("a", 1, Running, 1, 1)), [acknowledged(1, 1, 1)]);
    desk.call(|script, _| (script.defers, script.keeps) = (false, true));
    assert_eq!(desk.receive(fact("a", 1, Killing, 1, 2)), [acknowledged(1, 1, 2)]);
}

#[test]
fn nothing_but_a_fact_can_be_put_off() {
    let mut desk = deferring();
    desk.receive(view("a", Running));
    desk.call(|script, cx| {
        assert!(script.acks.is_empty());
        assert_eq!(cx.defer_ack(), None);
        cx.after(Duration::from_secs(1));
    });
    desk.wait(Duration::from_secs(2));
}
