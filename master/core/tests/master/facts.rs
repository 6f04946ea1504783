//! Facts: recorded, passed on, never acknowledged by the master while a framework may yet hear them.

use meros_types::Call;
use meros_types::TaskState::{Finished, Killing, Running};

use crate::harness::*;

fn with_task() -> World {
    World::new().with_agent("a", "cpus:4").with_taker("f").after(says("f", [accept(&[1], &[("t", "cpus:1")])]))
}

#[test]
fn the_framework_acknowledges_and_the_agent_is_told() {
    let mut world = with_task();
    world.check(states("a", "f", "t", (1, 1), Running, 1), &["f t RUNNING EXITED #1"]);
    let call = world.acknowledge("a", (1, 1), 1);
    world.check(says("f", [call]), &["a acknowledged 1"]);
}

#[test]
fn an_acknowledgement_for_an_agent_that_is_away_or_unknown_is_lost() {
    let mut world = with_task();
    let call = world.acknowledge("a", (1, 1), 1);
    world.run(closes("a"));
    world.check(says("f", [call.clone()]), &[]);
    let Call::Acknowledge(mut unknown) = call else { unreachable!() };
    unknown.agent = meros_types::AgentId::from_bytes([9; 16]);
    world.check(says("f", [Call::Acknowledge(unknown)]), &[]);
}

#[test]
fn a_final_fact_releases_at_once_and_is_never_replaced() {
    let mut world = with_task();
    world.run(states("a", "f", "t", (1, 1), Finished, 1));
    assert_eq!(world.agent_state("a").used, resources(""));
    world.run(states("a", "f", "t", (1, 1), Running, 2));
    world.check(says("f", [reconcile(&["t"])]), &["f t FINISHED EXITED #1"]);
}

#[test]
fn repeated_facts_are_passed_on_and_change_nothing() {
    let mut world = with_task();
    world.run(states("a", "f", "t", (1, 1), Running, 1));
    world.run(states("a", "f", "t", (1, 1), Killing, 2));
    world.check(states("a", "f", "t", (1, 1), Running, 1), &["f t RUNNING EXITED #1"]);
    world.check(says("f", [reconcile(&["t"])]), &["f t KILLING EXITED"]);
    world.check(states("a", "f", "t", (1, 1), Finished, 3), &["f t FINISHED EXITED #3", "f offers 2@a(cpus:4)"]);
    world.check(states("a", "f", "t", (1, 1), Finished, 3), &["f t FINISHED EXITED #3"]);
    assert_eq!(world.metrics().counters.tasks_ended, 1);
}

#[test]
fn a_fact_about_anothers_task_is_dropped_and_acknowledged() {
    let mut world = with_task().with_agent("b", "cpus:1").with_framework("g");
    world.check(states("b", "f", "t", (1, 1), Finished, 1), &["b acknowledged 1"]);
    world.check(states("a", "g", "t", (1, 1), Finished, 2), &["a acknowledged 2"]);
    world.check(states("a", "f", "u", (1, 1), Finished, 3), &["a acknowledged 3"]);
    assert_eq!(world.agent_state("a").used, resources("cpus:1"));
}

/// Nobody knows yet whether it will come; when its time is over, its facts are over too.
#[test]
fn facts_of_a_framework_that_nobody_knows_wait_for_it() {
    let mut world = World::new().with_agent("a", "cpus:4");
    world.check(states("a", "x", "t", (0, 1), Finished, 1), &[]);
    world.run(passes(61));
    world.check(states("a", "x", "t", (0, 1), Finished, 1), &["a acknowledged 1"]);
}

#[test]
fn a_fact_of_another_session_is_dropped() {
    let mut world = with_task();
    world.run(registers("b").of("a").with("cpus:4"));
    world.forge_session("b", "a");
    world.check(states("b", "f", "t", (1, 1), Finished, 1), &[]);
}
