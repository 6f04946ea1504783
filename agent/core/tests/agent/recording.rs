//! The log: what waits for it, what does not, and what happens while it can't be written.

use std::time::Duration;

use meros_agent_core::{Event, Record};
use meros_types::{Exit, Resources};

use crate::harness::*;

fn stalled() -> Event {
    Event::LogStalled { reason: "no space left on the device".to_owned() }
}

#[test]
fn nothing_is_made_before_its_launch_is_recorded() {
    let mut world = World::began().registered();
    world.hold(Hold::All);
    world.check(world.launches(1, "t", "cpus:1"), &[]);
    assert_eq!(world.hold(Hold::Syncs), ["start 1 t"]);
}

/// A crash of the process can't lose it, and after a power loss no container runs that it could be about.
#[test]
fn what_is_not_final_is_sent_when_it_is_in_the_file() {
    let mut world = World::began().registered();
    world.run(world.launches(1, "t", "cpus:1"));
    world.hold(Hold::All);
    world.check(world.started(1), &[]);
    assert_eq!(world.hold(Hold::Syncs), ["t RUNNING STARTED #1"]);
}

#[test]
fn what_is_final_is_sent_when_it_is_on_the_disk() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.hold(Hold::Syncs);
    world.check(world.ended(1, Exit::Code(0)), &[]);
    assert_eq!(world.hold(Hold::Nothing), ["t FINISHED EXITED #2"]);
}

#[test]
fn facts_of_a_framework_wait_for_each_other() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.run(world.launches(2, "u", "cpus:1"));
    world.hold(Hold::Syncs);
    world.check(world.ended(1, Exit::Code(0)), &[]);
    world.check(world.started(2), &[]);
    assert_eq!(world.hold(Hold::Nothing), ["t FINISHED EXITED #2", "u RUNNING STARTED #3"]);
}

#[test]
fn a_fact_that_waits_for_the_log_is_not_repeated() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.hold(Hold::Syncs);
    world.run(world.ended(1, Exit::Code(0)));
    assert_eq!(world.pass_alive(seconds(20)), [""; 0]);
    world.check(world.resends(), &[]);
    world.check(world.acknowledges(2), &[]);
    world.hold(Hold::Nothing);
    assert_eq!(world.pass_alive(seconds(1)), ["t FINISHED EXITED #2"]);
}

/// Otherwise the master could free what a power loss brings back.
#[test]
fn an_end_that_is_not_on_the_disk_is_not_registered() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.hold(Hold::Syncs);
    world.run(world.ended(1, Exit::Code(0)));
    world.check(Event::Connected, &["register [1.1 t RUNNING (cpus:1)]"]);
    assert_eq!(world.run_registered(), [""; 0]);
    assert_eq!(world.hold(Hold::Nothing), ["t FINISHED EXITED #2"]);
    world.check(Event::Connected, &["register [1.1 t FINISHED ()]"]);
}

#[test]
fn an_agent_registers_when_its_life_is_on_the_disk() {
    let mut world = World::began();
    world.log.hold = Hold::Syncs;
    assert_eq!(world.crash_adopting(), [""; 0]);
    world.check(Event::Disconnected { reason: String::new() }, &[]);
    assert_eq!(world.pass(seconds(60)), [""; 0]);
    assert_eq!(world.hold(Hold::Nothing), ["connect"]);
}

/// The exit record is in the directory.
#[test]
fn a_directory_stays_until_the_end_is_on_the_disk() {
    let mut world = World::configured(|config| config.ended_kept = 0).registered();
    world.run(world.launches(1, "t", "cpus:1"));
    world.run(world.started(1));
    world.hold(Hold::Syncs);
    world.check(world.ended(1, Exit::Code(0)), &[]);
    assert_eq!(world.hold(Hold::Nothing), ["t FINISHED EXITED #2", "remove 1"]);
}

