//! Tables that would grow without end, and where they stop.

use meros_master_core::{ENDED_TASKS_MAX, FRAMEWORKS_MAX, REMOVED_FRAMEWORKS_MAX, UNREACHABLE_AGENTS_MAX};
use meros_types::Call;
use meros_types::TaskState::{Finished, Running};

use crate::harness::*;

/// As many agents as may be unreachable register and are lost.
fn come_and_go(world: &mut World) {
    for n in 0..UNREACHABLE_AGENTS_MAX {
        let name = format!("agent {n}");
        world.quietly(registers(&name));
        world.quietly(closes(&name));
    }
}

#[test]
fn the_agent_that_was_lost_first_is_forgotten_first_with_its_tasks() {
    let mut world = World::new().with_taker("f").with_agent("a", "cpus:4");
    world.run(says("f", [accept(&[1], &[("t", "cpus:1"), ("u", "cpus:1")])]));
    world.run(states("a", "f", "t", (1, 1), Finished, 1));
    world.run(states("a", "f", "u", (1, 2), Running, 2));
    world.run(closes("a"));
    world.run(passes(1));
    come_and_go(&mut world);
    world.run(passes(28));
    world.check(passes(1), &["f u UNREACHABLE AGENT_UNREACHABLE"]);
    world.check(passes(1), &["f u UNKNOWN AGENT_UNREACHABLE"]);
    let state = world.master.state();
    assert_eq!((state.agents.len(), state.tasks.len()), (UNREACHABLE_AGENTS_MAX, 0));
    world.check(says("f", [reconcile(&["t", "u"])]), &["f t UNKNOWN RECONCILIATION", "f u UNKNOWN RECONCILIATION"]);
    // It may come back all the same.
    let task = held("f", "u", (1, 2), Running, "cpus:1");
    let lines = world.run(registers("b").of("a").with("cpus:4").holding([task]));
    assert_eq!(lines[..2], ["b registered", "f u RUNNING AGENT_RETURNED"]);
}

/// A framework's last task goes with its agent, and the framework with it, while the agent's other tasks are still looked at.
#[test]
fn forgetting_an_agent_may_be_the_end_of_a_removed_framework() {
    let mut world = World::new().with_taker("f").with_agent("a", "cpus:4");
    world.run(says("f", [accept(&[1], &[("t", "cpus:1"), ("u", "cpus:1"), ("v", "cpus:1")])]));
    world.run(states("a", "f", "t", (1, 1), Finished, 1));
    world.run(states("a", "f", "v", (1, 3), Finished, 2));
    world.run(closes("a"));
    world.run(says("f", [Call::Teardown]));
    world.run(passes(1));
    come_and_go(&mut world);
    world.run(passes(30));
    assert_eq!(world.master.state().frameworks, []);
}

#[test]
fn the_task_that_ended_first_is_forgotten_first() {
    let mut world = World::new().with_agent("a", "mem:1TiB").with_taker("f");
    let count = ENDED_TASKS_MAX as u64 + 1;
    let tasks: Vec<String> = (1..=count).map(|n| format!("t{n}")).collect();
    let specs: Vec<(&str, &str)> = tasks.iter().map(|task| (task.as_str(), "mem:1MiB")).collect();
    world.quietly(says("f", [accept(&[1], &specs)]));
    for n in 1..=count {
        world.quietly(states("a", "f", &tasks[n as usize - 1], (1, n), Finished, n));
    }
    // Nobody has acknowledged these ends, and whoever launched them may yet ask.
    assert_eq!(world.master.state().tasks.len(), ENDED_TASKS_MAX + 1);
    for n in 1..=count {
        let call = world.acknowledge("a", (1, n), n);
        world.quietly(says("f", [call.clone(), call]));
    }
    let expected = ["f t1 UNKNOWN RECONCILIATION", "f t2 FINISHED EXITED"];
    let lines = world.run(says("f", [reconcile(&["t1", "t2"])]));
    assert_eq!(lines[..2], expected);
    assert_eq!(world.master.state().tasks.len(), ENDED_TASKS_MAX);
}

/// It is not forgotten that a framework was removed as long as anything of it is live.
#[test]
fn a_removed_framework_with_live_tasks_does_not_return() {
    let mut world = World::new().with_taker("f").with_agent("a", "cpus:4");
    world.run(says("f", [accept(&[1], &[("t", "cpus:1")])]));
    world.run(says("f", [Call::Teardown]));
    for n in 0..REMOVED_FRAMEWORKS_MAX {
        world.quietly(subscribes(&format!("framework {n}")).then([Call::Teardown]));
    }
    world.check(subscribes("g").of("f"), &["g ended Removed", "close g"]);
    world.run(states("a", "f", "t", (1, 1), Finished, 1));
    world.check(subscribes("h").of("f"), &["h subscribed, epoch 1"]);
}

#[test]
fn past_the_last_framework_new_ones_are_turned_away() {
    let mut world = World::new();
    for n in 0..FRAMEWORKS_MAX {
        world.quietly(subscribes(&format!("framework {n}")));
    }
    world.check(subscribes("f"), &["f ended Invalid", "close f"]);
    // Those that are known may come again.
    let lines = world.run(subscribes("g").of("framework 7"));
    assert_eq!(lines.last().unwrap(), "g subscribed, epoch 2");
}
