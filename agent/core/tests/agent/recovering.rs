//! A new life: what it reads from its log, and what it makes of what was found.

use meros_agent_core::{Agent, ConfigurationError, Event, Found, Record};
use meros_types::{AgentId, AgentSecret, Attributes, Exit, ExitRecord, FactId, Reason, TaskState, TaskUpdate, Usage};

use crate::harness::*;

fn connected(world: &mut World) -> Vec<String> {
    world.run(Event::Connected);
    world.run_registered()
}

fn record(exit: Exit) -> Found {
    Found::Ended(ExitRecord { exit, usage: Usage::default() })
}

/// Launch 1 runs, and nothing waits; after a crash this was found of it. What the new life registers and then tells.
#[track_caller]
fn check_found(power_lost: bool, found: Option<Found>, registered: &str, told: &[&str]) -> World {
    let mut world = World::with_task(spec("t", "cpus:1"));
    assert_eq!(world.crash(power_lost, |_, _| found), ["connect"]);
    world.check(Event::Connected, &[&format!("register [{registered}]")]);
    assert_eq!(world.run_registered(), told);
    world
}

#[test]
fn what_runs_goes_on() {
    let mut world = check_found(false, Some(Found::Running), "1.1 t RUNNING (cpus:1)", &[]);
    world.check(world.launches(2, "u", "cpus:4"), &["u DROPPED AGENT_REFUSED #1"]);
    world.check(world.ended(1, Exit::Code(7)), &["t FAILED EXITED #2"]);
}

#[test]
fn what_ended_meanwhile_is_told_like_any_end() {
    check_found(false, Some(record(Exit::Code(0))), "1.1 t FINISHED ()", &["t FINISHED EXITED #1"]);
    check_found(false, Some(record(Exit::Code(7))), "1.1 t FAILED ()", &["t FAILED EXITED #1"]);
}

#[test]
fn what_lost_its_supervisor_is_told_so() {
    for found in [Some(Found::Lost), Some(Found::NeverStarted), None] {
        check_found(false, found, "1.1 t FAILED ()", &["t FAILED SUPERVISOR_LOST #1"]);
    }
}

#[test]
fn a_machine_that_was_started_anew_ended_what_left_no_record() {
    for found in [Some(Found::Lost), Some(Found::NeverStarted), None] {
        check_found(true, found, "1.1 t FAILED ()", &["t FAILED AGENT_REBOOTED #1"]);
    }
    check_found(true, Some(record(Exit::Code(0))), "1.1 t FINISHED ()", &["t FINISHED EXITED #1"]);
}

#[test]
fn what_was_never_started_is_dropped_and_what_runs_says_so() {
    let launched = || World::began().registered().after(World::began().registered().launches(1, "t", "cpus:1"));
    for (found, told) in [
        (Some(Found::NeverStarted), "t DROPPED LAUNCH_LOST #1"),
        (None, "t DROPPED LAUNCH_LOST #1"),
        (Some(Found::Lost), "t FAILED SUPERVISOR_LOST #1"),
        (Some(Found::Running), "t RUNNING STARTED #1"),
    ] {
        let mut world = launched();
        world.crash(false, |_, _| found);
        assert_eq!(connected(&mut world), [told]);
        world.check(world.launches(1, "t", "cpus:1"), &[]);
    }
}

#[test]
fn a_launch_that_was_not_recorded_never_was() {
    let mut world = World::began().registered();
    world.hold(Hold::All);
    world.run(world.launches(1, "t", "cpus:1"));
    world.log.hold = Hold::Nothing;
    world.crash_adopting();
    world.check(Event::Connected, &["register []"]);
}

/// The order's own grace is not known any more, so that the task's counts; whoever asked repeats the order.
#[test]
fn a_kill_that_was_under_way_begins_anew() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.run(world.kills(1, Some(3600)));
    world.run(world.acknowledges(2));
    assert_eq!(world.crash_adopting(), ["terminate 1", "connect"]);
    assert_eq!(connected(&mut world), [""; 0]);
    assert_eq!(world.pass_alive(seconds(5)), ["destroy 1"]);
    world.check(world.ended(1, Exit::Code(0)), &["t KILLED KILL_REQUESTED #1"]);
}

