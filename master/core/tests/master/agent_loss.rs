//! Agents whose stream is gone: offers end at once, tasks are UNREACHABLE later, and all is rebuilt on return.

use meros_types::TaskState::{Finished, Running, Unreachable};

use crate::harness::*;

const UNREACHABLE: &str = "f t UNREACHABLE AGENT_UNREACHABLE";

fn with_task() -> World {
    let world = World::new().with_agent("a", "cpus:4").with_taker("f");
    world.after(says("f", [accept(&[1], &[("t", "cpus:1")])])).after(states("a", "f", "t", (1, 1), Running, 1)).after(passes(5))
}

fn task() -> Held {
    held("f", "t", (1, 1), Running, "cpus:1")
}

#[test]
fn offers_are_rescinded_at_once_and_tasks_unreachable_after_half_a_minute() {
    let mut world = with_task();
    world.check(closes("a"), &["f rescinded 2"]);
    world.check(passes(29), &[]);
    world.check(passes(1), &[UNREACHABLE]);
    assert_eq!(world.master.state().frameworks[0].allocated, resources(""));
    world.check(says("f", [reconcile(&["t"])]), &[UNREACHABLE]);
}

#[test]
fn an_agent_that_returns_in_time_was_never_lost() {
    let mut world = with_task().after(closes("a"));
    world.run(passes(29));
    let again = registers("b").of("a").with("cpus:4").holding([task()]);
    world.check(again, &["b registered", "f offers 3@b(cpus:3)"]);
    // Its next loss has its own half minute.
    world.run(closes("b"));
    world.check(passes(29), &[]);
    world.check(passes(1), &[UNREACHABLE]);
}

#[test]
fn an_agent_that_returns_late_brings_its_tasks_back() {
    let mut world = with_task().after(closes("a")).after(passes(60));
    let again = registers("b").of("a").with("cpus:4").holding([task()]);
    world.check(again, &["b registered", "f t RUNNING AGENT_RETURNED", "f offers 3@b(cpus:3)"]);
    assert_eq!(world.agent_state("b").used, resources("cpus:1"));
}

#[test]
fn a_task_that_ended_meanwhile_is_told_by_its_fact() {
    let mut world = with_task().after(closes("a")).after(passes(60));
    let over = held("f", "t", (1, 1), Finished, "");
    world.check(registers("b").of("a").with("cpus:4").holding([over]), &["b registered", "f offers 3@b(cpus:4)"]);
    world.check(states("b", "f", "t", (1, 1), Finished, 2), &["f t FINISHED EXITED #2"]);
    // How it ended is known though the registration had said before that it did.
    let update = world.master.state().tasks[0].update.clone();
    assert_eq!((update.state, update.fact.map(|fact| fact.n)), (Finished, Some(2)));
}

#[test]
fn the_agent_forgets_and_the_task_is_gone_for_good() {
    let mut world = with_task().after(closes("a")).after(passes(60));
    world.check(registers("b").of("a").with("cpus:4"), &["b registered", "f t GONE AGENT_FORGOT", "f offers 3@b(cpus:4)"]);
    world.check(states("b", "f", "t", (1, 1), Running, 9), &["f t RUNNING EXITED #9"]);
    world.check(says("f", [reconcile(&["t"])]), &["f t GONE AGENT_FORGOT"]);
}

#[test]
fn facts_wait_out_the_loss_without_losing_the_account() {
    let mut world = with_task().after(closes("a")).after(passes(60));
    // Its stream is closed, and what comes from it still is nobody's.
    world.check(states("a", "f", "t", (1, 1), Unreachable, 3), &["close a"]);
}

#[test]
fn agents_come_and_go_and_nothing_is_left() {
    let mut world = with_task();
    for _ in 0..50 {
        world.run(registers("a").with("cpus:4").holding([task()]));
        world.run(closes("a"));
    }
    assert_eq!(format!("{:?}", world.master).matches("AgentLost").count(), 1);
    assert_eq!(world.master.state().agents.len(), 1);
}

#[test]
fn a_launch_that_no_agent_has_spoken_of_may_have_run_on_a_machine_that_lost_power() {
    let sent = || World::new().with_agent("a", "cpus:4").with_taker("f").after(says("f", [accept(&[1], &[("t", "cpus:1")])]));
    let again = || registers("b").of("a").with("cpus:4");
    let mut world = sent().after(closes("a"));
    world.check(again(), &["b registered", "f t DROPPED LAUNCH_LOST", "f offers 2@b(cpus:4)"]);
    let mut world = sent().after(closes("a"));
    world.check(again().rebooted(), &["b registered", "f t GONE AGENT_REBOOTED", "f offers 2@b(cpus:4)"]);
}
