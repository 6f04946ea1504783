//! What waits for the registry, what doesn't, and what happens to those who wait.

use meros_master_core::{AgentStanding, Request, TEARDOWNS_WAITING_MAX};
use meros_types::TaskState::{Finished, Running};
use meros_types::{Call, Demand};

use crate::harness::*;

fn held_back() -> World {
    World::new().after(Step::Holds)
}

fn with_task() -> World {
    let world = World::new().with_agent("a", "cpus:4").with_taker("f");
    world.after(says("f", [accept(&[1], &[("t", "cpus:1")])])).after(states("a", "f", "t", (1, 1), Running, 1))
}

#[test]
fn a_new_agent_hears_its_id_when_that_is_stored() {
    let mut world = World::new().with_taker("f").after(Step::Holds);
    world.check(registers("a").with("cpus:4"), &[]);
    assert_eq!(world.master.state().agents, []);
    // What it says before that is nobody's.
    world.check(beats("a"), &[]);
    world.check(stores(1), &["a registered", "f offers 1@a(cpus:4)"]);
}

#[test]
fn a_known_agent_waits_for_no_disk() {
    let mut world = World::new().with_agent("a", "cpus:4").after(Step::Holds);
    world.check(registers("b").of("a").with("cpus:4"), &["close a", "b registered"]);
    world.check(registers("a").with("cpus:4"), &["close b", "a registered"]);
    // Also when it was lost.
    let mut world = world.after(closes("a")).after(passes(30));
    world.check(registers("c").of("a").with("cpus:4"), &["c registered"]);
}

#[test]
fn an_agent_that_comes_again_while_it_waits_is_admitted_once() {
    let mut world = held_back().after(registers("a").with("cpus:4"));
    world.check(registers("b").secret("a").with("cpus:2"), &["close a"]);
    world.check(stores(1), &["b registered"]);
    assert_eq!(world.master.state().agents.len(), 1);
    assert_eq!(world.agent_state("b").total, resources("cpus:2"));
    // The hostname that is stored is the first one's; the right one follows.
    world.check(stores(1), &[]);
    assert_eq!(world.disk.agents[&world.agent_id("b")].hostname, "b");
}

#[test]
fn an_agent_that_leaves_while_it_waits_is_admitted_all_the_same() {
    let mut world = held_back().after(registers("a").with("cpus:4")).after(closes("a"));
    world.check(stores(1), &[]);
    assert_eq!(world.master.state().agents.len(), 1);
    world.check(registers("a").with("cpus:4"), &["a registered"]);
    assert_eq!(world.master.state().agents.len(), 1);
    // One that doesn't come again is lost like any other.
    let mut world = held_back().after(registers("a")).after(closes("a")).after(Step::Releases);
    world.check(passes(30), &[]);
    let stored = world.disk.agents.values().map(|agent| agent.state).collect::<Vec<_>>();
    assert_eq!(stored, [AgentStanding::Unreachable { since: world.now.wall }]);
}

/// What it said is judged by what is true when it is admitted.
#[test]
fn two_that_bring_the_same_launch_are_not_both_taken() {
    let task = || held("f", "t", (0, 1), Running, "cpus:1");
    let mut world = held_back().after(registers("a").holding([task()])).after(registers("b").holding([task()]));
    let lines = world.run(Step::Releases);
    assert_eq!(lines[0], "a registered");
    assert!(lines[1].starts_with("b refused: launch 0.1 is task t of framework "), "{lines:?}");
}

#[test]
fn a_new_framework_is_subscribed_when_that_is_stored_and_its_calls_apply_then() {
    let mut world = World::new().with_agent("a", "cpus:4").after(Step::Holds);
    world.check(subscribes("f").then([demand(1, copies("cpus:1", 2))]), &[]);
    assert_eq!(world.master.state().frameworks, []);
    world.check(says("f", [Call::Heartbeat]), &[]);
    world.check(stores(1), &["f subscribed, epoch 1", "f offers 1@a(cpus:2)"]);
}

#[test]
fn a_takeover_waits_and_whoever_was_there_goes_on_until_then() {
    let mut world = World::new().with_agent("a", "cpus:4").with_taker("f").after(Step::Holds);
    world.check(subscribes("g").of("f").then([demand(1, copies("cpus:1", 1))]), &[]);
    world.check(says("f", [accept(&[1], &[("t", "cpus:1")])]), &["f t STAGING ACCEPTED", "a launch 1.1 t cpus:1"]);
    assert_eq!(world.launched_epochs, [1]);
    world.check(stores(1), &["f ended Fenced", "close f", "g subscribed, epoch 2", "a resend f", "g offers 2@a(cpus:1)"]);
}

