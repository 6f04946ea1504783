//! The commands against a cluster of their own: `run`, `batch`, `status`, `kill`, and masters that are not what they should be.

#![allow(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

mod support;

use std::fs::Permissions;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;
use support::{Local, Process, folder, has_cgroups, meros, text, wait_until};

#[test]
fn run_streams_the_output_and_exits_with_the_tasks_code() {
    let cluster = Local::start();
    let output = cluster.run(&["run", "--", "sh", "-c", "echo hi; echo err >&2; exit 7"]);
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("hi\n".to_owned(), "err\n".to_owned()));

    let output = cluster.run(&["run", "--", "sh", "-c", "kill -11 $$"]);
    assert_eq!(output.status.code(), Some(139), "{}", text(&output.stderr));

    // More than one chunk, and every byte.
    let output = cluster.run(&["run", "--", "seq", "1", "100000"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let wanted: String = (1..=100_000).map(|n| format!("{n}\n")).collect();
    assert!(output.stdout == wanted.as_bytes(), "{} bytes", output.stdout.len());
    cluster.end();
}

#[test]
fn run_streams_while_the_task_runs() {
    let cluster = Local::start();
    let mut process = Process::start(cluster.meros().args(["run", "--", "sh", "-c", "echo begun; sleep 600"]));
    Process::line_with(&process.lines, "begun");
    process.signal(Signal::SIGINT);
    assert_eq!(process.code(), Some(143), "{}", Process::rest(&process.errors));
    assert!(Process::rest(&process.errors).contains("KILLED"));
    cluster.end();
}

#[test]
fn run_ends_the_task_when_nobody_reads_its_output() {
    let cluster = Local::start();
    let mut command = cluster.meros();
    let mut child = command.args(["run", "--", "yes"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"y\n");
    wait_until("the end of the task", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(143));
    cluster.end();
}

#[test]
fn run_says_why_there_is_no_exit_code() {
    let cluster = Local::start();
    let output = cluster.run(&["run", "--", "no-such-program"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("LAUNCH_FAILED") && said.contains("no-such-program"), "{said}");
    if has_cgroups() {
        let output = cluster.run(&["run", "--mem", "16MiB", "--", "sh", "-c", "head -c 100000000 /dev/zero | tail"]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("MEMORY_LIMIT") && said.contains("16MiB"), "{said}");
    }
    // The agent is as before.
    assert!(cluster.run(&["run", "--", "true"]).status.success());
    cluster.end();
}

#[test]
fn run_waits_for_room_and_can_be_interrupted_there() {
    let cluster = Local::start();
    let mut process = Process::start(cluster.meros().args(["run", "--cpus", "100", "--", "true"]));
    Process::line_with(&process.errors, "waiting for room");
    process.signal(Signal::SIGINT);
    assert_eq!(process.code(), Some(1));
    assert_eq!(Process::rest(&process.errors), "meros: interrupted");
    cluster.end();
}

#[test]
fn batch_runs_each_line_and_tries_again() {
    let cluster = Local::start();
    let file = cluster.folder.path().join("commands.txt");
    std::fs::write(&file, "# two that work\necho one\n\n  echo two\nfalse\n").unwrap();
    let file = file.to_str().unwrap();
    let output = cluster.run(&["batch", file, "--parallel", "2", "--retries", "2", "--cpus", "0.5", "--mem", "16MiB", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("1 of 3 did not finish"), "{}", text(&output.stderr));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let found: Vec<_> = rows.iter().map(|row| (row["name"].as_str(), row["status"].as_str(), row["attempts"].as_u64())).collect();
    let wanted = [("echo one", "DONE", 1), ("echo two", "DONE", 1), ("false", "FAILED", 3)];
    assert_eq!(found, wanted.map(|(name, status, attempts)| (Some(name), Some(status), Some(attempts))));

    std::fs::write(file, "true\ntrue\n").unwrap();
    let output = cluster.run(&["batch", file]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().filter(|line| line.contains("FINISHED")).count(), 2);
    cluster.end();
}

#[test]
fn a_batch_with_a_key_is_run_once_and_its_state_is_of_nothing_else() {
    let cluster = Local::start();
    let path = |name: &str| cluster.folder.path().join(name).to_str().unwrap().to_owned();
    let (file, state, mark) = (path("commands.txt"), path("state"), path("mark"));
    std::fs::write(&mark, "").unwrap();
    std::fs::set_permissions(&mark, Permissions::from_mode(0o666)).unwrap();
    std::fs::write(&file, format!("echo begun >> {mark}\nfalse\n")).unwrap();
    let arguments = ["batch", &file, "--cpus", "0.5", "--mem", "16MiB", "--json", "--state", &state, "--key"];
    let batch = |key| cluster.run(&[&arguments[..], &[key]].concat());
    let first = batch("nightly");
    assert_eq!(first.status.code(), Some(1), "{}", text(&first.stderr));
    let again = batch("nightly");
    assert_eq!((again.status.code(), text(&again.stdout)), (Some(1), text(&first.stdout)), "{}", text(&again.stderr));
    assert_eq!(std::fs::read_to_string(&mark).unwrap(), "begun\n");
    assert_eq!(cluster.status("frameworks"), Value::Array(Vec::new()), "nobody is left who waits for a successor");

    let refused = |output: Output, words: &[&str]| {
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    };
    refused(batch("weekly"), &[&state, "nightly", "weekly"]);
    std::fs::write(&file, "true\n").unwrap();
    refused(batch("nightly"), &[&state, "list"]);
    refused(cluster.run(&["batch", &file, "--key", "nightly"]), &["--state"]);
    refused(cluster.run(&["batch", &file, "--state", &state]), &["--key"]);
    refused(batch(""), &["--key"]);
    cluster.end();
}

#[test]
fn status_shows_a_task_and_kill_ends_it() {
    let cluster = Local::start();
    let mut process = Process::start(cluster.meros().args(["run", "--name", "sleeper", "--", "sleep", "600"]));
    wait_until("the task runs", || cluster.status("tasks")[0]["update"]["state"] == "RUNNING");
    let tasks = cluster.status("tasks");
    let (task, framework) = (tasks[0]["update"]["task"].as_str().unwrap(), tasks[0]["framework"].as_str().unwrap());
    assert_eq!(tasks[0]["name"], "sleeper");
    assert_eq!(cluster.status("agents")[0]["used"]["cpus"], 1.0);
    assert_eq!(cluster.status("frameworks")[0]["live_tasks"], 1);
    assert_eq!(cluster.status("offers"), Value::Array(Vec::new()));

    let table = text(&cluster.run(&["status"]).stdout);
    assert!(table.contains("1 agent, 1 connected") && table.contains("RUNNING") && table.contains("sleeper"), "{table}");

    let output = cluster.run(&["kill", "no-such-task"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no-such-task"), "{}", text(&output.stderr));
    let output = cluster.run(&["kill", task, "--framework", "zzz"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));

    let output = cluster.run(&["kill", task, "--framework", &framework[..8], "--grace", "1s"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(process.code(), Some(143));
    cluster.end();
}

#[test]
fn a_wrong_token_is_refused() {
    let cluster = Local::start();
    let file = cluster.folder.path().join("wrong-token");
    std::fs::write(&file, "wrong\n").unwrap();
    let file = file.to_str().unwrap();
    for arguments in
        [&["status", "--token-file", file][..], &["run", "--token-file", file, "--", "true"], &["kill", "x", "--token-file", file]]
    {
        let output = cluster.run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("token"), "{arguments:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    let output = cluster.run(&["status", "--token-file", "no-such-file"]);
    assert!(text(&output.stderr).contains("no-such-file"), "{}", text(&output.stderr));
    cluster.end();
}

#[test]
fn a_master_that_is_away_is_said_once_and_tried_again() {
    let folder = folder();
    let token = folder.path().join("some-token");
    std::fs::write(&token, "some\n").unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");

    let mut command = meros(folder.path());
    let output = command.args(["status", "--master", &address, "--wait", "1s", "--token-file"]).arg(&token).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("trying again").count(), 1, "{said}");
    assert!(said.lines().all(|line| line.contains(&address)), "{said}");

    // A scheduler waits for as long as it takes.
    let mut process = Process::start(meros(folder.path()).args(["run", "--master", &address, "--", "echo", "at last"]));
    let first = Process::line_with(&process.errors, "trying again");
    assert!(first.contains(&address), "{first}");
    let cluster = Local::at(&address, folder);
    assert_eq!(process.code(), Some(0));
    assert_eq!(Process::rest(&process.lines), "at last");
    assert_eq!(Process::rest(&process.errors), "");
    cluster.end();
}

#[test]
fn a_port_in_use_is_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = folder();
    let mut command = meros(folder.path());
    let output = command
        .args(["master", "--log-level", "warn", "--listen", &address, "--work-dir"])
        .arg(folder.path().join("m"))
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&address) && said.lines().count() == 1, "{said}");

    // A cluster that can't start leaves nothing either.
    let mut command = meros(folder.path());
    let output = command.args(["local", "--listen", &address, "--temp-dir"]).arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert_eq!(support::leftovers(folder.path()), Vec::<String>::new());
}

#[test]
fn a_cluster_whose_command_is_killed_ends_with_it() {
    let folder = folder();
    let mut command = meros(folder.path());
    command.args(["local", "--listen", "127.0.0.1:0", "--resources", "cpus:1;mem:64MiB", "--temp-dir"]).arg(folder.path());
    let mut local = Process::start(&mut command);
    Process::line_with(&local.lines, "A master at ");
    local.signal(Signal::SIGKILL);
    assert_eq!(local.code(), None);
    wait_until("the end of every process and directory", || support::leftovers(folder.path()).is_empty());
}
