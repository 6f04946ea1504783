//! Agents off duty: not offered; drained, their tasks end. At once where nobody is promised anything, else when it is stored.

use meros_master_core::{AgentStanding, DRAIN_WAIT_MAX, OPERATORS_WAITING_MAX};
use meros_types::TaskState::{Killed, Running};
use meros_types::{Call, Duty};

use crate::harness::*;

/// An agent, a framework that takes anything, and a task that runs; the rest of the agent is on offer.
fn with_task() -> World {
    let world = World::new().with_agent("a", "cpus:4").with_taker("f");
    let world = world.after(says("f", [accept(&[1], &[("t", "cpus:1")])])).after(states("a", "f", "t", (1, 1), Running, 1));
    world.after(passes(5))
}

fn task() -> Held {
    held("f", "t", (1, 1), Running, "cpus:1")
}

fn returns(name: &str, of: &str) -> Registers {
    registers(name).of(of).with("cpus:4").holding([task()])
}

#[test]
fn a_deactivated_agent_is_not_offered_and_its_tasks_go_on() {
    let mut world = with_task();
    world.check(deactivates("a"), &["f rescinded 2", "reply Done"]);
    world.check(passes(60), &[]);
    let state = world.agent_state("a");
    assert_eq!((state.duty, state.drained, state.used), (Duty::Deactivated, false, resources("cpus:1")));
    world.check(states("a", "f", "t", (1, 1), Killed, 2), &["f t KILLED EXITED #2"]);
    world.check(reactivates("a"), &["reply Done", "f offers 3@a(cpus:4)"]);
}

#[test]
fn it_stays_off_duty_over_its_own_restart_and_the_masters() {
    let mut world = with_task().after(deactivates("a"));
    world.check(returns("b", "a"), &["close a", "b registered"]);
    world.run(Step::Restarts);
    world.check(returns("c", "b"), &["c registered"]);
    world.check(subscribes("g").of("f").resumes(1).then([anything()]), &["g subscribed, epoch 1", "c resend f"]);
    assert_eq!(world.agent_state("c").duty, Duty::Deactivated);
    world.check(reactivates("c"), &["reply Done", "g offers 1@c(cpus:3)"]);
    // Also if it is away when that is decided.
    let mut world = with_task().after(closes("a"));
    world.check(deactivates("a"), &["reply Done"]);
    world.check(returns("b", "a"), &["b registered"]);
    let mut world = world.after(closes("b"));
    world.check(reactivates("b"), &["reply Done"]);
    world.check(returns("c", "b"), &["c registered", "f offers 3@c(cpus:3)"]);
}

fn anything() -> Call {
    demand(1, meros_types::Demand::anything())
}

#[test]
fn leaving_duty_counts_at_once_and_is_told_when_it_is_stored() {
    let mut world = with_task().after(Step::Holds);
    world.check(deactivates("a"), &["f rescinded 2"]);
    assert_eq!(world.agent_state("a").duty, Duty::Active);
    world.check(stores(1), &["reply Done"]);
    assert_eq!(world.agent_state("a").duty, Duty::Deactivated);
    // A master that is killed before knows nothing of it.
    let world = with_task().after(Step::Holds).after(deactivates("a")).after(Step::Restarts).after(Step::Releases);
    let mut world = world.after(subscribes("g").of("f").resumes(1).then([anything()]));
    world.check(returns("b", "a"), &["b registered", "g t RUNNING AGENT_RETURNED", "g offers 1@b(cpus:3)"]);
}

#[test]
fn returning_to_duty_counts_when_it_is_stored() {
    let mut world = with_task().after(deactivates("a")).after(Step::Holds);
    world.check(reactivates("a"), &[]);
    world.check(returns("b", "a"), &["close a", "b registered"]);
    world.check(stores(1), &["reply Done", "f offers 3@b(cpus:3)"]);
    let world = with_task().after(deactivates("a")).after(Step::Holds).after(reactivates("a")).after(Step::Restarts);
    let mut world = world.after(Step::Releases).after(subscribes("g").of("f").resumes(1).then([anything()]));
    world.check(returns("b", "a"), &["b registered", "g t RUNNING AGENT_RETURNED"]);
}

#[test]
fn what_is_decided_while_another_decision_is_written_comes_after_it() {
    let mut world = with_task().after(Step::Holds);
    world.check(deactivates("a"), &["f rescinded 2"]);
    world.check(reactivates("a"), &[]);
    world.check(drains("a", 60), &[]);
    world.check(reactivates("a"), &[]);
    world.check(returns("b", "a"), &["close a", "b registered"]);
    // The first write said that it is deactivated, and that is true until the next one is stored.
    world.check(stores(1), &["reply Done"]);
    assert_eq!(world.agent_state("b").duty, Duty::Deactivated);
    let lines = world.run(stores(1));
    assert_eq!(lines, ["reply Done", "reply Done", "reply Done", "f offers 3@b(cpus:3)"]);
    assert_eq!(world.agent_state("b").duty, Duty::Active);
}

