//! Agents register: new ones, those that were here before, and those that can't be taken.

use meros_types::TaskState::{Finished, Killing, Running};
use meros_types::{AgentSecret, Demand, Register, Resources};

use crate::harness::*;

/// An agent with a task that runs, launched by `f`.
fn with_task() -> World {
    let world = World::new().with_agent("a", "cpus:4;mem:8GiB").with_taker("f");
    world.after(says("f", [accept(&[1], &[("t", "cpus:1;mem:1GiB")])])).after(states("a", "f", "t", (1, 1), Running, 1))
}

#[test]
fn a_new_agent_is_told_its_id_and_offered() {
    let mut world = World::new().with_taker("f");
    world.check(registers("a"), &["a registered", "f offers 1@a(cpus:4;mem:8GiB)"]);
}

#[test]
fn an_agent_that_comes_again_ends_its_own_earlier_stream() {
    let mut world = World::new().with_agent("a", "cpus:4;mem:8GiB").with_taker("f");
    let again = registers("b").of("a").with("cpus:2;mem:8GiB");
    world.check(again, &["close a", "f rescinded 1", "b registered", "f offers 2@b(cpus:2;mem:8GiB)"]);
    assert_eq!(world.agent_id("a"), world.agent_id("b"));
    assert_eq!(world.master.state().agents.len(), 1);
}

#[test]
fn what_the_earlier_stream_still_says_is_dropped() {
    let mut world = with_task();
    let task = held("f", "t", (1, 1), Running, "cpus:1;mem:1GiB");
    world.run(registers("b").of("a").holding([task]));
    world.check(states("a", "f", "t", (1, 1), Finished, 2), &["close a"]);
    world.check(closes("a"), &[]);
    assert!(world.agent_state("b").connected);
}

#[test]
fn a_task_that_the_agent_still_has_is_kept_and_nothing_said() {
    let mut world = with_task();
    let task = held("f", "t", (1, 1), Running, "cpus:1;mem:1GiB");
    world.check(registers("b").of("a").holding([task]), &["close a", "b registered", "f offers 2@b(cpus:3;mem:7GiB)"]);
}

#[test]
fn a_task_that_the_agent_reported_and_has_no_more_is_gone() {
    let mut world = with_task();
    let lines = world.run(registers("b").of("a"));
    assert!(lines.contains(&"f t GONE AGENT_FORGOT".to_owned()), "{lines:?}");
    assert_eq!(world.agent_state("b").used, Resources::none());
}

#[test]
fn a_launch_that_never_arrived_is_dropped_for_certain() {
    let world = World::new().with_agent("a", "cpus:4;mem:8GiB").with_taker("f");
    let mut world = world.after(says("f", [accept(&[1], &[("t", "cpus:1")])]));
    let lines = world.run(registers("b").of("a"));
    assert!(lines.contains(&"f t DROPPED LAUNCH_LOST".to_owned()), "{lines:?}");
}

#[test]
fn the_agent_is_the_truth_about_what_a_task_holds() {
    let mut world = with_task();
    let task = held("f", "t", (1, 1), Killing, "cpus:2;mem:3GiB");
    world.run(registers("b").of("a").holding([task]));
    let state = world.agent_state("b");
    assert_eq!((state.used, state.releasing), (Resources::none(), resources("cpus:2;mem:3GiB")));
}

#[test]
fn a_snapshot_above_the_total_leaves_nothing_free() {
    let mut world = World::new().with_taker("f");
    let tasks = [held("x", "t", (1, 0), Running, "cpus:3"), held("x", "u", (0, 9), Running, "cpus:3;mem:1GiB")];
    world.check(registers("a").holding(tasks), &["a registered", "f offers 1@a(mem:7GiB)"]);
    assert_eq!(world.agent_state("a").free, Resources::none());
    // Nothing is free of what is over the total until enough has ended.
    world.check(states("a", "x", "t", (1, 0), Finished, 1), &["f offers 2@a(cpus:1)"]);
}

#[test]
fn nonsense_is_refused_with_a_reason_and_disturbs_nobody() {
    let refused = |step: Registers, reason: &str| {
        let mut world = with_task();
        let name = step.name.clone();
        world.check(step, &[&format!("{name} refused: {reason}"), &format!("close {name}")]);
        assert_eq!(world.agent_state("a").used, resources("cpus:1;mem:1GiB"));
        assert!(world.agent_state("a").connected);
    };
    let task = |launch| held("f", "t", launch, Running, "cpus:1;ports:[1-1]");
    refused(
        registers("b").holding([task((0, 1)), task((0, 1))]),
        "the agent's containers have no sum: ports [1-1] are on both sides of the sum",
    );
    refused(
        registers("b").holding([held("f", "t", (0, 1), Running, "cpus:1"), held("f", "t", (0, 1), Running, "cpus:1")]),
        "the agent has launch 0.1 twice",
    );
    refused(registers("b").holding([task((1, 2))]), "the agent has launch 1.2, which this master has not made: the newest is 1.1");
    refused(
        registers("b").holding([task((1, 1))]),
        &format!(
            "launch 1.1 is task t of framework {} on agent a: the work directory may be a copy of that agent's",
            with_task().framework_id("f")
        ),
    );
    refused(
        registers("b").holding([Held { tasks: 0, ..task((0, 1)) }]),
        "container 01010101-0101-0101-0101-010101010101 has 0 tasks; this master knows containers of one",
    );
}

#[test]
fn more_names_of_scalars_than_can_be_shown_are_refused() {
    let named = |count: usize, letter: char| (0..count).map(|n| format!("{letter}{n}:1")).collect::<Vec<_>>().join(";");
    let mut world = World::new();
    let container = held("x", "t", (0, 1), Running, &named(17, 'c'));
    let lines = world.run(registers("a").with(&named(16, 'b')).holding([container]));
    assert_eq!(lines[0], "a refused: the agent and its containers have 33 user-named scalars, at most 32");
}

#[test]
fn whoever_speaks_before_registering_is_cut_off() {
    let mut world = World::new();
    world.check(beats("a"), &["close a"]);
    world.check(states("b", "x", "t", (1, 1), Running, 1), &["close b"]);
}

#[test]
fn registering_twice_over_one_stream_ends_it() {
    let mut world = World::new().with_agent("a", "cpus:4");
    let again = Register {
        secret: AgentSecret::from_bytes([5; 16]),
        agent: None,
        incarnation: meros_types::Incarnation::from_bytes([9; 16]),
        boot: meros_types::BootId::default(),
        term: meros_types::Term(0),
        hostname: "a".to_owned(),
        resources: resources("cpus:400"),
        attributes: meros_types::Attributes::default(),
        domain: None,
        containers: Vec::new(),
    };
    world.check(Step::Reports("a".to_owned(), Box::new(meros_types::AgentReport::Register(Box::new(again)))), &["close a"]);
    assert_eq!(world.agent_state("a").total, resources("cpus:4"));
}

#[test]
fn amounts_that_no_machine_has_do_no_harm() {
    let huge = || Resources::none().with_cpu_milli(u64::MAX).with_memory_bytes(u64::MAX);
    let mut world = World::new().with_framework("f");
    for name in ["a", "b", "c"] {
        world.run(Registers { has: huge(), ..registers(name) });
    }
    world.run(says("f", [demand(1, Demand::anything())]));
    world.run(closes("b"));
    world.run(passes(60));
    assert_eq!(world.metrics().offers, 2);
}
