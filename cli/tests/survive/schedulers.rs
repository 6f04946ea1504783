//! Schedulers that are killed, stopped and thawed.

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::commands::{Commands, lasting};
use crate::daemons::{Master, Site};
use crate::support::{Process, text, wait_until};

const KEY: &str = "nightly";

/// The one framework.
fn framework(master: &Master) -> Value {
    let mut frameworks = master.status("frameworks");
    assert_eq!(frameworks.len(), 1, "{frameworks:?}");
    frameworks.remove(0)
}

#[track_caller]
fn wait_for_scheduler(master: &Master, connected: bool) {
    wait_until("the master has noticed", || framework(master)["connected"] == connected);
}

#[test]
fn a_successor_is_the_same_framework_and_hears_what_was_missed() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let (ten, state) = (Commands::ten(&site, &first, &second), site.path("state"));
    let mut batch = ten.keyed_batch(&master, KEY, &state);
    master.wait_for(10, "RUNNING");
    let (before, pids) = (framework(&master), agent.task_pids());

    batch.kill();
    wait_for_scheduler(&master, false);
    first.open();
    wait_until("three tasks have ended", || master.count("RUNNING") == 7);
    for round in 1..=3 {
        let mut successor = ten.keyed_batch(&master, KEY, &state);
        wait_for_scheduler(&master, true);
        let after = framework(&master);
        assert_eq!(after["id"], before["id"]);
        assert_eq!(after["epoch"].as_u64().unwrap(), before["epoch"].as_u64().unwrap() + round);
        assert_eq!(lasting(&pids, &agent.task_pids()).len(), 7);
        if round == 3 {
            second.open();
            ten.check(&mut successor);
        } else {
            successor.kill();
            wait_for_scheduler(&master, false);
        }
    }
    agent.stop();
}

#[test]
fn a_scheduler_that_is_killed_while_it_launches_runs_nothing_twice() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let (ten, state) = (Commands::ten(&site, &first, &second), site.path("state"));
    // From the first sign of it on: its framework, some tasks, all of them.
    for tasks in [0, 1, 4, 10] {
        let mut batch = ten.keyed_batch(&master, KEY, &state);
        wait_until("it is at work", || !master.status("frameworks").is_empty() && master.status("tasks").len() >= tasks);
        batch.kill();
    }
    let mut last = ten.keyed_batch(&master, KEY, &state);
    first.open();
    second.open();
    ten.attempts(&mut last);
    agent.stop();
}

#[test]
fn a_scheduler_that_is_thawed_after_its_successor_began_is_fenced() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let (ten, state, copy) = (Commands::ten(&site, &first, &second), site.path("state"), site.path("copy"));
    let mut old = ten.keyed_batch(&master, KEY, &state);
    master.wait_for(10, "RUNNING");
    let (epoch, pids) = (framework(&master)["epoch"].clone(), agent.task_pids());

    // On the same machine the state itself keeps a second one away.
    let mut second_one = ten.keyed_batch(&master, KEY, &state);
    assert_eq!(second_one.code(), Some(1));
    let said = Process::rest(&second_one.errors);
    assert!(said.contains("in use by another process"), "{said}");

    old.signal(Signal::SIGSTOP);
    std::fs::copy(&state, &copy).unwrap();
    let mut successor = ten.keyed_batch(&master, KEY, &copy);
    wait_until("the successor has taken over", || framework(&master)["epoch"] != epoch);
    first.open();
    old.signal(Signal::SIGCONT);
    assert_eq!(old.code(), Some(1));
    let said = Process::rest(&old.errors);
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains("another scheduler") && last.contains("has taken over"), "{said}");
    wait_until("three tasks have ended", || agent.task_pids().len() == 7);
    assert_eq!(lasting(&pids, &agent.task_pids()).len(), 7, "the old one has ended nothing");
    second.open();
    ten.check(&mut successor);
    agent.stop();
}

#[test]
fn an_interrupted_scheduler_leaves_its_tasks_to_its_successor() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let (ten, state) = (Commands::ten(&site, &first, &second), site.path("state"));
    let mut batch = ten.keyed_batch(&master, KEY, &state);
    master.wait_for(10, "RUNNING");
    let pids = agent.task_pids();
    batch.signal(Signal::SIGINT);
    assert_eq!(batch.code(), Some(1));
    let said = Process::rest(&batch.errors);
    assert!(said.contains("the tasks run on") && said.contains("meros teardown --key nightly"), "{said}");
    wait_for_scheduler(&master, false);
    assert_eq!(agent.task_pids(), pids);
    let mut successor = ten.keyed_batch(&master, KEY, &state);
    wait_for_scheduler(&master, true);
    first.open();
    second.open();
    ten.check(&mut successor);
    agent.stop();
}

#[test]
fn without_a_key_the_tasks_end_a_while_after_their_scheduler() {
    let site = Site::new();
    for (timeout, ends) in [("1s", true), ("1h", false)] {
        let mut master = site.master(&["--ephemeral-timeout", timeout]);
        let mut agent = site.agent("a", &master, &[]);
        let mut run = Process::start(master.meros().args(["run", "--", "sleep", "600"]));
        master.wait_for(1, "RUNNING");
        run.kill();
        if ends {
            wait_until("its task has ended", || agent.has_left_nothing());
            wait_until("the framework is forgotten", || master.status("frameworks").is_empty());
        } else {
            wait_for_scheduler(&master, false);
            assert_eq!((master.count("RUNNING"), agent.task_pids().len()), (1, 1));
            let id = framework(&master)["id"].as_str().unwrap().to_owned();
            assert!(master.run(&["teardown", &id]).status.success());
            wait_until("its task has ended", || agent.has_left_nothing());
        }
        agent.stop();
        master.kill();
    }
}

#[test]
fn a_framework_that_is_torn_down_ends_with_its_tasks() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let (ten, state) = (Commands::ten(&site, &first, &second), site.path("state"));
    let mut batch = ten.keyed_batch(&master, KEY, &state);
    master.wait_for(10, "RUNNING");
    let output = master.run(&["teardown", "--key", KEY]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut successor = None;
    for _ in 0..2 {
        // The next one is told the same: nobody returns by mistake.
        let ended = successor.as_mut().unwrap_or(&mut batch);
        assert_eq!(ended.code(), Some(1));
        let said = Process::rest(&ended.errors);
        assert!(said.contains("remove the state file"), "{said}");
        successor = Some(ten.keyed_batch(&master, KEY, &state));
    }
    wait_until("its tasks have ended", || agent.has_left_nothing() && master.status("frameworks").is_empty());
    assert_eq!(master.run(&["teardown", "--key", KEY]).status.code(), Some(2), "it is gone");
    agent.stop();
}