#[test]
fn a_draining_agents_tasks_end_at_the_deadline() {
    let mut world = with_task();
    world.check(drains("a", 60), &["f rescinded 2", "reply Done"]);
    world.check(passes(59), &[]);
    world.check(passes(1), &["a kill 1.1"]);
    assert_eq!(world.agent_state("a").releasing, resources("cpus:1"));
    // At once, if that is when.
    let mut world = with_task();
    world.check(drains("a", 0), &["f rescinded 2", "a kill 1.1", "reply Done"]);
}

#[test]
fn it_is_drained_when_the_last_end_is_acknowledged() {
    let mut world = with_task().after(drains("a", 0));
    assert!(!world.agent_state("a").drained);
    world.run(states("a", "f", "t", (1, 1), Killed, 2));
    assert!(!world.agent_state("a").drained);
    let call = world.acknowledge("a", (1, 1), 2);
    world.run(says("f", [call]));
    assert!(world.agent_state("a").drained);
    // Nobody acknowledges for a framework that is removed.
    let mut world = with_task().after(drains("a", 0)).after(states("a", "f", "t", (1, 1), Killed, 2));
    world.run(says("f", [Call::Teardown]));
    assert!(world.agent_state("a").drained);
    // An agent on duty is not drained, however little it has.
    assert!(!World::new().with_agent("a", "cpus:4").agent_state("a").drained);
}

#[test]
fn a_task_has_its_own_grace_or_less() {
    let mut world = with_task();
    world.check(drains_within("a", 0, 2), &["f rescinded 2", "a kill 1.1 within 2s", "reply Done"]);
    world.check(drains_within("a", 0, 60), &["a kill 1.1 within 5s", "reply Done"]);
    // What an earlier master launched has a grace of which this one doesn't know.
    let mut world = with_task().after(drains_within("a", 0, 60)).after(Step::Restarts);
    world.check(returns("b", "a"), &["b registered", "b kill 1.1 within 60s"]);
}

#[test]
fn an_agent_that_comes_back_is_told_again() {
    let mut world = with_task().after(drains("a", 10)).after(closes("a"));
    world.check(passes(20), &[]);
    world.check(returns("b", "a"), &["b registered", "b kill 1.1"]);
    world.check(returns("c", "b"), &["close b", "c registered", "c kill 1.1"]);
    // Not before it is time.
    let mut world = with_task().after(drains("a", 10));
    world.check(returns("b", "a"), &["close a", "b registered"]);
    world.check(passes(10), &["b kill 1.1"]);
}

#[test]
fn nothing_ends_before_the_drain_is_stored() {
    let mut world = with_task().after(Step::Holds);
    world.check(drains("a", 0), &["f rescinded 2"]);
    world.check(passes(60), &[]);
    world.check(stores(1), &["a kill 1.1", "reply Done"]);
    let world = with_task().after(Step::Holds).after(drains("a", 0)).after(Step::Restarts);
    let mut world = world.after(Step::Releases);
    world.check(returns("b", "a"), &["b registered"]);
    world.check(passes(60), &["b kill 1.1"]); // Its framework doesn't come back.
}

#[test]
fn reactivating_ends_a_drain_and_another_drain_replaces_it() {
    let mut world = with_task().after(drains("a", 10));
    world.check(reactivates("a"), &["reply Done", "f offers 3@a(cpus:3)"]);
    world.check(passes(20), &[]);
    let mut world = with_task().after(drains("a", 10)).after(drains("a", 40));
    world.check(passes(39), &[]);
    world.check(passes(1), &["a kill 1.1"]);
    let mut world = with_task().after(drains("a", 10)).after(deactivates("a"));
    world.check(passes(60), &[]);
    assert_eq!(world.agent_state("a").duty, Duty::Deactivated);
}

/// The second master, so many seconds after the first was killed; the framework has a key, and is waited for.
fn restarted_after(world: World, away: u64) -> World {
    let mut world = world;
    world.now.wall.0 += away * 1000;
    world.after(Step::Restarts)
}

fn keyed() -> World {
    let world = World::new().with_agent("a", "cpus:4").after(subscribes("f").key("k").then([anything()]));
    world.after(says("f", [accept(&[1], &[("t", "cpus:1")])]))
}

