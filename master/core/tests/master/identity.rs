//! Who an agent is: its id is bound to its secret, and whoever can't show that is told what to do.

use meros_master_core::{ADMISSIONS_MAX, AgentStanding};
use meros_types::TaskState::Running;

use crate::harness::*;

fn with_task() -> World {
    let world = World::new().with_agent("a", "cpus:4;mem:8GiB").with_taker("f");
    world.after(says("f", [accept(&[1], &[("t", "cpus:1;mem:1GiB")])])).after(states("a", "f", "t", (1, 1), Running, 1))
}

/// The first line of what a registration brings.
fn answer(world: &mut World, step: Registers) -> String {
    let lines = world.run(step);
    assert_eq!(lines.len(), 2, "{lines:?}");
    lines[0].clone()
}

/// The answer to its first registration was lost with the stream: without an id, it is known by its secret.
#[test]
fn an_agent_that_never_heard_its_id_is_not_taken_for_another() {
    let mut world = with_task();
    world.check(closes("a"), &[]);
    world.check(registers("a"), &["a registered", "f t GONE AGENT_FORGOT", "f offers 2@a(cpus:4;mem:8GiB)"]);
    assert_eq!(world.master.state().agents.len(), 1);
    world.run(registers("b"));
    assert_eq!(world.master.state().agents.len(), 2);
}

#[test]
fn an_impostor_is_refused_for_good_and_disturbs_nobody() {
    let mut world = with_task();
    let line = answer(&mut world, registers("b").of("a").secret("b"));
    let id = world.agent_id("a");
    assert!(line.starts_with(&format!("b refused: agent {id} is known here by another secret and runs on a")), "{line}");
    assert!(line.ends_with("start it with a new work directory"), "{line}");
    assert!(world.agent_state("a").connected);
    // Nor after a restart.
    let mut world = world.after(Step::Restarts);
    assert!(answer(&mut world, registers("c").of("a").secret("b")).starts_with("c refused: agent "));
    world.run(registers("d").of("a"));
    assert!(world.agent_state("d").connected);
}

#[test]
fn an_id_that_nobody_gave_is_refused_for_good() {
    let mut other = with_task();
    other.disk = Disk::default();
    let mut world = other.after(Step::Restarts);
    let line = answer(&mut world, registers("b").of("a"));
    assert!(line.starts_with("b refused: this master has not admitted agent "), "{line}");
    assert!(line.ends_with("or start it with a new work directory"), "{line}");
}

/// This master may have been replaced without knowing: another one may take the agent.
#[test]
fn an_agent_of_a_later_master_is_to_try_again() {
    let mut world = World::new();
    let line = answer(&mut world, Registers { term: 2, ..registers("a") });
    assert!(line.starts_with("a refused for now: the agent has obeyed a master of term 2, and this one's is 1"), "{line}");
}

#[test]
fn an_agent_that_was_declared_gone_does_not_return() {
    let mut world = World::new().with_agent("a", "cpus:4").with_framework("f");
    let id = world.agent_id("a");
    world.disk.agents.get_mut(&id).unwrap().state = AgentStanding::Gone;
    let mut world = world.after(Step::Restarts);
    assert!(answer(&mut world, registers("b").of("a")).starts_with(&format!("b refused: agent {id} was declared gone")));
    world.run(subscribes("g").of("f").resumes(1));
    world.check(says("g", [reconcile_on(id, "t")]), &["g t GONE_BY_OPERATOR AGENT_GONE"]);
}

#[test]
fn past_the_last_admission_new_agents_are_to_try_again_and_known_ones_are_not() {
    let mut world = World::new().with_agent("a", "cpus:4").after(Step::Holds);
    for n in 0..ADMISSIONS_MAX {
        world.quietly(registers(&format!("agent {n}")));
    }
    let line = answer(&mut world, registers("b"));
    assert!(line.starts_with("b refused for now: the master is admitting as many new agents as it can at once"), "{line}");
    world.check(registers("c").of("a"), &["close a", "c registered"]);
    // One that waits already may come again.
    world.check(registers("agent 7"), &["close agent 7"]);
    let lines = world.run(Step::Releases);
    assert_eq!(lines.len(), ADMISSIONS_MAX);
    assert_eq!(world.disk.agents.len(), ADMISSIONS_MAX + 1);
}

#[test]
fn an_agent_keeps_its_id_and_another_hostname_is_stored() {
    let mut world = World::new().with_agent("a", "cpus:4");
    let id = world.agent_id("a");
    world.run(registers("b").of("a"));
    assert_eq!(world.disk.agents[&id].hostname, "b");
    // The same again needs no write.
    let writes = world.disk.sizes.len();
    world.run(closes("b"));
    world.run(registers("b").of("b"));
    assert_eq!(world.disk.sizes.len(), writes);
    assert_eq!(world.agent_id("b"), id);
}
