//! Shims that are killed, with their agent and without it.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::daemons::{Agent, Master, Site};
use crate::support::Process;

/// A task with a descendant in a session of its own.
fn start_task(site: &Site, master: &Master) -> Process {
    let file = site.path("commands");
    std::fs::write(&file, "setsid sleep 600 & exec sleep 600\n").unwrap();
    let mut command = master.meros();
    let batch = Process::start(command.arg("batch").arg(&file).args(["--cpus", "0.1", "--mem", "16MiB", "--json"]));
    master.wait_for(1, "RUNNING");
    batch
}

#[track_caller]
fn kill_only_shim(agent: &Agent) {
    let shims = agent.living_shims();
    let [shim] = shims.as_slice() else { panic!("there is one shim: {shims:?}") };
    kill(Pid::from_raw(*shim), Signal::SIGKILL).unwrap();
}

/// The task has failed in its one attempt since its supervisor was lost, and nothing is left of its tree.
#[track_caller]
fn check_lost(batch: &mut Process, agent: &Agent) {
    assert_eq!(batch.code(), Some(1));
    let rows: Vec<Value> = serde_json::from_str(&Process::rest(&batch.lines)).unwrap();
    let found: Vec<_> = rows.iter().map(|row| (row["state"].as_str(), row["reason"].as_str(), row["attempts"].as_u64())).collect();
    assert_eq!(found, [(Some("FAILED"), Some("SUPERVISOR_LOST"), Some(1))]);
    // Terminal means released.
    assert!(agent.has_left_nothing(), "its tree is gone");
}

#[test]
fn a_task_whose_shim_is_killed_has_failed_and_is_gone() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let mut batch = start_task(&site, &master);
    kill_only_shim(&agent);
    check_lost(&mut batch, &agent);
    agent.stop();
}

#[test]
fn the_next_agent_finds_a_shim_that_was_killed() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let mut batch = start_task(&site, &master);
    agent.kill();
    kill_only_shim(&agent);
    agent.restart();
    check_lost(&mut batch, &agent);
    agent.stop();
}

#[test]
fn both_at_one_time_are_no_worse() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let mut batch = start_task(&site, &master);
    kill_only_shim(&agent);
    agent.kill();
    agent.restart();
    check_lost(&mut batch, &agent);
    agent.stop();
}
