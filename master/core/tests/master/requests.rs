//! What operators ask.

use meros_master_core::Request;
use meros_types::LogStream;
use meros_types::TaskState::{Finished, Running};

use crate::harness::*;

fn with_task() -> World {
    let world = World::new().with_agent("a", "cpus:4").with_taker("f");
    world.after(says("f", [accept(&[1], &[("t", "cpus:1")])])).after(states("a", "f", "t", (1, 1), Running, 1))
}

fn kill_task(world: &World, framework: Option<&str>, task: &str) -> Step {
    let framework = framework.map(|name| world.framework_id(name));
    Step::Asks(Request::KillTask { framework, task: task_id(task), grace: None })
}

fn open_log(task: &str) -> Step {
    let (stream, offset, follow) = (LogStream::Stdout, 0, true);
    Step::Asks(Request::OpenLog { framework: None, task: task_id(task), stream, offset, follow })
}

#[test]
fn the_state_and_the_metrics_are_answered() {
    let mut world = with_task();
    world.check(Step::Asks(Request::State), &["reply State"]);
    world.check(Step::Asks(Request::Metrics), &["reply Metrics"]);
    let metrics = world.metrics();
    assert_eq!((metrics.agents_connected, metrics.frameworks_connected, metrics.tasks_live), (1, 1, 1));
    assert_eq!((metrics.counters.offers_made, metrics.counters.offers_accepted, metrics.counters.tasks_launched), (1, 1, 1));
}

#[test]
fn an_operator_kills_a_task() {
    let mut world = with_task();
    let step = kill_task(&world, None, "t");
    world.check(step.clone(), &["a kill 1.1", "reply Killing"]);
    world.run(states("a", "f", "t", (1, 1), Finished, 2));
    world.check(step, &["reply Killing"]);
}

#[test]
fn a_task_that_nobody_knows_or_that_is_out_of_reach_is_refused() {
    let mut world = with_task();
    let unknown = "reply: no task x is known; `meros status` lists those that are";
    let step = kill_task(&world, None, "x");
    world.check(step, &[unknown]);
    world.check(open_log("x"), &[unknown]);
    world.run(closes("a"));
    let away = "reply: agent a of task t can't be reached now";
    let step = kill_task(&world, None, "t");
    world.check(step, &[away]);
    world.check(open_log("t"), &[away]);
}

#[test]
fn a_name_that_two_frameworks_use_needs_the_framework() {
    let world = with_task().after(passes(5)).after(says("f", [decline(&[2], 3600)])).with_taker("g");
    let mut world = world.after(says("g", [accept(&[3], &[("t", "cpus:1")])]));
    let lines = {
        let step = kill_task(&world, None, "t");
        world.run(step)
    };
    assert!(lines[0].starts_with("reply: task t is in several frameworks ("), "{lines:?}");
    let step = kill_task(&world, Some("g"), "t");
    world.check(step, &["a kill 1.2", "reply Killing"]);
}

/// The tasks of those that have ended stay in sight, and must not stand in the way of those that run.
#[test]
fn the_task_of_a_framework_that_has_ended_is_meant_if_no_other_has_its_name() {
    let mut world = with_task().after(says("f", [meros_types::Call::Teardown])).after(states("a", "f", "t", (1, 1), Finished, 2));
    world.check(open_log("t"), &["a open log 1.1", "reply LogOpening"]);
    let mut world = world.with_taker("g").after(says("g", [accept(&[2], &[("t", "cpus:1")])]));
    world.check(open_log("t"), &["a open log 1.2", "reply LogOpening"]);
    let step = kill_task(&world, Some("f"), "t");
    world.check(step, &["reply Killing"]);
    // The newest of several that have ended.
    world.run(says("g", [meros_types::Call::Teardown]));
    world.run(states("a", "g", "t", (1, 2), Finished, 3));
    world.check(open_log("t"), &["a open log 1.2", "reply LogOpening"]);
}

#[test]
fn output_is_read_from_the_agent_also_of_a_task_that_is_over() {
    let mut world = with_task().after(states("a", "f", "t", (1, 1), Finished, 2));
    world.check(open_log("t"), &["a open log 1.1", "reply LogOpening"]);
}