/// A master that comes back would not know whose key it is, and give it to another framework.
#[test]
fn a_key_that_is_new_to_its_framework_is_stored_first() {
    let mut world = World::new().after(subscribes("f")).after(Step::Holds);
    world.check(subscribes("g").of("f").key("k").resumes(1), &[]);
    world.check(stores(1), &["f ended Fenced", "close f", "g subscribed, epoch 1"]);
}

#[test]
fn resuming_what_is_stored_waits_for_no_disk() {
    let mut world = World::new().after(subscribes("f").key("k")).after(Step::Holds).after(closes("f"));
    world.check(subscribes("g").of("f").key("k").resumes(1), &["g subscribed, epoch 1"]);
    // Not even for another's takeover, which fences it when it comes.
    world.check(subscribes("h").of("f").key("k"), &[]);
    world.check(subscribes("i").of("f").key("k").resumes(1), &["g ended Fenced", "close g", "i subscribed, epoch 1"]);
    world.check(Step::Releases, &["i ended Fenced", "close i", "h subscribed, epoch 2"]);
}

#[test]
fn the_newer_of_two_that_wait_supersedes_the_other() {
    let mut world = held_back().after(subscribes("f").key("k"));
    world.check(subscribes("g").key("k"), &["f ended Fenced", "close f"]);
    assert_eq!(world.disk.waiting(), 1);
    // The write under way was for the first one: the second has one, and an epoch, of its own.
    world.check(stores(1), &[]);
    assert_eq!(world.disk.waiting(), 1);
    world.check(subscribes("h").key("k"), &["g ended Fenced", "close g"]);
    world.check(Step::Releases, &["h subscribed, epoch 3"]);
    world.check(closes("f"), &[]);
    assert_eq!(world.master.state().frameworks.len(), 1);
}

#[test]
fn two_that_come_in_one_batch_need_one_write() {
    let mut world = World::new();
    let lines = world.run(batch([subscribes("f").key("k").into(), subscribes("g").key("k").into()]));
    assert_eq!(lines, ["f ended Fenced", "close f", "g subscribed, epoch 1"]);
    assert_eq!(world.disk.sizes, [1]);
}

#[test]
fn a_takeover_whose_stream_closes_takes_effect_all_the_same() {
    let mut world = with_task().after(Step::Holds).after(subscribes("g").of("f"));
    world.check(closes("g"), &[]);
    world.check(Step::Releases, &["f ended Fenced", "close f"]);
    world.check(subscribes("h").of("f").resumes(1), &["h ended Fenced", "close h"]);
    // Nobody is its scheduler: its time runs.
    world.check(passes(59), &[]);
    world.check(passes(1), &["a kill 1.1"]);
}

#[test]
fn a_new_framework_whose_stream_closes_is_removed_in_its_time() {
    let mut world = held_back().after(subscribes("f")).after(closes("f")).after(Step::Releases);
    assert_eq!(world.disk.frameworks.len(), 1);
    world.run(passes(60));
    assert_eq!((world.disk.frameworks.len(), world.disk.removed.len()), (0, 1));
}

#[test]
fn a_takeover_that_waits_keeps_the_framework_from_timing_out() {
    let mut world = with_task().after(closes("f")).after(passes(59)).after(Step::Holds).after(subscribes("g").of("f"));
    world.check(passes(5), &[]);
    world.check(Step::Releases, &["g subscribed, epoch 2", "a resend f"]);
}

#[test]
fn the_end_of_a_framework_is_told_when_it_is_stored() {
    let mut world = with_task().after(passes(5)).with_taker("g").after(Step::Holds);
    // What it has on offer is free at once, and nothing that it asks for is done.
    world.check(says("f", [Call::Teardown, kill("t")]), &["g offers 3@a(cpus:3)"]);
    world.check(says("f", [demand(2, Demand::anything()), kill("t"), Call::Teardown]), &[]);
    assert_eq!(world.disk.waiting(), 1);
    world.check(stores(1), &["f ended Removed", "close f", "a kill 1.1"]);
    // A master that is killed before knows it still.
    let mut world = with_task().after(Step::Holds).after(says("f", [Call::Teardown])).after(Step::Restarts);
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1"]);
}

