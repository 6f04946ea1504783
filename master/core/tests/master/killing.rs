//! Kills, reconciliation and teardown: level-triggered, so that asking again is always right.

use meros_types::Call;
use meros_types::TaskState::{Finished, Killed, Killing, Running};

use crate::harness::*;

fn with_task() -> World {
    let world = World::new().with_agent("a", "cpus:4").with_taker("f");
    world.after(says("f", [accept(&[1], &[("t", "cpus:1")])])).after(states("a", "f", "t", (1, 1), Running, 1))
}

#[test]
fn a_kill_goes_to_the_agent_each_time_it_is_said() {
    let mut world = with_task();
    world.check(says("f", [kill("t")]), &["a kill 1.1"]);
    assert_eq!(world.agent_state("a").releasing, resources("cpus:1"));
    world.check(says("f", [kill("t")]), &["a kill 1.1"]);
    world.check(states("a", "f", "t", (1, 1), Killing, 2), &["f t KILLING EXITED #2"]);
    world.check(states("a", "f", "t", (1, 1), Killed, 3), &["f t KILLED EXITED #3", "f offers 2@a(cpus:4)"]);
}

#[test]
fn killing_what_is_over_or_unknown_says_how_it_is() {
    let mut world = with_task().after(states("a", "f", "t", (1, 1), Finished, 2));
    world.check(says("f", [kill("t"), kill("never")]), &["f t FINISHED EXITED #2", "f never UNKNOWN RECONCILIATION"]);
}

#[test]
fn a_kill_without_a_stream_waits_to_be_said_again() {
    let mut world = with_task().after(closes("a"));
    world.check(says("f", [kill("t")]), &[]);
    let task = held("f", "t", (1, 1), Running, "cpus:1");
    world.run(registers("b").of("a").with("cpus:4").holding([task]));
    world.check(says("f", [kill("t")]), &["b kill 1.1"]);
}

#[test]
fn another_framework_cannot_kill_it() {
    let mut world = with_task().with_framework("g");
    world.check(says("g", [kill("t")]), &["g t UNKNOWN RECONCILIATION"]);
}

#[test]
fn reconciling_answers_each_live_task_with_a_view_and_an_ended_one_with_its_fact() {
    let mut world = with_task();
    world.check(says("f", [reconcile(&["t", "x"])]), &["f t RUNNING EXITED", "f x UNKNOWN RECONCILIATION"]);
    world.check(says("f", [reconcile(&[])]), &["f t RUNNING EXITED"]);
    let mut world = with_task().after(states("a", "f", "t", (1, 1), Finished, 2));
    world.check(says("f", [reconcile(&[])]), &[]);
    world.check(says("f", [reconcile(&["t"])]), &["f t FINISHED EXITED #2"]);
}

#[test]
fn a_teardown_kills_every_task_and_acknowledges_what_follows() {
    let mut world = with_task();
    world.check(says("f", [Call::Teardown, kill("t")]), &["f ended Removed", "close f", "a kill 1.1"]);
    assert_eq!(world.metrics().tasks_live, 1);
    world.check(states("a", "f", "t", (1, 1), Killing, 2), &["a acknowledged 2"]);
    world.check(states("a", "f", "t", (1, 1), Killed, 3), &["a acknowledged 3"]);
    world.check(states("a", "f", "t", (1, 1), Killed, 3), &["a acknowledged 3"]);
    assert_eq!(world.master.state().frameworks, []);
    assert_eq!(world.agent_state("a").free, resources("cpus:4"));
}

#[test]
fn a_removed_frameworks_task_is_killed_when_its_agent_returns() {
    let mut world = with_task().after(closes("a")).after(says("f", [Call::Teardown]));
    let task = || held("f", "t", (1, 1), Running, "cpus:1");
    world.check(registers("b").of("a").with("cpus:4").holding([task()]), &["b registered", "b kill 1.1"]);
    // Also when it was unreachable for long, and when it comes again without having heard.
    world.run(closes("b"));
    world.run(passes(31));
    world.check(registers("c").of("b").with("cpus:4").holding([task()]), &["c registered", "c kill 1.1"]);
    world.check(registers("d").of("b").with("cpus:4"), &["close c", "d registered"]);
    assert_eq!(world.master.state().frameworks, []);
}

#[test]
fn a_task_of_a_framework_removed_and_forgotten_is_killed_too() {
    let mut world = World::new().with_framework("f").after(says("f", [Call::Teardown]));
    let task = held("f", "t", (0, 1), Running, "cpus:1");
    world.check(registers("a").holding([task]), &["a registered", "a kill 0.1"]);
    world.check(states("a", "f", "t", (0, 1), Killed, 1), &["a acknowledged 1"]);
    assert_eq!(world.master.state().frameworks, []);
}

#[test]
fn the_tasks_of_a_framework_that_has_ended_stay_in_sight() {
    let mut world = with_task().after(closes("f")).after(passes(60));
    assert_eq!(world.master.state().frameworks.len(), 1);
    world.run(states("a", "f", "t", (1, 1), Killed, 2));
    let state = world.master.state();
    assert_eq!((state.frameworks.len(), state.tasks.len()), (0, 1));
    assert_eq!((state.tasks[0].framework, state.tasks[0].update.state), (world.framework_id("f"), Killed));
    // A repetition of the fact changes nothing, and so does the end of others.
    world.check(states("a", "f", "t", (1, 1), Killed, 2), &["a acknowledged 2"]);
    assert_eq!(world.metrics().frameworks_disconnected, 0);
}
