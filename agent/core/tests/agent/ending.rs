//! How a task ended, and what its last fact says of it.

use std::time::Duration;

use meros_agent_core::Event;
use meros_types::TaskState::{Failed, Finished, Killed};
use meros_types::{Exit, ExitRecord, Limitation, Reason, TaskState, TaskUpdate, Usage};

use crate::harness::*;

const LIMIT: u64 = 64 << 20;

/// The last fact of a task with a limit of 64 MiB whose shim left this.
fn outcome(record: Option<ExitRecord>, killed: bool) -> TaskUpdate {
    let mut world = World::with_task(spec("t", "cpus:1;mem:64MiB"));
    if killed {
        world.run(world.kills(1, None));
    }
    world.run(Event::ContainerEnded { container: world.container(1), record });
    world.oracle.ends[&launch_id(1)].clone()
}

#[track_caller]
fn check(exit: Exit, usage: Usage, killed: bool, expected: (TaskState, Reason), message: &str) -> TaskUpdate {
    let record = ExitRecord { exit, usage };
    let update = outcome(Some(record), killed);
    assert_eq!((update.state, update.reason), expected);
    assert_eq!(update.message, message);
    assert_eq!((update.exit, update.usage), (Some(exit), Some(usage)));
    update
}

#[test]
fn an_exit_code_tells_finished_from_failed() {
    check(Exit::Code(0), Usage::default(), false, (Finished, Reason::Exited), "exit code 0");
    check(Exit::Code(3), Usage::default(), false, (Failed, Reason::Exited), "exit code 3");
    check(Exit::Signal(11), Usage::default(), false, (Failed, Reason::Signaled), "signal 11");
}

#[test]
fn whatever_it_exits_with_after_a_kill_it_was_killed() {
    for exit in [Exit::Code(0), Exit::Code(1), Exit::Signal(15)] {
        check(exit, Usage::default(), true, (Killed, Reason::KillRequested), &format!("it was asked to end: {exit}"));
    }
}

#[test]
fn a_limit_that_was_reached_is_named_with_what_was_measured() {
    let usage = Usage { oom_kills: 1, memory_peak_bytes: LIMIT, wall: Duration::from_secs(3), ..Usage::default() };
    let message = "it needed more memory than its limit of 64MiB (peak 64MiB)";
    for killed in [false, true] {
        let update = check(Exit::Signal(9), usage, killed, (Failed, Reason::MemoryLimit), message);
        assert_eq!(update.limitation, Some(Limitation { resource: "mem".to_owned(), limit: LIMIT, measured: LIMIT }));
    }
}

#[test]
fn an_agent_without_memory_does_not_blame_the_task() {
    let usage = Usage { oom_kills: 1, memory_peak_bytes: LIMIT / 2, ..Usage::default() };
    let message = "the agent's machine ran out of memory; the task was within its own limit";
    let update = check(Exit::Signal(9), usage, false, (Failed, Reason::AgentOutOfMemory), message);
    assert_eq!(update.limitation, None);
}

#[test]
fn a_shim_that_died_leaves_nothing_to_tell() {
    let update = outcome(None, false);
    assert_eq!((update.state, update.reason), (Failed, Reason::SupervisorLost));
    assert_eq!((update.exit, update.usage), (None, None));
}

#[test]
fn only_so_many_directories_are_kept_and_the_oldest_go_first() {
    let mut world = World::configured(|config| config.ended_kept = 2).registered();
    for n in 1..=4 {
        world.run(world.launches(n, "t", "cpus:1"));
        let number = usize::try_from(n).unwrap();
        world.run(world.started(number));
        let lines = world.run(world.ended(number, Exit::Code(0)));
        let removed: Vec<&String> = lines.iter().filter(|line| line.starts_with("remove")).collect();
        assert_eq!(removed.len(), usize::from(n > 2), "{lines:?}");
        assert!(n <= 2 || *removed[0] == format!("remove {}", n - 2), "{lines:?}");
    }
}

fn exceeds_disk(world: &World) -> Event {
    Event::DiskExceeded { container: world.container(1), limit: LIMIT, measured: LIMIT + 1 }
}

#[test]
fn a_sandbox_that_is_too_large_ends_its_container() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.check(exceeds_disk(&world), &["destroy 1", "t KILLING DISK_LIMIT #2"]);
    world.check(exceeds_disk(&world), &[]);
    world.check(world.ended(1, Exit::Signal(9)), &["t FAILED DISK_LIMIT #3"]);
    let end = &world.oracle.ends[&launch_id(1)];
    assert_eq!(end.message, "the files in its sandbox are larger than its limit of 64MiB (measured 67108865B)");
    assert_eq!(end.limitation, Some(Limitation { resource: "disk".to_owned(), limit: LIMIT, measured: LIMIT + 1 }));
    world.check(exceeds_disk(&world), &[]);
}

/// The two may cross.
#[test]
fn a_task_that_ended_before_its_disk_was_measured_has_ended_as_it_did() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.run(exceeds_disk(&world));
    world.check(world.ended(1, Exit::Code(0)), &["t FINISHED EXITED #3"]);
}

#[test]
fn a_task_that_was_being_killed_anyway_was_killed_only_sooner() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.run(world.kills(1, Some(60)));
    world.check(exceeds_disk(&world), &["destroy 1"]);
    world.check(world.ended(1, Exit::Signal(9)), &["t KILLED KILL_REQUESTED #3"]);
}

#[test]
fn why_it_is_to_end_outlives_the_agent() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.run(exceeds_disk(&world));
    assert_eq!(world.crash_adopting(), ["destroy 1", "connect"]);
    world.run(world.ended(1, Exit::Signal(9)));
    world.run(Event::Connected);
    assert_eq!(world.run_registered(), ["t KILLING DISK_LIMIT #2", "t FAILED DISK_LIMIT #1"]);
}

#[test]
fn an_agent_that_ends_with_its_containers_tells_of_every_end() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.run(world.launches(2, "u", "cpus:1"));
    world.check(Event::DestroyAsked, &["terminate 1", "destroy 2", "destroy 1", "t KILLING KILL_REQUESTED #2"]);
    world.check(world.launches(3, "v", "cpus:1"), &["v DROPPED AGENT_REFUSED #3"]);
    world.check(world.ended(1, Exit::Signal(9)), &["t KILLED KILL_REQUESTED #4"]);
    assert!(!world.agent.is_quiet());
    let failure = meros_agent_core::StartFailure::Agent("given up".to_owned());
    world.check(Event::ContainerFailed { container: world.container(2), failure }, &["u KILLED KILL_REQUESTED #5"]);
    assert!(world.agent.is_quiet());
}

#[test]
fn an_agent_is_not_quiet_while_an_end_waits_for_the_disk_or_the_master() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.hold(Hold::Syncs);
    world.run(world.ended(1, Exit::Code(0)));
    assert!(!world.agent.is_quiet());
    world.hold(Hold::Nothing);
    assert!(world.agent.is_quiet());
    world.run(Event::Disconnected { reason: String::new() });
    assert!(!world.agent.is_quiet());
}
