//! Agents that are killed, and agents that are stopped.

use crate::commands::{Commands, lasting};
use crate::daemons::Site;
use crate::support::{Process, wait_until};

#[test]
fn ten_tasks_outlive_their_agent_and_three_end_without_it() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let ten = Commands::ten(&site, &first, &second);
    let mut batch = Process::start(&mut ten.batch(&master));
    master.wait_for(10, "RUNNING");
    let before = agent.task_pids();
    assert_eq!((before.len(), agent.living_shims().len()), (10, 10));

    agent.kill();
    first.open();
    wait_until("three tasks end without their agent", || agent.living_shims().len() == 7 && agent.task_pids().len() == 7);
    agent.return_to_master();
    master.wait_for(7, "RUNNING");
    assert_eq!(lasting(&before, &agent.task_pids()).len(), 7, "these are the processes of before");
    assert_eq!(master.status("agents").len(), 1, "it is the agent of before");
    second.open();
    ten.check(&mut batch);
    wait_until("nothing is left of them", || agent.has_left_nothing());
    agent.stop();
}

#[test]
fn an_agent_that_is_killed_again_and_again_loses_no_task() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let ten = Commands::ten(&site, &first, &second);
    let mut batch = Process::start(&mut ten.batch(&master));
    // Also while it launches.
    for running in [1, 4, 10, 10, 10] {
        wait_until("some tasks run", || master.count("RUNNING") >= running);
        agent.kill();
        agent.restart();
    }
    agent.wait_until_registered();
    first.open();
    second.open();
    // A launch that the agent had not written down is made again, and nothing of it had begun.
    ten.attempts(&mut batch);
    agent.stop();
}

#[test]
fn a_stopped_agent_leaves_its_tasks_to_the_next() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let ten = Commands::ten(&site, &first, &second);
    let mut batch = Process::start(&mut ten.batch(&master));
    master.wait_for(10, "RUNNING");
    let before = agent.task_pids();
    agent.stop();
    assert_eq!(agent.task_pids(), before);
    first.open();
    agent.restart();
    second.open();
    ten.check(&mut batch);
    agent.stop();
}