#[test]
fn a_drain_goes_on_over_the_masters_restart() {
    let mut world = restarted_after(keyed().after(drains("a", 100)), 40).after(returns("b", "a"));
    world.check(passes(59), &[]);
    world.check(passes(1), &["b kill 1.1"]);
    // What passed while the master was away has passed.
    let mut world = restarted_after(keyed().after(drains("a", 100)), 200);
    world.check(returns("b", "a"), &["b registered", "b kill 1.1"]);
}

#[test]
fn a_clock_that_was_set_back_delays_a_drain_by_no_more_than_its_longest_wait() {
    let mut world = keyed().after(says("f", [Call::Heartbeat])).after(drains("a", 100));
    world.now.wall.0 = 5;
    world.disk.agents.values_mut().for_each(|agent| {
        let Duty::Draining(drain) = &mut agent.duty else { unreachable!() };
        drain.deadline.0 += 2 * u64::try_from(DRAIN_WAIT_MAX.as_millis()).unwrap();
    });
    let mut world = world.after(Step::Restarts).after(returns("b", "a"));
    // Its framework has a week to come back, and does.
    world.run(subscribes("g").of("f").key("k").resumes(1));
    let wait = DRAIN_WAIT_MAX.as_secs();
    world.check(passes(wait - 1), &[]);
    world.check(passes(1), &["b kill 1.1"]);
}

#[test]
fn an_agent_that_has_not_registered_with_this_master_is_not_drained() {
    let mut world = World::new().with_agent("a", "cpus:4").after(drains("a", 0));
    assert!(world.agent_state("a").drained);
    world.run(Step::Restarts);
    assert!(!world.agent_state("a").drained);
    world.run(registers("b").of("a").with("cpus:4"));
    assert!(world.agent_state("b").drained);
}

#[test]
fn a_drained_agent_is_gone_if_it_was_to_be() {
    let mut world = with_task().after(drains_for_good("a", 0)).after(states("a", "f", "t", (1, 1), Killed, 2));
    let call = world.acknowledge("a", (1, 1), 2);
    let refused = format!("a refused: agent {} was declared gone, and its tasks with it", world.agent_id("a"));
    let lines = world.run(says("f", [call]));
    assert!(lines[0] == "a acknowledged 2" && lines[1].starts_with(&refused) && lines[2] == "close a", "{lines:?}");
    assert_eq!(world.disk.agents[&world.agent_id("a")].state, AgentStanding::Gone);
    assert_eq!(world.master.state().agents, []);
    // One that has nothing is so at once; one that is not known yet, when it has said so.
    let mut world = World::new().with_agent("a", "cpus:4");
    assert_eq!(world.run(drains_for_good("a", 60)).len(), 3);
    let mut world = with_task().after(drains_for_good("a", 0)).after(Step::Restarts);
    assert_eq!(world.run(registers("b").of("a").with("cpus:4")).len(), 3);
    assert_eq!(world.master.state().agents, []);
}

#[test]
fn who_reactivates_in_time_keeps_it() {
    let world = with_task().after(drains_for_good("a", 0)).after(states("a", "f", "t", (1, 1), Killed, 2));
    let call = world.acknowledge("a", (1, 1), 2);
    let mut world = world.after(Step::Holds).after(reactivates("a"));
    world.check(says("f", [call]), &["a acknowledged 2"]);
    world.check(Step::Releases, &["reply Done", "f offers 3@a(cpus:4)"]);
}

#[test]
fn what_can_t_be_is_refused_and_says_what_can() {
    let mut world = with_task();
    let id = "62626262-6262-6262-6262-626262626262";
    let unknown = format!("reply: no such agent: {id}; `meros status` lists those that are known");
    world.check(deactivates("b"), &[&unknown]);
    world.check(drains("b", 5), &[&unknown]);
    world.check(marks_gone("b"), &[&unknown]);
    let late = "reply: a drain's deadline is 30 days away at the most; drain the agent later";
    world.check(drains("a", DRAIN_WAIT_MAX.as_secs() + 1), &[late]);
    world.check(drains("a", DRAIN_WAIT_MAX.as_secs()), &["f rescinded 2", "reply Done"]);
}

#[test]
fn so_many_operators_may_wait() {
    let mut world = World::new().with_agent("a", "cpus:4").after(Step::Holds).after(deactivates("a"));
    for _ in 0..OPERATORS_WAITING_MAX {
        world.quietly(reactivates("a"));
    }
    let too_many = "reply: too many changes of this agent wait to be stored; ask again in a moment";
    world.check(deactivates("a"), &[too_many]);
    world.check(marks_gone("a"), &[too_many]);
    world.check(stores(1), &["reply Done"]);
    assert_eq!(world.run(stores(1)).len(), OPERATORS_WAITING_MAX);
    assert!(world.unanswered.is_empty());
}
