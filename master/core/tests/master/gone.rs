//! Agents that an operator has given up: true when it is stored, and for good.

use meros_master_core::{AgentStanding, GONE_AGENTS_MAX};
use meros_types::TaskState::{Finished, GoneByOperator, Running};
use meros_types::{AgentId, Call, Demand};

use crate::harness::*;

/// An agent, a framework that takes anything, and a task that runs; the rest of the agent is on offer.
fn with_task() -> World {
    let world = World::new().with_agent("a", "cpus:4").with_taker("f");
    let world = world.after(says("f", [accept(&[1], &[("t", "cpus:1")])])).after(states("a", "f", "t", (1, 1), Running, 1));
    world.after(passes(5))
}

fn refusal(name: &str, world: &World) -> String {
    let id = world.agent_id("a");
    let cure = "start it with a new work directory to add it as a new agent";
    format!("{name} refused: agent {id} was declared gone, and its tasks with it; {cure}")
}

#[test]
fn its_tasks_are_over_it_is_refused_and_nothing_of_it_counts() {
    let mut world = with_task();
    let lines = ["f rescinded 2", &refusal("a", &world), "close a", "f t GONE_BY_OPERATOR AGENT_GONE", "reply Done"];
    world.check(marks_gone("a"), &lines);
    let state = world.master.state();
    assert_eq!((state.agents.len(), state.frameworks[0].live_tasks), (0, 0));
    assert_eq!((state.tasks[0].update.state, state.tasks[0].agent), (GoneByOperator, world.agent_id("a")));
    assert_eq!(state.frameworks[0].allocated, resources(""));
    assert_eq!((world.metrics().agents_connected, world.metrics().agents_unreachable), (0, 0));
    let comes = registers("b").of("a").with("cpus:4").holding([held("f", "t", (1, 1), Running, "cpus:1")]);
    world.check(comes, &[&refusal("b", &world), "close b"]);
    // What the process that was refused still says over its old stream is nobody's.
    world.check(closes("a"), &[]);
    world.check(passes(120), &[]);
}

#[test]
fn nothing_is_said_of_it_before_it_is_stored() {
    let mut world = with_task().after(Step::Holds);
    world.check(marks_gone("a"), &["f rescinded 2"]);
    world.check(says("f", [kill("t")]), &["a kill 1.1"]);
    let comes = || registers("b").of("a").with("cpus:4").holding([held("f", "t", (1, 1), Running, "cpus:1")]);
    world.check(comes(), &["close a", "b registered"]);
    let lines = [&refusal("b", &world), "close b", "f t GONE_BY_OPERATOR AGENT_GONE", "reply Done"];
    world.check(stores(1), &lines);
    // A master that is killed before has the agent still.
    let world = with_task().after(Step::Holds).after(marks_gone("a")).after(Step::Restarts);
    let mut world = world.after(Step::Releases).after(subscribes("g").of("f").resumes(1));
    world.check(comes(), &["b registered", "g t RUNNING AGENT_RETURNED"]);
}

#[test]
fn it_is_gone_over_the_masters_restart() {
    let mut world = with_task().after(marks_gone("a"));
    let id = world.agent_id("a");
    assert_eq!(world.disk.agents[&id].state, AgentStanding::Gone);
    world.run(Step::Restarts);
    world.check(registers("b").of("a"), &[&refusal("b", &world), "close b"]);
    world.run(subscribes("g").of("f").resumes(1));
    world.check(says("g", [reconcile_on(id, "t")]), &["g t GONE_BY_OPERATOR AGENT_GONE"]);
    // Nothing else has been written since.
    assert_eq!(world.disk.agents[&id].state, AgentStanding::Gone);
}

#[test]
fn frameworks_hear_of_it_whenever_they_come_or_ask() {
    let mut world = with_task().after(closes("f")).after(marks_gone("a"));
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "g t GONE_BY_OPERATOR AGENT_GONE"]);
    let line = ["g t GONE_BY_OPERATOR AGENT_GONE"];
    world.check(says("g", [reconcile(&["t"])]), &line);
    world.check(says("g", [kill("t")]), &line);
    let call = reconcile_on(world.agent_id("a"), "u");
    world.check(says("g", [call]), &["g u GONE_BY_OPERATOR AGENT_GONE"]);
}

/// Its agent would have stated it until it is acknowledged. Now the master does.
#[test]
fn an_end_that_nobody_has_acknowledged_is_not_lost() {
    let mut world = with_task().after(states("a", "f", "t", (1, 1), Finished, 2));
    let lines = world.run(marks_gone("a"));
    assert!(lines.contains(&"f t FINISHED EXITED #2".to_owned()), "{lines:?}");
    let mut world = world.after(closes("f"));
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "g t FINISHED EXITED #2"]);
    let call = world.acknowledge("a", (1, 1), 2);
    world.check(says("g", [call]), &[]);
    let mut world = world.after(closes("g"));
    world.check(subscribes("h").of("g").resumes(1), &["h subscribed, epoch 1"]);
}

