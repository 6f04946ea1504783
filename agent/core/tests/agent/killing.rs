//! Kills: a request, a grace, and then the end of every process.

use std::time::Duration;

use meros_agent_core::Event;
use meros_types::{Exit, TaskSpec};

use crate::harness::*;

fn with_task() -> World {
    World::with_task(spec("t", "cpus:1"))
}

/// A kill waits for nothing; that it is under way is said when the log has it.
const BEGINS: [&str; 2] = ["terminate 1", "t KILLING KILL_REQUESTED #2"];

/// Acknowledges what waits, so that no repetition comes between.
fn killed(mut world: World, grace: Option<u64>) -> World {
    world.check(world.kills(1, grace), &BEGINS);
    world.run(world.acknowledges(2));
    world
}

#[test]
fn a_kill_asks_first_and_destroys_when_the_grace_is_over() {
    let mut world = killed(with_task(), None);
    assert_eq!(world.pass_alive(Duration::from_millis(4_999)), [""; 0]);
    assert_eq!(world.pass_alive(Duration::from_millis(1)), ["destroy 1"]);
    world.check(world.ended(1, Exit::Signal(9)), &["t KILLED KILL_REQUESTED #3"]);
    world.run(world.acknowledges(3));
    assert_eq!(world.pass_alive(seconds(60)), [""; 0]);
}

#[test]
fn what_can_not_be_killed_is_destroyed_again() {
    let mut world = killed(with_task(), None);
    assert_eq!(world.pass_alive(seconds(15)), ["destroy 1", "destroy 1", "destroy 1"]);
}

#[test]
fn the_grace_is_the_orders_or_the_tasks_own() {
    let own = || World::with_task(TaskSpec { kill_grace: Some(seconds(2)), ..spec("t", "cpus:1") });
    assert_eq!(killed(own(), None).pass_alive(seconds(2)), ["destroy 1"]);
    assert_eq!(killed(own(), Some(1)).pass_alive(seconds(1)), ["destroy 1"]);
    let mut world = killed(own(), Some(u64::MAX));
    assert_eq!(world.pass_alive(seconds(3600)), [""; 0]);
}

#[test]
fn no_grace_at_all_destroys_at_once() {
    with_task().check(with_task().kills(1, Some(0)), &["terminate 1", "destroy 1", "t KILLING KILL_REQUESTED #2"]);
}

#[test]
fn asked_again_a_shorter_grace_counts_and_a_longer_one_does_not() {
    let mut world = killed(with_task(), Some(10));
    world.check(world.kills(1, Some(3)), &[]);
    world.check(world.kills(1, Some(20)), &[]);
    world.check(world.kills(1, None), &[]);
    assert_eq!(world.pass_alive(Duration::from_millis(2_999)), [""; 0]);
    assert_eq!(world.pass_alive(Duration::from_millis(1)), ["destroy 1"]);
}

#[test]
fn a_kill_before_the_start_counts_its_grace_from_the_start() {
    let mut world = World::began().registered();
    world.run(world.launches(1, "t", "cpus:1"));
    world.check(world.kills(1, Some(5)), &[]);
    assert_eq!(world.pass_alive(seconds(20)), [""; 0]);
    world.check(world.started(1), &["terminate 1", "t RUNNING STARTED #1", "t KILLING KILL_REQUESTED #2"]);
    for n in [1, 2] {
        world.run(world.acknowledges(n));
    }
    assert_eq!(world.pass_alive(Duration::from_millis(4_999)), [""; 0]);
    assert_eq!(world.pass_alive(Duration::from_millis(1)), ["destroy 1"]);
}

#[test]
fn killing_what_is_over_or_unknown_is_nothing() {
    let mut world = with_task();
    world.check(world.kills(2, None), &[]);
    world.run(world.ended(1, Exit::Code(0)));
    world.check(world.kills(1, None), &[]);
}

#[test]
fn the_grace_runs_on_without_a_master() {
    let mut world = killed(with_task(), None);
    world.run(Event::Disconnected { reason: String::new() });
    let lines = world.pass(seconds(5));
    assert!(lines.contains(&"destroy 1".to_owned()), "{lines:?}");
}