#[test]
fn its_stream_may_close_before_that() {
    let mut world = with_task().after(Step::Holds).after(says("f", [Call::Teardown]));
    world.check(closes("f"), &[]);
    world.check(passes(120), &[]);
    world.check(stores(1), &["a kill 1.1"]);
}

#[test]
fn whoever_subscribes_to_an_ending_framework_hears_that_when_it_is_stored() {
    let mut world = with_task().after(Step::Holds).after(says("f", [Call::Teardown]));
    world.check(subscribes("g").of("f").resumes(1), &[]);
    world.check(subscribes("h").of("f"), &["g ended Fenced", "close g"]);
    world.check(stores(1), &["f ended Removed", "close f", "a kill 1.1", "h ended Removed", "close h"]);
    // The key of an ending framework is free when it has ended: whoever waits with it is a new one.
    let mut world = World::new().after(subscribes("f").key("k")).after(Step::Holds).after(says("f", [Call::Teardown]));
    world.check(subscribes("g").key("k"), &[]);
    world.check(Step::Releases, &["f ended Removed", "close f", "g subscribed, epoch 1"]);
    assert_ne!(world.framework_id("f"), world.framework_id("g"));
}

#[test]
fn an_operator_is_told_when_the_end_is_stored() {
    let mut world = with_task().after(Step::Holds);
    let step = || Step::Asks(Request::Teardown { framework: with_task().framework_id("f") });
    for _ in 0..TEARDOWNS_WAITING_MAX {
        world.check(step(), &[]);
    }
    assert!(world.run(step())[0].ends_with("is being removed and too many wait for it; ask again in a moment"));
    let lines = world.run(stores(1));
    assert_eq!(lines[..3], ["f ended Removed", "close f", "reply TornDown"]);
    assert_eq!(lines.iter().filter(|line| *line == "reply TornDown").count(), TEARDOWNS_WAITING_MAX);
    assert!(world.run(step())[0].starts_with("reply: no framework "));
}

#[test]
fn a_batch_is_one_transaction_and_an_agent_or_framework_has_one_write_under_way() {
    let mut world = held_back();
    let step = |name: &str| -> Step { registers(name).into() };
    world.run(batch([step("a"), step("b"), subscribes("f").into(), subscribes("g").key("k").into()]));
    assert_eq!(world.disk.sizes, [4]);
    // However much changes meanwhile, it is one write when the first is stored.
    let mut world = World::new().after(subscribes("f").key("k")).after(Step::Holds);
    for _ in 0..3 {
        world.run(closes("f"));
        world.run(subscribes("f").of("f").key("k").resumes(1));
    }
    assert_eq!(world.disk.waiting(), 1);
    world.run(passes(1));
    world.run(closes("f"));
    world.run(stores(1));
    assert_eq!((world.disk.waiting(), world.disk.sizes.len()), (1, 3));
    world.run(Step::Releases);
    assert!(world.disk.frameworks[&world.framework_id("f")].deadline.is_some());
}

/// The agents' word counts at once against others, and for a scheduler when it is stored.
#[test]
fn an_epoch_that_an_agent_told_is_stored_before_anybody_resumes_it() {
    let mut world = World::new().with_framework("f").after(Step::Holds);
    let task = held("f", "t", (0, 1), Running, "cpus:1").epoch(2);
    world.run(registers("a").holding([task]));
    world.check(stores(1), &["a registered", "f ended Fenced", "close f"]);
    world.check(subscribes("g").of("f").resumes(1), &["g ended Fenced", "close g"]);
    world.check(subscribes("h").of("f").resumes(2), &[]);
    world.check(Step::Releases, &["h subscribed, epoch 2", "a resend f"]);
    // It is stored though nobody comes for it.
    world.run(closes("h"));
    let task = held("f", "u", (0, 2), Running, "cpus:1").epoch(9);
    world.run(registers("b").of("a").holding([task]));
    assert_eq!(world.disk.frameworks[&world.framework_id("f")].epoch.0, 9);
}

#[test]
fn facts_and_launches_wait_for_no_disk() {
    let mut world = World::new().with_agent("a", "cpus:4").with_taker("f").after(Step::Holds);
    let lines = ["f t STAGING ACCEPTED", "a launch 1.1 t cpus:1"];
    world.check(says("f", [accept(&[1], &[("t", "cpus:1")])]), &lines);
    world.check(states("a", "f", "t", (1, 1), Finished, 1), &["f t FINISHED EXITED #1", "f offers 2@a(cpus:4)"]);
    assert_eq!(world.disk.waiting(), 0);
}