#[test]
fn not_even_a_launch_that_needs_its_user_removes_it_before() {
    let mut world = World::configured(|config| config.uids = Some(100..101)).registered();
    world.run(world.launches(1, "t", "cpus:1"));
    world.run(world.started(1));
    world.hold(Hold::Syncs);
    world.run(world.ended(1, Exit::Code(0)));
    world.check(world.launches(2, "u", "cpus:1"), &[]);
    assert_eq!(world.hold(Hold::Nothing), ["t FINISHED EXITED #2", "u DROPPED AGENT_REFUSED #3"]);
    world.check(world.launches(3, "v", "cpus:1"), &["remove 1", "start 2 v as 100"]);
}

#[test]
fn one_sync_serves_all_that_came_before_it() {
    let mut world = World::began().registered();
    for n in 1..=3 {
        world.run(world.launches(n, "t", "cpus:1"));
        world.run(world.started(usize::try_from(n).unwrap()));
    }
    world.hold(Hold::Syncs);
    // The harness insists that there is one at a time.
    for number in 1..=3 {
        world.check(world.ended(number, Exit::Code(0)), &[]);
    }
    assert_eq!(world.hold(Hold::Nothing), ["t FINISHED EXITED #4", "t FINISHED EXITED #5", "t FINISHED EXITED #6"]);
}

#[test]
fn an_agent_that_can_not_record_offers_nothing_and_kills_go_on() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.hold(Hold::All);
    world.check(stalled(), &["connect"]);
    world.check(stalled(), &[]);
    world.check(Event::Connected, &["register [1.1 t RUNNING (cpus:1)]"]);
    assert_eq!(world.last_registration.as_ref().unwrap().resources, Resources::none());
    world.run_registered();
    world.check(world.launches(2, "u", ""), &["connect"]);
    world.run(Event::Connected);
    world.run_registered();
    world.check(world.kills(1, Some(3)), &["terminate 1"]);
    assert_eq!(world.pass_alive(seconds(3)), ["destroy 1"]);
    world.check(world.ended(1, Exit::Signal(9)), &[]);
    world.check(Event::LogResumed, &["connect"]);
    assert_eq!(world.hold(Hold::Nothing), [""; 0]);
    world.run(Event::Connected);
    assert_eq!(world.last_registration.as_ref().unwrap().resources, world.config.resources);
    assert_eq!(world.run_registered(), ["t KILLING KILL_REQUESTED #2", "t KILLED KILL_REQUESTED #3"]);
    // The launch that was not taken in does not come back.
    world.check(world.launches(2, "u", "cpus:1"), &[]);
}

#[test]
fn a_log_that_stalls_while_the_master_is_away_is_told_when_it_is_back() {
    let mut world = World::began();
    world.hold(Hold::All);
    world.check(stalled(), &[]);
    world.run(Event::Connected);
    assert_eq!(world.last_registration.as_ref().unwrap().resources, Resources::none());
}

#[test]
fn a_launch_that_waits_for_the_log_can_be_killed() {
    let mut world = World::configured(|config| config.uids = Some(100..101)).registered();
    world.hold(Hold::All);
    world.run(world.launches(1, "t", "cpus:4"));
    world.check(world.kills(1, None), &[]);
    assert_eq!(world.hold(Hold::Nothing), ["t KILLED KILL_REQUESTED #1"]);
    world.check(world.launches(2, "u", "cpus:4"), &["start 1 u as 100"]);
}

#[test]
fn a_launch_does_not_wait_for_the_log_for_ever() {
    let mut world = World::began().registered();
    world.hold(Hold::All);
    world.run(world.launches(1, "t", "cpus:4"));
    assert_eq!(world.pass_alive(seconds(60)), [""; 0]);
    assert_eq!(world.hold(Hold::Nothing), ["t FAILED CONTAINER_FAILED #1"]);
    let end = &world.oracle.ends[&launch_id(1)];
    assert_eq!(end.message, "it did not start within 60s: the agent's log could not be written");
    assert!(world.agent.is_quiet());
}

