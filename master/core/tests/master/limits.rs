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
    assert_eq!(world.disk.agents.len(), UNREACHABLE_AGENTS_MAX);
    // Nobody can tell any more whose id it has.
    let task = held("f", "u", (1, 2), Running, "cpus:1");
    let lines = world.run(registers("b").of("a").with("cpus:4").holding([task]));
    assert!(lines[0].starts_with("b refused: this master has not admitted agent "), "{lines:?}");
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
    let expected = ["f t1 UNKNOWN RECONCILIATION", "f t2 FINISHED EXITED #2"];
    let lines = world.run(says("f", [reconcile(&["t1", "t2"])]));
    assert_eq!(lines[..2], expected);
    assert_eq!(world.master.state().tasks.len(), ENDED_TASKS_MAX);
}

/// After a restart only their agent says that they are over, and the facts of how come later. A question answered with UNKNOWN
/// meanwhile would be read as GONE.
#[test]
fn ends_whose_facts_are_on_their_way_are_not_forgotten() {
    let world = World::new().with_taker("f").with_agent("a", "mem:1TiB");
    let agent = world.agent_id("a");
    let mut world = world.after(Step::Restarts);
    let count = ENDED_TASKS_MAX as u64 + 1;
    let over: Vec<_> = (1..=count).map(|n| held("f", &format!("t{n}"), (1, n), Finished, "")).collect();
    world.quietly(registers("b").of("a").with("mem:1TiB").holding(over));
    world.run(subscribes("g").of("f").resumes(1));
    world.check(says("g", [reconcile_on(agent, "t1")]), &[]);
    world.check(states("b", "g", "t1", (1, 1), Finished, 1), &["g t1 FINISHED EXITED #1"]);
    assert_eq!(world.master.state().tasks.len(), ENDED_TASKS_MAX + 1);
    // An agent that shows one no more has no fact of it to send: it may be forgotten like any that is acknowledged.
    world.quietly(registers("c").of("b").with("mem:1TiB"));
    assert_eq!(world.master.state().tasks.len(), ENDED_TASKS_MAX);
}

/// Also when the master has forgotten that it was removed: then it is one that nobody has stored.
#[test]
fn a_removed_framework_does_not_return_however_long_ago_that_was() {
    let mut world = World::new().with_taker("f").with_agent("a", "cpus:4");
    world.run(says("f", [accept(&[1], &[("t", "cpus:1")])]));
    world.run(says("f", [Call::Teardown]));
    for n in 0..REMOVED_FRAMEWORKS_MAX {
        world.quietly(subscribes(&format!("framework {n}")).then([Call::Teardown]));
    }
    world.check(subscribes("g").of("f"), &["g ended Removed", "close g"]);
    world.run(states("a", "f", "t", (1, 1), Finished, 1));
    world.check(subscribes("h").of("f"), &["h ended Removed", "close h"]);
    assert_eq!(world.disk.removed.len(), REMOVED_FRAMEWORKS_MAX);
    // Nor if an agent still has tasks of it: they end like those of any framework that never comes.
    let mut world = world.after(Step::Restarts);
    let task = held("f", "t", (1, 1), Running, "cpus:1");
    world.check(registers("b").of("a").with("cpus:4").holding([task]), &["b registered"]);
    world.check(subscribes("i").of("f").resumes(1), &["i ended Removed", "close i"]);
    world.check(passes(60), &["b kill 1.1"]);
    assert_eq!(world.disk.removed.len(), REMOVED_FRAMEWORKS_MAX);
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

#[test]
fn the_tasks_of_ended_frameworks_are_forgotten_like_others_and_take_no_framework_s_place() {
    let mut world = World::new().with_agent("a", "mem:1TiB");
    for n in 1..=FRAMEWORKS_MAX as u64 + 1 {
        let name = format!("framework {n}");
        world.quietly(subscribes(&name).then([demand(1, copies("mem:1MiB", 1))]));
        world.quietly(says(&name, [accept(&[n], &[("t", "mem:1MiB")]), Call::Teardown]));
        world.quietly(states("a", &name, "t", (1, n), Finished, n));
    }
    let state = world.master.state();
    assert_eq!((state.frameworks.len(), state.tasks.len()), (0, ENDED_TASKS_MAX));
    world.check(subscribes("f"), &["f subscribed, epoch 1"]);
}

/// After a restart with fewer places than are taken, room is made.
#[test]
fn what_is_stored_beyond_a_limit_is_given_up() {
    let mut world = World::new();
    for n in 0..=REMOVED_FRAMEWORKS_MAX {
        world.disk.removed.push(meros_types::FrameworkId::from_bytes((n as u128).to_be_bytes()));
    }
    world.run(Step::Restarts);
    assert_eq!(world.disk.removed.len(), REMOVED_FRAMEWORKS_MAX);
    assert!(!world.disk.removed.contains(&meros_types::FrameworkId::from_bytes([0; 16])));
}