#[test]
fn what_was_killed_and_ended_meanwhile_was_killed() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.run(world.kills(1, None));
    world.crash(false, |_, _| Some(record(Exit::Signal(15))));
    assert_eq!(connected(&mut world), ["t KILLING KILL_REQUESTED #2", "t KILLED KILL_REQUESTED #1"]);
}

/// Each life counts its own facts, and nobody may take one for another.
#[test]
fn facts_of_an_earlier_life_keep_their_ids_and_leave_first() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.run(world.launches(2, "u", "cpus:1"));
    world.run(world.started(2));
    let old = FactId { incarnation: world.last_registration.as_ref().unwrap().incarnation, n: 2 };
    world.crash(false, |_, _| Some(record(Exit::Code(0))));
    let all = ["u RUNNING STARTED #2", "t FINISHED EXITED #1", "u FINISHED EXITED #2"];
    assert_eq!(connected(&mut world), all);
    assert_ne!(world.last_registration.as_ref().unwrap().incarnation, old.incarnation);
    let event = world.acknowledges_sent(old);
    world.run(event);
    assert_eq!(world.pass_alive(seconds(1)), all[1..]);
    // Also the acknowledgement of a fact of an earlier life is remembered.
    world.crash_adopting();
    assert_eq!(connected(&mut world), all[1..]);
}

#[test]
fn its_id_its_secret_and_its_terms_are_remembered() {
    let mut world = World::began();
    world.session.term = meros_types::Term(5);
    let mut world = world.registered();
    world.config.secret = AgentSecret::from_bytes([6; 16]);
    world.crash_adopting();
    world.run(Event::Connected);
    let register = world.last_registration.as_ref().unwrap();
    assert_eq!(register.agent, Some(AgentId::from_bytes([9; 16])));
    assert_eq!(register.secret, AgentSecret::from_bytes([5; 16]));
    assert_eq!(register.term, meros_types::Term(5));
}

#[test]
fn epochs_and_users_are_remembered() {
    let mut world = World::configured(|config| config.uids = Some(100..102)).registered();
    world.run(world.launches_at(1, 5, spec("t", "cpus:1")));
    world.run(world.started(1));
    world.crash_adopting();
    connected(&mut world);
    world.check(world.launches_at(2, 4, spec("u", "cpus:1")), &["u DROPPED AGENT_REFUSED #1"]);
    world.check(world.launches_at(3, 5, spec("v", "cpus:1")), &["start 2 v as 101"]);
    world.check(world.launches_at(4, 5, spec("w", "cpus:1")), &["w DROPPED AGENT_REFUSED #2"]);
}

#[test]
fn directories_of_earlier_lives_are_removed_in_their_turn() {
    let mut world = World::configured(|config| config.ended_kept = 2).registered();
    for n in 1..=2 {
        world.run(world.launches(n, "t", "cpus:1"));
        let number = usize::try_from(n).unwrap();
        world.run(world.started(number));
        world.run(world.ended(number, Exit::Code(0)));
        world.run(world.acknowledges(2 * n - 1));
        world.run(world.acknowledges(2 * n));
    }
    assert_eq!(world.crash_adopting(), ["connect"]);
    assert_eq!(world.agent.remembered().len(), 2);
    world.config.ended_kept = 1;
    assert_eq!(world.crash_adopting(), ["connect", "remove 1"]);
    assert_eq!(world.agent.remembered(), [world.container(2)]);
}

/// Only a power loss comes to this: the end was told, so that it was released.
#[test]
fn what_is_over_and_yet_runs_is_destroyed() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.run(world.ended(1, Exit::Code(0)));
    assert_eq!(world.crash(false, |_, _| Some(Found::Running)), ["destroy 1", "connect"]);
}

/// Launch 1 runs, and its agent's settings change like this.
fn changed(change: impl FnOnce(&mut meros_agent_core::AgentConfig)) -> Result<(), ConfigurationError> {
    let rack = |config: &mut meros_agent_core::AgentConfig| {
        (config.attributes, config.isolation) = (attributes(&[("rack", "a")]), "the cgroup /a".to_owned());
    };
    let mut world = World::configured(rack).registered();
    world.run(world.launches(1, "t", "cpus:1"));
    let mut config = world.config.clone();
    change(&mut config);
    Agent::recovered(config, boot(0), world.log.file).map(drop)
}

fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    Attributes::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).unwrap()
}

#[test]
fn more_to_give_is_taken() {
    changed(|config| config.resources = resources("cpus:5;mem:8GiB;ports:[1-20];gpus:1")).unwrap();
    changed(|config| config.attributes = attributes(&[("rack", "a"), ("os", "linux")])).unwrap();
}

#[test]
fn less_is_refused_with_the_way_out() {
    let error = changed(|config| config.resources = resources("cpus:3;mem:8GiB;ports:[1-9]")).unwrap_err();
    let expected = "the agent's resources were cpus:4;mem:8GiB;ports:[1-9] and are now cpus:3;mem:8GiB;ports:[1-9], and 1 container \
                    and 0 unacknowledged facts remain from before: start it with at least the resources of before until they are \
                    done, or give it another work directory";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn another_attribute_is_refused_with_the_way_out() {
    let error = changed(|config| config.attributes = attributes(&[("rack", "b")])).unwrap_err();
    let expected = "the agent's attribute rack was \"a\" and is now \"b\", and 1 container and 0 unacknowledged facts remain from \
                    before: start it with the attribute of before until they are done, or give it another work directory";
    assert_eq!(error.to_string(), expected);
    let error = changed(|config| config.attributes = Attributes::default()).unwrap_err();
    assert!(error.to_string().starts_with("the agent's attribute rack was \"a\" and is now not set, and"), "{error}");
}

#[test]
fn another_domain_is_refused_with_the_way_out_and_one_that_was_not_said_is_taken() {
    let moved = |before: Option<&str>, now: Option<&str>| {
        let domain = |text: Option<&str>| text.map(|text| text.parse().unwrap());
        let mut world = World::configured(|config| config.domain = domain(before)).registered();
        world.run(world.launches(1, "t", "cpus:1"));
        let mut config = world.config.clone();
        config.domain = domain(now);
        Agent::recovered(config, boot(0), world.log.file).map(drop)
    };
    moved(None, Some("eu/eu-1")).unwrap();
    moved(Some("eu/eu-1"), Some("eu/eu-1")).unwrap();
    let error = moved(Some("eu/eu-1"), Some("eu/eu-2")).unwrap_err();
    let expected = "the agent's domain was eu/eu-1 and is now eu/eu-2, and 1 container and 0 unacknowledged facts remain from before: \
                    start it with the domain of before until they are done, or give it another work directory";
    assert_eq!(error.to_string(), expected);
    let error = moved(Some("eu/eu-1"), None).unwrap_err();
    assert!(error.to_string().starts_with("the agent's domain was eu/eu-1 and is now not set, and"), "{error}");
}

/// Its containers would neither be found nor ended there, nor be counted.
#[test]
fn another_isolation_is_refused_with_the_way_out() {
    let error = changed(|config| config.isolation = "the cgroup /b".to_owned()).unwrap_err();
    let expected = "the agent kept its tasks in the cgroup /a and would now look for them in the cgroup /b, and 1 container and 0 \
                    unacknowledged facts remain from before: start it with the isolation and the name of before until they are \
                    done, or give it another work directory";
    assert_eq!(error.to_string(), expected);
}

/// A log of before this was recorded says nothing of it.
#[test]
fn an_isolation_that_is_not_recorded_is_any() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.config.isolation = "the cgroup /b".to_owned();
    world.crash_adopting();
}

/// What ended with the machine rests on nothing. A new kernel alone may leave less memory than the one before.
#[test]
fn a_machine_that_was_started_anew_may_have_less() {
    let mut world = World::configured(|config| config.isolation = "the cgroup /a".to_owned()).registered();
    world.run(world.launches(1, "t", "cpus:4"));
    world.run(world.started(1));
    (world.config.resources, world.config.isolation) = (resources("cpus:1"), "no cgroup".to_owned());
    world.crash(true, |_, _| None);
    assert_eq!(connected(&mut world), ["t FAILED AGENT_REBOOTED #1"]);
}

