//! What is typed wrongly is one clear line and exit code 2, and help teaches.

#![allow(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

mod support;

use support::{folder, meros, run, text};

/// One line on standard error with all of these words, nothing on standard output, exit code 2.
#[track_caller]
fn refused(variables: &[(&str, &str)], arguments: &[&str], words: &[&str]) {
    let home = folder();
    let output = meros(home.path()).envs(variables.iter().copied()).args(arguments).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    assert_eq!((said.lines().count(), output.stdout.len()), (1, 0), "{said}");
    assert!(said.starts_with("meros: "), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
}

#[test]
fn a_bad_flag_is_named_with_what_to_write_instead() {
    refused(&[], &["agent", "--resources", "mem:8"], &["flag --resources: ", "8MiB or 8GiB"]);
    refused(&[], &["agent", "--attributes", "rack"], &["--attributes", "rack:a"]);
    refused(&[], &["agent", "--task-uids", "0-9"], &["--task-uids", "root"]);
    refused(&[], &["agent", "--isolation", "strong"], &["--isolation", "auto, cgroup, plain"]);
    refused(&[], &["agent", "--mastr", "a:1"], &["--mastr", "--master"]);
    refused(&[], &["master", "--heartbeat", "5"], &["--heartbeat", "5s"]);
    refused(&[], &["master", "--listen", "localhost"], &["--listen", "127.0.0.1:5050"]);
    refused(&[], &["master", "--weight", "batch"], &["--weight", "batch=3"]);
    refused(&[], &["master", "--region", "eu/eu-1"], &["flag --region: ", "no / , ;"]);
    refused(&[], &["master", "--least-offer", "cpus:1|mem:8"], &["flag --least-offer: ", "8MiB or 8GiB"]);
    refused(&[], &["master", "--least-offer", &["cpus:1"; 17].join("|")], &["`least-offer`", "17", "16"]);
    refused(&[], &["master", "--unshared", "gpus,ports"], &["flag --unshared: ", "ports"]);
    refused(&[], &["agent", "--domain", "eu"], &["flag --domain: ", "region/zone"]);
    refused(&[], &["master", "--heartbeat", "9s", "--unreachable-after", "8s"], &["--unreachable-after", "--heartbeat"]);
    refused(&[], &["run", "--cpus", "many", "--", "true"], &["--cpus", "0.5"]);
    refused(&[], &["run", "--mem", "64", "--", "true"], &["--mem", "64MiB"]);
    refused(&[], &["run", "--role", "a//b", "--", "true"], &["--role"]);
    refused(&[], &["run", "--cpus"], &["--cpus"]);
    refused(&[], &["kill", "a b"], &["TASK", "space"]);
    refused(&[], &["run", "--on", "rack=", "--", "true"], &["--on", "rack=a,b"]);
    refused(&[], &["run", "--on", "@rack", "--", "true"], &["--on", "@zone"]);
    refused(&[], &["quota", "set", "a", "--limit", "mem:8"], &["--limit", "8GiB"]);
    refused(&[], &["quota", "set", "a", "--limit", ""], &["--limit", "empty"]);
    refused(&[], &["quota", "set", "a", "--limit", "cpus:1", "--no-limit"], &["--limit", "--no-limit"]);
    refused(&[], &["quota", "set", "a", "--file", "-"], &["--file"]);
    refused(&[], &["quota", "set", "--file", "does-not-exist.toml"], &["does-not-exist.toml"]);
    refused(&[], &["weights", "batch"], &["ROLE=WEIGHT", "batch=3"]);
    refused(&[], &["drain", "a", "--deadline", "5"], &["--deadline", "5s"]);
    refused(&[], &["maintenance", "set", "a", "b", "--start", "noon", "--duration", "1h"], &["--start", "2026-12-01T22:00:00Z"]);
    refused(&[], &["maintenance", "set", "a", "b", "--start", "+1h", "--duration", "0s"], &["--duration"]);
    refused(&[], &["explain", "a", "--shape", "cpus:1", "--on", "a,b"], &["--on", "rack=a,b"]);
    refused(&[], &["status", "--log-level", "a=b=c"], &["--log-level", "debug"]);
}

#[test]
fn a_bad_variable_is_named_as_such() {
    refused(&[("MEROS_AGENT_RESOURCES", "cpus:x")], &["agent"], &["in the environment, MEROS_AGENT_RESOURCES: ", "cpus:x"]);
    refused(&[("MEROS_MASTER", "http://a")], &["status"], &["in the environment, MEROS_MASTER: ", "HOST:PORT"]);
    refused(&[("MEROS_MASTER_DESTROY_ON_EXIT", "perhaps")], &["master"], &["in the environment, MEROS_MASTER_DESTROY_ON_EXIT: "]);
    refused(&[("MEROS_LOG", "a=b=c")], &["status"], &["in the environment, MEROS_LOG: "]);
}

#[test]
fn a_flag_goes_before_its_variable() {
    refused(&[("MEROS_AGENT_RESOURCES", "cpus:1")], &["agent", "--resources=mem:8"], &["flag --resources: ", "MiB"]);
}

#[test]
fn what_is_missing_or_unknown_is_named() {
    refused(&[], &[], &["a command is missing", "meros --help"]);
    refused(&[], &["agnt"], &["agnt", "agent"]);
    refused(&[], &["run"], &["COMMAND", "meros run --help"]);
    refused(&[], &["status", "nodes"], &["nodes", "agents, frameworks, tasks, offers"]);
    for command in ["quota", "maintenance"] {
        refused(&[], &[command], &["a command is missing", &format!("meros {command} --help")]);
    }
    for command in ["deactivate", "reactivate", "drain", "gone"] {
        refused(&[], &[command], &["AGENT", &format!("meros {command} --help")]);
    }
    refused(&[], &["explain"], &["FRAMEWORK"]);
    refused(&[], &["batch", "does-not-exist.txt"], &["does-not-exist.txt"]);
    refused(&[], &["batch", "/dev/null"], &["no command"]);
}

#[test]
fn help_teaches() {
    let whole = text(&run(&["--help"]).stdout);
    for word in
        ["Examples:", "Exit codes:", "MEROS_LOG", "master", "agent", "local", "run", "batch", "status", "kill", "simulate", "demo"]
    {
        assert!(whole.contains(word), "no {word:?} in: {whole}");
    }
    for command in [
        "master",
        "agent",
        "local",
        "run",
        "batch",
        "status",
        "kill",
        "simulate",
        "roles",
        "quota",
        "quota set",
        "quota clear",
        "weights",
        "deactivate",
        "reactivate",
        "drain",
        "gone",
        "maintenance",
        "maintenance set",
        "maintenance remove",
        "maintenance list",
        "explain",
    ] {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        let output = run(&words);
        let help = text(&output.stdout);
        assert!(output.status.success());
        assert!(help.contains("Example") && help.contains(&format!("meros {command}")), "{help}");
    }
    let agent = text(&run(&["agent", "--help"]).stdout);
    for word in [
        "MEROS_AGENT_RESOURCES",
        "/etc/meros/agent.toml",
        "Flags go before variables",
        "ports:[31000-32000]",
        "[default: 127.0.0.1:5050]",
        "rack:a",
        "auto",
        "cgroup",
        "plain",
    ] {
        assert!(agent.contains(word), "no {word:?} in: {agent}");
    }
}

#[test]
fn the_version_is_told() {
    let output = run(&["--version"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), format!("meros {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn shells_get_their_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("simulate"), "{shell}");
    }
}
