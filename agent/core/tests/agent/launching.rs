//! Launches: admitted, refused, and never started twice.

use meros_agent_core::{Event, FACTS_MAX, StartFailure};
use meros_types::{AgentOrder, Command, Exit, LogStream, OpenLog, TaskState};

use crate::harness::*;

const REFUSED: &str = "u DROPPED AGENT_REFUSED #2";

#[test]
fn a_task_is_started_and_runs_when_the_shell_says_so() {
    let mut world = World::began().registered();
    world.check(world.launches(1, "t", "cpus:1;mem:1GiB"), &["start 1 t"]);
    assert_eq!(world.plans[0].command, Command::shell("true"));
    assert_eq!((world.plans[0].limits.cpu_milli, world.plans[0].limits.memory_bytes), (1_000, 1 << 30));
    world.check(world.started(1), &["t RUNNING STARTED #1"]);
}

#[test]
fn nothing_is_started_above_the_total() {
    for each in ["cpus:3.001", "mem:8.5GiB", "cpus:1;ports:[1-1]", "cpus:1;gpus:1"] {
        let mut world = World::began().registered();
        world.run(world.launches(1, "t", "cpus:1;ports:[1-2]"));
        world.run(world.started(1));
        world.check(world.launches(2, "u", each), &[REFUSED]);
        world.run(world.ended(1, Exit::Code(0)));
        let room = world.run(world.launches(3, "v", "cpus:4;mem:8GiB;ports:[1-9]"));
        assert_eq!(room, ["start 2 v"]);
    }
}

#[test]
fn a_repeated_or_late_launch_is_dropped() {
    let mut world = World::began().registered();
    world.check(world.launches(2, "t", "cpus:1"), &["start 1 t"]);
    world.check(world.launches(2, "t", "cpus:1"), &[]);
    world.check(world.launches(1, "u", "cpus:1"), &[]);
    // Also when it is over and forgotten.
    world.run(world.started(1));
    world.run(world.ended(1, Exit::Code(0)));
    world.run(world.acknowledges(1));
    world.run(world.acknowledges(2));
    world.check(world.launches(2, "t", "cpus:1"), &[]);
}

#[test]
fn a_scheduler_that_was_taken_over_from_starts_nothing() {
    let mut world = World::began().registered();
    world.run(world.launches_at(1, 2, spec("t", "cpus:1")));
    world.run(world.started(1));
    world.check(world.launches_at(2, 1, spec("u", "cpus:1")), &[REFUSED]);
    world.check(world.launches_at(3, 2, spec("v", "cpus:1")), &["start 2 v"]);
    world.check(world.launches_at(4, 3, spec("w", "cpus:1")), &["start 3 w"]);
    world.check(world.launches_at(5, 2, spec("x", "cpus:1")), &["x DROPPED AGENT_REFUSED #3"]);
}

#[test]
fn whose_fault_a_failed_start_is_is_said() {
    let fails = |failure| {
        let mut world = World::began().registered();
        world.run(world.launches(1, "t", "cpus:4"));
        let lines = world.run(Event::ContainerFailed { container: world.container(1), failure });
        world.check(world.launches(2, "u", "cpus:4"), &["start 2 u"]);
        lines
    };
    assert_eq!(fails(StartFailure::Program("no such file".to_owned())), ["t FAILED LAUNCH_FAILED #1"]);
    assert_eq!(fails(StartFailure::Agent("no cgroup".to_owned())), ["t FAILED CONTAINER_FAILED #1"]);
}

#[test]
fn news_of_containers_that_never_were_or_are_over_is_nothing() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.check(world.started(99), &[]);
    world.check(world.ended(99, Exit::Code(0)), &[]);
    world.check(world.started(1), &[]);
    world.run(world.ended(1, Exit::Code(0)));
    for event in [world.started(1), world.ended(1, Exit::Code(1))] {
        world.check(event, &[]);
    }
    let failure = StartFailure::Agent("late".to_owned());
    world.check(Event::ContainerFailed { container: world.container(1), failure }, &[]);
}

/// The two come by different ways, and a short task may have ended before its start is told.
#[test]
fn a_container_that_ended_before_its_start_was_told_is_over() {
    let mut world = World::began().registered();
    world.run(world.launches(1, "t", "cpus:4"));
    world.check(world.ended(1, Exit::Code(0)), &["t FINISHED EXITED #1"]);
    world.check(world.started(1), &[]);
    world.check(world.launches(2, "u", "cpus:4"), &["start 2 u"]);
}

/// A registration with every waiting fact's container must fit in one message; so nothing more is started, and what the next
/// registration doesn't show is the master's to drop.
#[test]
fn with_too_many_facts_waiting_it_starts_nothing_and_connects_anew() {
    let mut world = World::began().registered();
    let refused = spec("t", "cpus:99");
    for n in 1..=FACTS_MAX as u64 {
        world.run_unchecked(world.launches_at(n, 1, refused.clone()));
    }
    world.check(world.launches(FACTS_MAX as u64 + 1, "u", "cpus:1"), &["connect"]);
    world.run(Event::Connected);
    let registration = world.last_registration.as_ref().unwrap();
    assert_eq!(registration.containers.len(), FACTS_MAX);
    assert!(registration.containers.iter().all(|container| container.tasks[0].state == TaskState::Dropped));
}

#[test]
fn output_is_read_from_the_container_of_a_launch() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    let open = |world: &World, n| {
        let open = OpenLog { request: 1, launch: launch_id(n), stream: LogStream::Stdout, offset: 0, follow: false };
        world.order(AgentOrder::OpenLog(open))
    };
    world.check(open(&world, 1), &["serve log of Some(1)"]);
    world.check(open(&world, 2), &["serve log of None"]);
}
