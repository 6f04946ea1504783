//! The demo: every row as intended, and nothing left behind however it ends.

#![allow(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;
use support::{Process, cgroups, clusters, folder, has_cgroups, leftovers, meros, text, wait_until};

fn demo(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = meros(folder);
    command.arg("demo").args(arguments).arg("--temp-dir").arg(folder);
    command
}

fn rows(output: &[u8]) -> BTreeMap<String, Value> {
    let rows: Vec<Value> = serde_json::from_slice(output).unwrap();
    rows.into_iter().map(|row| (row["task"].as_str().unwrap().to_owned(), row)).collect()
}

#[track_caller]
fn check(row: &Value, state: &str, reason: &str, exit_code: i64) {
    assert_eq!((&row["state"], &row["reason"], &row["exit_code"]), (&state.into(), &reason.into(), &exit_code.into()), "{row}");
}

#[test]
fn every_row_ends_as_intended() {
    let folder = folder();
    let output = demo(folder.path(), &["--json"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let rows = rows(&output.stdout);
    assert!(rows.len() >= 25, "{rows:?}");
    assert_eq!(rows.values().filter(|row| row["as_intended"] == false).count(), 0);
    assert!(rows.values().filter(|row| row["state"] == "FINISHED").count() >= 20);
    check(&rows["exits-with-3"], "FAILED", "EXITED", 3);
    check(&rows["sleeper"], "KILLED", "KILL_REQUESTED", 143);
    if has_cgroups() {
        limits_held(&rows);
    } else {
        assert_eq!(rows.values().filter(|row| row["state"] == "SKIPPED").count(), 3);
    }
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
}

fn limits_held(rows: &BTreeMap<String, Value>) {
    let hog = &rows["memory-hog"];
    check(hog, "FAILED", "MEMORY_LIMIT", 137);
    let limit = hog["memory_limit_bytes"].as_u64().unwrap();
    let peak = hog["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak > limit / 10 * 9 && peak <= limit, "{hog}");
    assert!(hog["notes"][0].as_str().unwrap().contains("limit 32.0 MiB, peak 32.0 MiB"), "{hog}");

    let bomb = &rows["fork-bomb"];
    check(bomb, "FAILED", "EXITED", 4);
    assert!(bomb["pids_refused"].as_u64().unwrap() >= 100, "{bomb}");

    let busy = &rows["busy-loop"];
    check(busy, "FINISHED", "EXITED", 0);
    assert!(busy["throttled_periods"].as_u64().unwrap() > 0, "{busy}");
    // Half a core, give or take what the kernel hands out in advance.
    let (cpu, wall) = (busy["cpu_seconds"].as_f64().unwrap(), busy["wall_seconds"].as_f64().unwrap());
    assert!(cpu < wall * 0.65, "{busy}");
    // Everything was counted.
    assert!(rows.values().all(|row| row["peak_memory_bytes"].as_u64().is_some_and(|peak| peak > 0)), "{rows:?}");
}

#[test]
fn without_cgroups_it_says_so_and_skips_the_limits() {
    let folder = folder();
    let output = demo(folder.path(), &["--isolation", "plain"]).output().unwrap();
    let (table, said) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert_eq!(table.lines().filter(|line| line.contains("SKIPPED")).count(), 3, "{table}");
    assert!(said.contains("plain isolation, since it was asked for"), "{said}");
    assert!(table.lines().count() >= 26 && !table.contains('\x1b'), "{table}");
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
}

/// Starts the demo and waits until some of its tasks have ended and others run.
fn half_way(folder: &Path) -> (Process, Vec<String>) {
    let demo = Process::start(&mut demo(folder, &[]));
    Process::line_with(&demo.errors, "[10/");
    // The agents' names, by which their cgroups are known.
    let names = clusters(folder).into_iter().filter_map(|path| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let (tag, n) = name.strip_prefix("meros-demo-")?.split_once("-agent-")?;
        Some(format!("demo-{tag}-{n}"))
    });
    let names: Vec<String> = names.collect();
    assert_eq!(names.len(), 2);
    assert!(!leftovers(folder).is_empty());
    (demo, names)
}

#[track_caller]
fn all_gone(folder: &Path, agents: &[String]) {
    wait_until("the end of every process and directory", || leftovers(folder).is_empty());
    for agent in agents {
        wait_until("the end of every cgroup", || cgroups(agent).is_empty());
    }
}

#[test]
fn killed_half_way_it_leaves_nothing() {
    let folder = folder();
    let (mut demo, agents) = half_way(folder.path());
    demo.signal(Signal::SIGKILL);
    assert_eq!(demo.code(), None);
    all_gone(folder.path(), &agents);
}

#[test]
fn interrupted_half_way_it_cleans_up_before_it_ends() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let folder = folder();
        let (mut demo, agents) = half_way(folder.path());
        demo.signal(signal);
        assert_eq!(demo.code(), Some(1));
        assert_eq!(leftovers(folder.path()), Vec::<String>::new());
        assert!(agents.iter().all(|agent| cgroups(agent).is_empty()));
        let said = Process::rest(&demo.errors);
        assert!(said.contains("interrupted") && !said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_killed_agent_is_named_and_swept() {
    let folder = folder();
    let (mut demo, agents) = half_way(folder.path());
    let agent = child_with(demo.child.id(), "agent-1");
    nix::sys::signal::kill(agent, Signal::SIGKILL).unwrap();
    assert_eq!(demo.code(), Some(1));
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
    assert!(agents.iter().all(|agent| cgroups(agent).is_empty()));
    let said = Process::rest(&demo.errors);
    assert!(said.contains("agent 1 ended by itself (signal: 9"), "{said}");
}

/// The child of a process of ours that has this word among its arguments.
fn child_with(parent: u32, word: &str) -> nix::unistd::Pid {
    let threads = std::fs::read_dir(format!("/proc/{parent}/task")).unwrap().flatten();
    let children = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let all = children.collect::<Vec<_>>().join(" ");
    let mut pids = all.split_whitespace().map(|pid| pid.parse::<i32>().unwrap());
    let found = pids.find(|pid| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        arguments.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    });
    nix::unistd::Pid::from_raw(found.unwrap())
}
