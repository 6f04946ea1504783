//! Masters that are killed.

use serde_json::Value;

use crate::commands::{Commands, lasting};
use crate::daemons::{Master, Site};
use crate::support::{Process, text, wait_until};

/// Waits until agent and scheduler are back.
#[track_caller]
fn wait_for_both(master: &Master) {
    master.wait_for_agents(1);
    wait_until("the scheduler is connected", || master.status("frameworks").iter().any(|found| found["connected"] == true));
}

/// The launches of all tasks with their agents, and the framework.
fn identities(master: &Master) -> (Vec<(Value, Value)>, Vec<Value>) {
    let mut tasks: Vec<_> = master.status("tasks").iter().map(|task| (task["launch"].clone(), task["agent"].clone())).collect();
    tasks.sort_by_key(|(launch, _)| launch.to_string());
    (tasks, master.status("frameworks").iter().map(|found| found["id"].clone()).collect())
}

#[test]
fn ten_tasks_run_on_without_their_master_and_both_sides_come_back() {
    let site = Site::new();
    let mut master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let ten = Commands::ten(&site, &first, &second);
    let mut batch = Process::start(&mut ten.batch(&master));
    master.wait_for(10, "RUNNING");
    let (known, pids) = (identities(&master), agent.task_pids());

    for _ in 0..2 {
        master.kill();
        master.restart();
        wait_for_both(&master);
        master.wait_for(10, "RUNNING");
        assert_eq!(identities(&master), known);
        assert_eq!(agent.task_pids(), pids);
    }
    master.kill();
    first.open();
    wait_until("three tasks end without a master", || agent.task_pids().len() == 7);
    master.restart();
    wait_for_both(&master);
    assert_eq!(lasting(&pids, &agent.task_pids()).len(), 7, "the others run on");
    second.open();
    ten.check(&mut batch);
    agent.stop();
}

#[test]
fn a_master_that_is_killed_while_it_launches_starts_nothing_twice() {
    let site = Site::new();
    let mut master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let ten = Commands::ten(&site, &first, &second);
    let mut batch = Process::start(&mut ten.batch(&master));
    // From the first sign of the scheduler on: the framework, some tasks, all of them.
    for tasks in [0, 1, 4, 10] {
        wait_until("it is at work", || !master.status("frameworks").is_empty() && master.status("tasks").len() >= tasks);
        master.kill();
        master.restart();
    }
    first.open();
    second.open();
    // A launch that was lost on its way is made again, and nothing of it had begun.
    ten.attempts(&mut batch);
    agent.stop();
}

#[test]
fn what_ends_without_a_master_is_told_to_the_next() {
    let site = Site::new();
    let mut master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let gate = site.gate("gate");
    let mut run = Process::start(master.meros().args(["run", "--", "sh", "-c", &format!("echo begun; {}; exit 6", gate.wait())]));
    Process::line_with(&run.lines, "begun");
    master.kill();
    gate.open();
    wait_until("the task has ended", || agent.has_left_nothing());
    master.restart();
    assert_eq!(run.code(), Some(6), "{}", Process::rest(&run.errors));
    agent.stop();
}

#[test]
fn master_agent_and_scheduler_die_at_one_time() {
    let site = Site::new();
    let mut master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let (ten, state) = (Commands::ten(&site, &first, &second), site.path("state"));
    let mut batch = ten.keyed_batch(&master, "nightly", &state);
    master.wait_for(10, "RUNNING");
    let (known, pids) = (identities(&master), agent.task_pids());

    batch.kill();
    master.kill();
    agent.kill();
    first.open();
    wait_until("three tasks end on their own", || agent.living_shims().len() == 7 && agent.task_pids().len() == 7);
    master.restart();
    agent.restart();
    let mut successor = ten.keyed_batch(&master, "nightly", &state);
    wait_for_both(&master);
    assert_eq!(identities(&master).1, known.1, "it is the same framework");
    assert_eq!(lasting(&pids, &agent.task_pids()).len(), 7, "the others run on");
    second.open();
    ten.check(&mut successor);
    wait_until("nothing is left of them", || agent.has_left_nothing());
    agent.stop();
}

#[test]
fn the_term_rises_with_every_master() {
    let site = Site::new();
    let mut master = site.master(&[]);
    let mut terms = Vec::new();
    for _ in 0..3 {
        master.kill();
        let output = site.meros().args(["registry", "dump", "--json", "--work-dir"]).arg(site.path("master")).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let dump: Value = serde_json::from_slice(&output.stdout).unwrap();
        terms.push(dump["term"].as_u64().unwrap());
        master.restart();
    }
    assert_eq!(terms, [1, 2, 3]);
}
