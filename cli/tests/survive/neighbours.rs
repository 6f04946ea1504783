//! Two agents on one machine, and agents that claim what is another's.

use crate::daemons::Site;
use crate::support::{Process, wait_until};

#[test]
fn two_agents_never_touch_each_others_tasks() {
    let site = Site::new();
    let master = site.master(&[]);
    let one_at_a_time = ["--resources", "cpus:1;mem:64MiB"];
    let (mut a, mut b) = (site.agent("a", &master, &one_at_a_time), site.agent("b", &master, &one_at_a_time));
    master.wait_for_agents(2);
    let gate = site.gate("gate");
    let task = ["run", "--mem", "32MiB", "--", "sh", "-c"];
    let start = || Process::start(master.meros().args(task).arg(gate.wait()));
    let (mut one, mut other) = (start(), start());
    master.wait_for(2, "RUNNING");
    let before = (a.task_pids(), b.task_pids());
    assert_eq!((before.0.len(), before.1.len()), (1, 1));

    a.kill();
    a.return_to_master();
    assert_eq!((a.task_pids(), b.task_pids()), before);
    // Also while the other is not there.
    a.kill();
    wait_until("the master has noticed", || master.status("agents").iter().any(|agent| agent["connected"] == false));
    b.kill();
    b.return_to_master();
    assert_eq!((a.task_pids(), b.task_pids()), before);
    a.return_to_master();
    assert_eq!((a.task_pids(), b.task_pids()), before);
    gate.open();
    assert_eq!((one.code(), other.code()), (Some(0), Some(0)));
    a.stop();
    b.stop();
}

#[test]
fn a_second_agent_of_the_same_name_or_directory_does_not_start() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut first = site.agent("a", &master, &[]);
    master.wait_for_agents(1);

    let mut same_directory = Process::start(&mut first.command_in(&first.work_dir));
    assert_eq!(same_directory.code(), Some(1));
    let said = Process::rest(&same_directory.errors);
    assert!(said.contains(&*first.work_dir.to_string_lossy()), "{said}");

    let mut same_name = Process::start(&mut first.command_in(&site.path("elsewhere")));
    assert_eq!(same_name.code(), Some(1));
    let said = Process::rest(&same_name.errors);
    assert!(said.contains(&first.name) && said.contains("--name"), "{said}");
    master.wait_for_agents(1);
    first.stop();
}

#[test]
fn orphans_of_a_wiped_directory_are_found_and_ended() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let _run = Process::start(master.meros().args(["run", "--", "sh", "-c", "setsid sleep 600 & exec sleep 600"]));
    master.wait_for(1, "RUNNING");
    agent.kill();
    std::fs::remove_dir_all(&agent.work_dir).unwrap();
    assert!(!agent.task_pids().is_empty());
    agent.return_to_master();
    assert!(agent.has_left_nothing(), "what nobody knows is ended before anything is begun");
    agent.stop();
}