/// Months of short tasks must not make a log that takes minutes to read.
#[test]
fn a_long_log_is_replaced_by_one_that_says_the_same() {
    let mut world = World::configured(|config| config.ended_kept = 2).registered();
    for n in 1..=600 {
        world.run(world.launches(n, "t", "cpus:1"));
        world.run(world.started(usize::try_from(n).unwrap()));
        world.run(world.ended(usize::try_from(n).unwrap(), Exit::Code(0)));
        if n > 3 {
            world.run(world.acknowledges(2 * n - 1));
            world.run(world.acknowledges(2 * n));
        }
    }
    assert!((1..10).contains(&world.log.rewrites), "{}", world.log.rewrites);
    assert!(world.log.file.len() < 1_100, "{} records", world.log.file.len());
    // What was not acknowledged is still there, in order, and so is the newest launch.
    let facts = ["t RUNNING STARTED #1", "t FINISHED EXITED #2", "t RUNNING STARTED #3", "t FINISHED EXITED #4"];
    world.crash_adopting();
    world.run(Event::Connected);
    assert_eq!(world.run_registered()[..4], facts);
    world.check(world.launches(600, "t", "cpus:1"), &[]);
    world.check(world.launches(601, "t", "cpus:1"), &["start 601 t"]);
}

/// Launch ids start at most once, also those that nothing else in the log tells of any more.
#[test]
fn a_log_that_is_replaced_remembers_the_newest_launch() {
    let is_launch = |record: &Record| matches!(record, Record::Launch { .. });
    // A refused launch has three records and one more when that is acknowledged: one of these meets the limit just there.
    let forgotten = (1..=4).find_map(|epochs| {
        let mut world = World::began().registered();
        for n in 1..=256 {
            world.run(world.launches_at(n, n.min(epochs), spec("t", "cpus:99")));
            world.run(world.acknowledges(n));
            if world.log.rewrites > 0 && !world.log.file.iter().any(is_launch) {
                return Some((world, n));
            }
        }
        None
    });
    let (mut world, newest) = forgotten.unwrap();
    world.crash_adopting();
    world.run(Event::Connected);
    world.run_registered();
    world.check(world.launches_at(newest, 4, spec("t", "cpus:1")), &[]);
    world.check(world.launches_at(newest + 1, 4, spec("t", "cpus:1")), &["start 1 t"]);
}

#[test]
fn a_start_that_takes_too_long_is_given_up() {
    let mut world = World::began().registered();
    world.run(world.launches(1, "t", "cpus:4"));
    assert_eq!(world.pass_alive(Duration::from_millis(59_999)), [""; 0]);
    assert_eq!(world.pass_alive(Duration::from_millis(1)), ["destroy 1"]);
    // What it held is free when nothing of it is left.
    world.check(world.launches(2, "u", "cpus:4"), &["u DROPPED AGENT_REFUSED #1"]);
    let failure = meros_agent_core::StartFailure::Agent("given up".to_owned());
    world.check(Event::ContainerFailed { container: world.container(1), failure }, &["t FAILED CONTAINER_FAILED #2"]);
    assert_eq!(world.oracle.ends[&launch_id(1)].message, "it did not start within 60s");
    world.check(world.launches(3, "v", "cpus:4"), &["start 2 v"]);
}

#[test]
fn a_start_that_comes_too_late_is_destroyed() {
    let late = || {
        let mut world = World::began().registered();
        world.run(world.launches(1, "t", "cpus:4"));
        world.pass_alive(seconds(60));
        world.check(world.started(1), &["destroy 1"]);
        assert_eq!(world.pass_alive(seconds(5)), ["destroy 1"]);
        world
    };
    late().check(late().ended(1, Exit::Signal(9)), &["t FAILED CONTAINER_FAILED #1"]);
    // It was done before it could be destroyed.
    late().check(late().ended(1, Exit::Code(0)), &["t FINISHED EXITED #1"]);
}