/// How it ended was to come with its fact.
#[test]
fn an_end_without_its_fact_is_said_as_it_is_known() {
    let world = with_task().after(closes("a")).after(registers("b").of("a").holding([held("f", "t", (1, 1), Finished, "")]));
    let mut world = world;
    world.check(says("f", [reconcile(&["t"])]), &[]);
    let lines = world.run(marks_gone("b"));
    assert!(lines.contains(&"f t FINISHED AGENT_GONE".to_owned()), "{lines:?}");
    world.check(says("f", [reconcile(&["t"])]), &["f t FINISHED AGENT_GONE"]);
    let mut world = world.after(closes("f"));
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "g t FINISHED AGENT_GONE"]);
}

#[test]
fn one_that_is_away_or_unreachable_can_be_gone_too() {
    let mut world = with_task().after(closes("a"));
    world.check(marks_gone("a"), &["f t GONE_BY_OPERATOR AGENT_GONE", "reply Done"]);
    world.check(passes(60), &[]);
    let mut world = with_task().after(closes("a")).after(passes(60));
    world.check(marks_gone("a"), &["f t GONE_BY_OPERATOR AGENT_GONE", "reply Done"]);
    assert_eq!(world.disk.agents[&world.agent_id("a")].state, AgentStanding::Gone);
}

#[test]
fn what_is_gone_of_a_removed_framework_is_the_end_of_it() {
    let mut world = with_task().after(says("f", [Call::Teardown]));
    assert_eq!(world.master.state().frameworks.len(), 1);
    world.run(marks_gone("a"));
    assert_eq!(world.master.state().frameworks, []);
}

#[test]
fn said_again_it_is_as_good_as_done() {
    let mut world = with_task().after(Step::Holds).after(marks_gone("a"));
    world.check(marks_gone("a"), &[]);
    let gone = format!("agent {} was declared gone for good", world.agent_id("a"));
    let lines = world.run(reactivates("a"));
    assert!(lines[0].starts_with(&format!("reply: {gone}; start it with a new work directory")), "{lines:?}");
    let lines = world.run(stores(1));
    assert_eq!(lines.iter().filter(|line| *line == "reply Done").count(), 2);
    world.check(marks_gone("a"), &["reply Done"]);
    assert!(world.run(deactivates("a"))[0].contains(&gone));
    assert_eq!(world.disk.waiting(), 0);
}

/// It keeps its id for ever, and whoever comes without one comes anew.
#[test]
fn the_same_machine_may_come_as_a_new_agent() {
    let mut world = with_task().after(marks_gone("a")).after(passes(60));
    world.check(registers("a").with("cpus:2"), &["a registered", "f offers 3@a(cpus:2)"]);
    assert_eq!(world.disk.agents.len(), 2);
}

#[test]
fn the_agents_row_goes_with_the_last_of_its_tasks_and_others_may_have_their_names() {
    let mut world = with_task().after(marks_gone("a")).with_agent("b", "cpus:4");
    world.check(says("f", [accept(&[3], &[("t", "cpus:1")])]), &["f ACCEPT refused: task id t is in use, or was; take another"]);
    let world = world.after(says("f", [Call::Teardown]));
    assert_eq!((world.master.state().frameworks.len(), world.master.state().tasks.len()), (0, 1));
}

#[test]
fn so_many_are_remembered() {
    let mut world = with_task();
    let one = world.disk.agents[&world.agent_id("a")].clone();
    for n in 0..GONE_AGENTS_MAX as u128 {
        let record = meros_master_core::AgentRecord {
            id: AgentId::from_bytes(n.to_be_bytes()),
            secret: meros_types::AgentSecret::from_bytes(n.to_be_bytes()),
            state: AgentStanding::Gone,
            ..one.clone()
        };
        world.disk.agents.insert(record.id, record);
    }
    let mut world = world.after(Step::Restarts);
    world.check(marks_gone("a"), &["reply Done"]);
    assert_eq!(world.disk.agents.len(), GONE_AGENTS_MAX);
    assert!(!world.disk.agents.contains_key(&AgentId::from_bytes([0; 16])));
    assert!(world.disk.agents.contains_key(&world.agent_id("a")));
    world.run(subscribes("g").of("f").resumes(1).then([demand(1, Demand::anything())]));
    world.check(says("g", [reconcile_on(AgentId::from_bytes([0; 16]), "t")]), &["g t UNKNOWN RECONCILIATION"]);
}
