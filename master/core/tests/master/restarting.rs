//! A master that is killed and begins anew: it knows whoever was stored, waits for each, and rebuilds its tables from what
//! they bring.

use meros_master_core::AgentStanding;
use meros_types::TaskState::{Finished, Running};
use meros_types::{Call, Demand};

use crate::harness::*;

fn task(n: u64) -> Held {
    held("f", &format!("t{n}"), (1, n), Running, "cpus:1")
}

/// Under the second master.
fn restarted() -> World {
    World::new().with_agent("a", "cpus:4").with_agent("b", "cpus:4").with_framework("f").after(Step::Restarts)
}

#[test]
fn tasks_are_adopted_and_their_framework_resumes() {
    let mut world = restarted();
    world.check(registers("c").of("a").with("cpus:4").holding([task(1)]), &["c registered"]);
    assert_eq!(world.agent_state("c").used, resources("cpus:1"));
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "c resend f"]);
    world.check(says("g", [reconcile(&["t1"]), kill("t1")]), &["g t1 RUNNING AGENT_RETURNED", "c kill 1.1"]);
}

#[test]
fn a_framework_that_came_first_is_told_of_tasks_that_nobody_knew() {
    let mut world = restarted().after(subscribes("g").of("f").resumes(1));
    world.check(says("g", [reconcile(&["t1"])]), &["g t1 UNKNOWN RECONCILIATION"]);
    world.check(registers("c").of("a").holding([task(1)]), &["c registered", "g t1 RUNNING AGENT_RETURNED"]);
}

#[test]
fn tasks_of_a_framework_that_never_comes_are_killed() {
    let mut world = restarted().after(registers("c").of("a").holding([task(1)]));
    world.check(passes(59), &[]);
    world.check(passes(1), &["c kill 1.1"]);
}

/// The end of a task is kept for its framework: nothing but the framework acknowledges it.
#[test]
fn a_final_fact_from_before_waits_for_its_framework() {
    let mut world = restarted();
    let over = held("f", "t1", (1, 1), Finished, "");
    world.check(registers("c").of("a").holding([over]), &["c registered"]);
    world.check(states("c", "f", "t1", (1, 1), Finished, 5), &[]);
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "c resend f"]);
    world.check(states("c", "g", "t1", (1, 1), Finished, 5), &["g t1 FINISHED EXITED #5"]);
    assert_eq!(world.metrics().tasks_live, 0);
}

#[test]
fn the_highest_epoch_of_any_agent_counts() {
    let mut world = restarted();
    world.run(registers("c").of("a").holding([task(1).epoch(1)]));
    world.run(registers("d").of("b").holding([task(2).epoch(3)]));
    world.check(subscribes("g").of("f").resumes(2), &["g ended Fenced", "close g"]);
    world.check(subscribes("h").of("f"), &["h subscribed, epoch 4", "c resend f", "d resend f"]);
}

#[test]
fn a_scheduler_that_was_taken_over_from_is_fenced_when_an_agent_says_so() {
    let mut world = restarted().after(subscribes("g").of("f").resumes(1));
    world.check(registers("c").of("a").holding([task(1).epoch(2)]), &["c registered", "g ended Fenced", "close g"]);
    world.check(subscribes("h").of("f").resumes(2), &["h subscribed, epoch 2", "c resend f"]);
}

/// A framework that names its tasks itself may use a name again before the agent that has the first one is back.
#[test]
fn two_tasks_of_one_name_are_both_accounted_for_and_both_killed() {
    let world = restarted().after(registers("c").of("a").with("cpus:4")).after(subscribes("g").of("f").resumes(1));
    let mut world = world.after(says("g", [demand(1, Demand::anything())]));
    world.check(says("g", [accept(&[1], &[("t1", "cpus:2")])]), &["g t1 STAGING ACCEPTED", "c launch 2.1 t1 cpus:2"]);
    world.check(
        registers("d").of("b").with("cpus:4").holding([task(1)]),
        &["d registered", "g t1 RUNNING AGENT_RETURNED", "g offers 2@d(cpus:3)"],
    );
    world.check(says("g", [kill("t1")]), &["d kill 1.1", "c kill 2.1"]);
    world.run(states("c", "g", "t1", (2, 1), Finished, 1));
    world.check(says("g", [reconcile(&["t1"])]), &["g t1 RUNNING AGENT_RETURNED"]);
    world.run(says("g", [Call::Teardown]));
    world.run(states("d", "g", "t1", (1, 1), Finished, 1));
    assert_eq!(world.master.state().frameworks, []);
}

#[test]
fn agents_are_waited_for_and_then_unreachable_for_good_measure() {
    let mut world = restarted().after(registers("c").of("a").with("cpus:4"));
    let shown = world.master.state().agents;
    assert_eq!(
        shown.iter().map(|agent| (agent.hostname.as_str(), agent.connected)).collect::<Vec<_>>(),
        [("c", true), ("b", false)]
    );
    world.run(passes(30));
    let unreachable = AgentStanding::Unreachable { since: world.now.wall };
    assert_eq!(world.disk.agents[&world.agent_id("b")].state, unreachable);
    assert_eq!(world.disk.agents[&world.agent_id("c")].state, AgentStanding::Admitted);
    // Still so after another restart, and it comes back as an admitted one.
    let mut world = world.after(Step::Restarts).after(passes(60));
    assert_eq!(world.disk.agents[&world.agent_id("b")].state, unreachable);
    world.check(registers("d").of("b").with("cpus:4"), &["d registered"]);
    assert_eq!(world.disk.agents[&world.agent_id("d")].state, AgentStanding::Admitted);
}