#[test]
fn an_agent_of_which_nothing_remains_may_change_as_it_likes() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.config.resources = resources("cpus:1");
    let again = |world: &World| Agent::recovered(world.config.clone(), boot(0), world.log.file.clone());
    assert!(again(&world).is_err());
    world.run(world.ended(1, Exit::Code(0)));
    assert!(again(&world).is_err(), "the fact waits");
    world.run(world.acknowledges(2));
    assert!(again(&world).is_ok());
}

/// Its resources are not known, so that they could be given to another.
#[test]
fn a_container_whose_launch_was_lost_is_destroyed() {
    let mut world = World::with_task(spec("t", "cpus:4"));
    world.log.file.retain(|record| !matches!(record, Record::Launch { .. }));
    assert_eq!(world.crash_adopting(), ["destroy 1", "connect"]);
    connected(&mut world);
    world.check(world.ended(1, Exit::Signal(9)), &["t FAILED CONTAINER_FAILED #1"]);
    assert_eq!(world.oracle.ends[&launch_id(1)].message, "the agent's log lost what it holds, so that it could not go on");
}

/// Found by `damaged`: the end of the second container freed the user that the first seemed to have still.
#[test]
fn a_launch_with_the_user_of_another_says_that_this_was_removed() {
    let mut world = World::configured(|config| (config.uids, config.ended_kept) = (Some(100..101), 0)).registered();
    world.run(world.launches(1, "t", "cpus:1"));
    world.run(world.started(1));
    world.run(world.ended(1, Exit::Code(0)));
    world.run(world.launches(2, "u", "cpus:1"));
    world.log.file.retain(|record| !matches!(record, Record::Removed { .. }));
    world.crash_adopting();
    assert_eq!(world.agent.remembered(), [world.container(2)]);
}

/// By the second time its user may be another's.
#[test]
fn a_removal_that_is_in_the_log_twice_frees_nothing_twice() {
    let mut world = World::configured(|config| (config.uids, config.ended_kept) = (Some(100..101), 0)).registered();
    world.run(world.launches(1, "t", "cpus:1"));
    world.run(world.started(1));
    world.run(world.ended(1, Exit::Code(0)));
    world.check(world.launches(2, "u", "cpus:1"), &["start 2 u as 100"]);
    let removed = world.log.file.iter().find(|record| matches!(record, Record::Removed { .. })).cloned();
    world.plant(removed.unwrap());
    world.crash_adopting();
    connected(&mut world);
    world.check(world.launches(3, "v", "cpus:1"), &["v DROPPED AGENT_REFUSED #2"]);
}

/// Twenty facts of one task, as a life that had many to tell would leave them.
fn with_facts(states: &[TaskState]) -> (World, Vec<String>) {
    let mut world = World::with_task(spec("t", "cpus:1"));
    let fact = world.log.file.iter().find_map(|record| match record {
        Record::Fact { container, framework, update } => Some((*container, *framework, update.clone())),
        _ => None,
    });
    let (container, framework, first) = fact.unwrap();
    for (n, state) in (100..).zip(states) {
        let fact = first.fact.map(|fact| FactId { n, ..fact });
        let update = TaskUpdate { state: *state, fact, reason: Reason::Started, ..first.clone() };
        let record = Record::Fact { container, framework, update };
        world.plant(record);
    }
    world.crash(false, |_, _| Some(Found::Running));
    let told = connected(&mut world);
    (world, told)
}

#[test]
fn of_too_many_facts_of_a_task_the_newest_is_enough() {
    let sixteen = [TaskState::Running; 16];
    assert_eq!(with_facts(&sixteen).1.len(), 16);
    let (_, told) = with_facts(&[TaskState::Running; 20]);
    assert_eq!(told, ["t RUNNING STARTED #116", "t RUNNING STARTED #117", "t RUNNING STARTED #118", "t RUNNING STARTED #119"]);
    // The end is never replaced, and comes last.
    let states = [[TaskState::Running; 16].as_slice(), &[TaskState::Finished]].concat();
    assert_eq!(with_facts(&states).1, ["t RUNNING STARTED #115", "t FINISHED STARTED #116"]);
}
