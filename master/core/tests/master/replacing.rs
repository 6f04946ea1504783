//! A new master: it knows nobody, and rebuilds its tables from what agents and frameworks bring.

use meros_types::TaskState::{Finished, Running};

use crate::harness::*;

fn task(n: u64) -> Held {
    held("f", &format!("t{n}"), (1, n), Running, "cpus:1")
}

/// Under the second master, which knows the ids of the first.
fn replaced() -> World {
    World::new().with_agent("a", "cpus:4").with_agent("b", "cpus:4").with_framework("f").after(Step::Replaced)
}

#[test]
fn tasks_are_adopted_and_their_framework_resumes() {
    let mut world = replaced();
    world.check(registers("c").of("a").with("cpus:4").holding([task(1)]), &["c registered"]);
    assert_eq!(world.agent_state("c").used, resources("cpus:1"));
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "c resend f"]);
    world.check(says("g", [reconcile(&["t1"]), kill("t1")]), &["g t1 RUNNING AGENT_RETURNED", "c kill 1.1"]);
}

#[test]
fn a_framework_that_came_first_is_told_of_tasks_that_nobody_knew() {
    let mut world = replaced().after(subscribes("g").of("f").resumes(1));
    world.check(says("g", [reconcile(&["t1"])]), &["g t1 UNKNOWN RECONCILIATION"]);
    world.check(registers("c").of("a").holding([task(1)]), &["c registered", "g t1 RUNNING AGENT_RETURNED"]);
}

#[test]
fn tasks_of_a_framework_that_never_comes_are_killed() {
    let mut world = replaced().after(registers("c").of("a").holding([task(1)]));
    world.check(passes(59), &[]);
    world.check(passes(1), &["c kill 1.1"]);
}

/// The end of a task is kept for its framework: nothing but the framework acknowledges it.
#[test]
fn a_final_fact_from_before_waits_for_its_framework() {
    let mut world = replaced();
    let over = held("f", "t1", (1, 1), Finished, "");
    world.check(registers("c").of("a").holding([over]), &["c registered"]);
    world.check(states("c", "f", "t1", (1, 1), Finished, 5), &[]);
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "c resend f"]);
    world.check(states("c", "g", "t1", (1, 1), Finished, 5), &["g t1 FINISHED EXITED #5"]);
    assert_eq!(world.metrics().tasks_live, 0);
}

#[test]
fn the_highest_epoch_of_any_agent_counts() {
    let mut world = replaced();
    world.run(registers("c").of("a").holding([task(1).epoch(1)]));
    world.run(registers("d").of("b").holding([task(2).epoch(3)]));
    world.check(subscribes("g").of("f").resumes(2), &["g ended Fenced", "close g"]);
    world.check(subscribes("h").of("f"), &["h subscribed, epoch 4", "c resend f", "d resend f"]);
}

#[test]
fn a_scheduler_that_was_taken_over_from_is_fenced_when_an_agent_says_so() {
    let mut world = replaced().after(subscribes("g").of("f").resumes(1));
    world.check(registers("c").of("a").holding([task(1).epoch(2)]), &["c registered", "g ended Fenced", "close g"]);
    world.check(subscribes("h").of("f").resumes(2), &["h subscribed, epoch 2", "c resend f"]);
}

/// A framework that names its tasks itself may use a name again before the agent that has the first one is back.
#[test]
fn two_tasks_of_one_name_are_both_accounted_for_and_both_killed() {
    let world = replaced().after(registers("c").of("a").with("cpus:4")).after(subscribes("g").of("f").resumes(1));
    let mut world = world.after(says("g", [demand(1, meros_types::Demand::anything())]));
    world.check(says("g", [accept(&[1], &[("t1", "cpus:2")])]), &["c launch 2.1 t1 cpus:2"]);
    world.check(
        registers("d").of("b").with("cpus:4").holding([task(1)]),
        &["d registered", "g t1 RUNNING AGENT_RETURNED", "g offers 2@d(cpus:3)"],
    );
    world.check(says("g", [kill("t1")]), &["d kill 1.1", "c kill 2.1"]);
    world.run(states("c", "g", "t1", (2, 1), Finished, 1));
    world.check(says("g", [reconcile(&["t1"])]), &["g t1 RUNNING AGENT_RETURNED"]);
    world.run(says("g", [meros_types::Call::Teardown]));
    world.run(states("d", "g", "t1", (1, 1), Finished, 1));
    assert_eq!(world.master.state().frameworks, []);
}
