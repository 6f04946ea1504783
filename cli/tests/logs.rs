//! `meros logs` with the real binary, a real master, a real agent and real tasks: over rotation, over the deaths of both daemons,
//! and what it says when there is nothing to read.

#![allow(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

#[path = "survive/daemons.rs"]
#[allow(dead_code, reason = "shared with another test program, which uses more of it")]
mod daemons;
mod support;

use std::process::Stdio;
use std::sync::mpsc::Receiver;

use daemons::{Agent, Master, Site};
use support::{BOUND, Process, text};

/// Segments so small that the output of a test is rotated several times.
const SMALL_LOGS: &[&str] = &["--task-log-bytes", "64KiB", "--task-log-files", "4"];

/// Starts one task and waits until it runs. The result is its scheduler's process, and its id.
fn start_task(site: &Site, master: &Master, line: &str) -> (Process, String) {
    let file = site.path("commands");
    std::fs::write(&file, line).unwrap();
    let mut command = master.meros();
    let batch = Process::start(command.arg("batch").arg(&file).args(["--cpus", "0.5", "--mem", "32MiB"]));
    master.wait_for(1, "RUNNING");
    let id = master.status("tasks")[0]["update"]["task"].as_str().unwrap().to_owned();
    (batch, id)
}

/// Takes lines until this one has come.
#[track_caller]
fn read_until(lines: &Receiver<String>, last: u32, read: &mut Vec<u32>) {
    while read.last() != Some(&last) {
        let line = lines.recv_timeout(BOUND).unwrap_or_else(|error| panic!("no line {last} ({error}) after {:?}", read.last()));
        read.push(line.parse().unwrap());
    }
}

#[test]
fn what_is_followed_goes_on_over_rotation_and_the_deaths_of_master_and_agent() {
    let site = Site::new();
    let mut master = site.master(&[]);
    let mut agent = site.agent("a", &master, SMALL_LOGS);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let line = format!("seq 20000; {}; seq 20001 40000; {}; seq 40001 60000; echo oops >&2", first.wait(), second.wait());
    let (mut batch, task) = start_task(&site, &master, &line);
    let mut follower = Process::start(master.meros().args(["logs", "-f", &task]));
    let mut read = Vec::new();
    read_until(&follower.lines, 20_000, &mut read);

    master.kill();
    first.open();
    Process::line_with(&follower.errors, "trying again");
    master.restart();
    read_until(&follower.lines, 40_000, &mut read);

    agent.kill();
    second.open();
    agent.restart();
    assert_eq!(follower.code(), Some(0), "{}", Process::rest(&follower.errors));
    read.extend(follower.lines.iter().map(|line| line.parse::<u32>().unwrap()));
    assert!(read.iter().copied().eq(1..=60_000), "{} lines, lost or doubled", read.len());
    assert_eq!(batch.code(), Some(0));

    check_what_is_left(&master, &task);
    agent.stop();
}

/// The task has ended, and the beginning of its output was rotated away.
fn check_what_is_left(master: &Master, task: &str) {
    let output = master.run(&["logs", task]);
    assert_eq!(output.status.code(), Some(0));
    let (out, said) = (text(&output.stdout), text(&output.stderr));
    assert!(said.starts_with("meros: bytes 0 to ") && said.lines().count() == 1, "{said}");
    assert!(out.len() < 256 << 10 && out.len() > 128 << 10 && out.ends_with("59999\n60000\n"), "{} bytes", out.len());
    let end = (1..=60_000_u32).map(|number| number.to_string().len() + 1).sum::<usize>();
    for (flags, wanted) in [
        (vec!["--tail", "12"], "59999\n60000\n"),
        (vec!["-f", "--tail", "6"], "60000\n"),
        (vec!["--offset", &(end - 3).to_string()], "00\n"),
        (vec!["--offset", &(end + 100).to_string()], ""),
        (vec!["--stderr"], "oops\n"),
    ] {
        let output = master.run(&[vec!["logs", task], flags.clone()].concat());
        assert_eq!((text(&output.stdout).as_str(), text(&output.stderr).as_str()), (wanted, ""), "{flags:?}");
        assert_eq!(output.status.code(), Some(0), "{flags:?}");
    }
}

#[test]
fn readers_that_leave_and_tasks_that_nobody_knows_are_told_apart() {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent: Agent = site.agent("a", &master, &[]);
    let gate = site.gate("end");
    let (mut batch, task) = start_task(&site, &master, &format!("seq 100000; {}", gate.wait()));
    // As `meros logs -f TASK | head -1`: the reader leaves while more is there than a pipe takes.
    let mut command = master.meros();
    let mut reader = command.args(["logs", "-f", &task]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut byte = [0];
    std::io::Read::read_exact(&mut reader.stdout.take().unwrap(), &mut byte).unwrap();
    let output = reader.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));

    for (arguments, wanted) in [(["logs", "nobody-1"], "nobody-1"), (["logs", "-f nobody"], "")] {
        let output = master.run(&arguments);
        let said = text(&output.stderr);
        assert!(!output.status.success() && said.lines().count() == 1 && said.contains(wanted), "{said}");
    }
    let output = master.run(&["logs", "nobody-1"]);
    assert_eq!(output.status.code(), master.run(&["kill", "nobody-1"]).status.code());
    gate.open();
    assert_eq!(batch.code(), Some(0));
    agent.stop();
}