#[test]
fn who_was_never_stored_was_never_there() {
    let mut world = World::new().after(Step::Holds).after(registers("a")).after(subscribes("f").key("k"));
    world.run(Step::Restarts);
    assert_eq!((world.master.state().agents.len(), world.master.state().frameworks.len()), (0, 0));
    world.check(Step::Releases, &[]);
    world.check(registers("a"), &["a registered"]);
    world.check(subscribes("f").key("k"), &["f subscribed, epoch 1"]);
}

#[test]
fn a_key_finds_its_framework_and_the_epoch_goes_on() {
    let mut world = World::new().after(subscribes("f").key("k")).after(subscribes("g").key("k")).after(Step::Restarts);
    let shown = world.master.state().frameworks;
    assert_eq!((shown[0].name.as_str(), shown[0].key.as_deref(), shown[0].epoch.0), ("g", Some("k"), 2));
    assert!(!shown[0].connected);
    world.check(subscribes("h").of("f").key("k").resumes(1), &["h ended Fenced", "close h"]);
    world.check(subscribes("i").key("k"), &["i subscribed, epoch 3"]);
    assert_eq!(world.framework_id("f"), world.framework_id("i"));
    assert_eq!(world.master.state().frameworks.len(), 1);
}

/// There is one token, so that nobody else has been a principal yet.
#[test]
fn a_key_belongs_to_whoever_subscribed_with_it() {
    let mut world = World::new().after(subscribes("f").key("k"));
    world.disk.frameworks.get_mut(&world.framework_id("f")).unwrap().principal = "another".to_owned();
    let mut world = world.after(Step::Restarts);
    world.check(subscribes("g").key("k"), &["g ended Invalid", "close g"]);
    world.check(subscribes("h").of("f").key("k").resumes(1), &["h ended Invalid", "close h"]);
}

#[test]
fn removed_frameworks_do_not_return_and_what_agents_have_of_them_ends() {
    let world = World::new().with_agent("a", "cpus:4").with_framework("f").after(says("f", [Call::Teardown]));
    let mut world = world.after(Step::Restarts);
    world.check(subscribes("g").of("f").resumes(1), &["g ended Removed", "close g"]);
    let task = held("f", "t", (1, 1), Running, "cpus:1");
    world.check(registers("b").of("a").with("cpus:4").holding([task]), &["b registered", "b kill 1.1"]);
    world.check(states("b", "f", "t", (1, 1), Finished, 1), &["b acknowledged 1"]);
}

fn keyed(failover: u64) -> World {
    let world = World::new().with_agent("a", "cpus:4").after(subscribes("f").key("k").failover(failover));
    world.after(says("f", [demand(1, Demand::anything())])).after(says("f", [accept(&[1], &[("t1", "cpus:1")])]))
}

/// The second master, with the agent and its task, some time after the first was killed.
fn restarted_after(mut world: World, away: u64) -> World {
    world.now.wall.0 += away * 1000;
    let world = world.after(Step::Restarts);
    world.after(registers("b").of("a").with("cpus:4").holding([task(1)]))
}

#[test]
fn a_failover_timeout_goes_on_over_the_restart() {
    let mut world = restarted_after(keyed(3600).after(closes("f")).after(passes(1000)), 600);
    world.check(passes(1999), &[]);
    world.check(passes(1), &["b kill 1.1"]);
}

#[test]
fn who_was_connected_at_the_end_has_its_whole_timeout_once() {
    let mut world = restarted_after(keyed(3600).after(passes(1000)), 0);
    world.check(passes(1800), &[]);
    // The time runs since the first restart.
    let mut world = restarted_after(world, 0);
    world.check(passes(1799), &[]);
    world.check(passes(1), &["b kill 1.1"]);
}

#[test]
fn a_deadline_that_passed_while_the_master_was_away_leaves_time_to_connect() {
    let mut world = restarted_after(keyed(3600).after(closes("f")), 100_000);
    world.check(passes(29), &[]);
    world.check(subscribes("g").key("k"), &["g subscribed, epoch 2", "b resend f"]);
    let mut world = restarted_after(keyed(3600).after(closes("f")), 100_000);
    world.check(passes(29), &[]);
    world.check(passes(1), &["b kill 1.1"]);
}

#[test]
fn a_clock_that_was_set_back_delays_a_deadline_by_no_more_than_the_timeout() {
    let mut world = keyed(3600).after(closes("f"));
    world.now.wall.0 = 5;
    let mut world = restarted_after(world, 0);
    world.check(passes(3599), &[]);
    world.check(passes(1), &["b kill 1.1"]);
}

#[test]
fn without_a_key_a_scheduler_may_resume_within_a_minute() {
    let mut world = restarted().after(registers("c").of("a").with("cpus:4").holding([task(1)]));
    world.check(passes(59), &[]);
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "c resend f"]);
    world.check(passes(120), &[]);
    assert_eq!(world.master.state().frameworks[0].name, "g");
}
