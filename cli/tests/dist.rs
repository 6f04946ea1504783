//! The units and files in `dist/`: systemd finds nothing wrong with the units, and the daemons take the files.

#![allow(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nix::sys::signal::Signal;
use support::{Process, folder, has_cgroups, leftovers, meros, text};

/// Where the units expect the binary.
const INSTALLED: &str = "/usr/local/bin/meros";
/// What systemd before 254 says of a key that it does not know, and that the agent's unit has for later ones.
const LATER_KEY: &str = "Unknown key 'DelegateSubgroup' in section [Service], ignoring.";
/// How exposed systemd may call each service, in tenths: its least is 0, and a service without any hardening has 96. The agent runs
/// programs of others under users of others, and what it gave up they would lack too.
const EXPOSURE_MAX: [(&str, u32); 2] = [("meros-master", 16), ("meros-agent", 70)];

fn dist(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dist").join(name)
}

/// Runs systemd-analyze on units in a folder where this build is the binary that they start.
fn analyze(arguments: &[&str], unit: &str, drop_in: Option<&str>, change: impl Fn(String) -> String) -> Output {
    let folder = folder();
    let content = std::fs::read_to_string(dist(unit)).unwrap();
    assert!(content.contains(&format!("ExecStart={INSTALLED} ")));
    std::fs::write(folder.path().join(unit), change(content.replace(INSTALLED, env!("CARGO_BIN_EXE_meros")))).unwrap();
    if let Some(drop_in) = drop_in {
        std::fs::create_dir(folder.path().join(format!("{unit}.d"))).unwrap();
        std::fs::copy(dist(&format!("{unit}.d/{drop_in}")), folder.path().join(format!("{unit}.d/{drop_in}"))).unwrap();
    }
    Command::new("systemd-analyze").args(arguments).arg(folder.path().join(unit)).env("SYSTEMD_COLORS", "0").output().unwrap()
}

/// What systemd complains of.
fn complaints(output: &Output) -> Vec<String> {
    let lines = text(&output.stderr);
    let mut found: Vec<_> = lines.lines().filter(|line| !line.ends_with(LATER_KEY)).map(str::to_owned).collect();
    if !output.status.success() {
        found.push(output.status.to_string());
    }
    found
}

#[test]
fn systemd_finds_nothing_wrong() {
    let verify = |unit, drop_in| complaints(&analyze(&["verify", "--man=no"], unit, drop_in, |unit| unit));
    assert_eq!(verify("meros-master.service", None), [""; 0]);
    assert_eq!(verify("meros-agent.service", None), [""; 0]);
    assert_eq!(verify("meros-agent.service", Some("before-systemd-254.conf")), [""; 0]);
}

#[test]
fn systemd_would_have_found_a_slip() {
    for (from, to) in [("KillMode=process", "KillMode=proces"), ("Delegate=yes", "Delgate=yes"), ("/meros agent", "/no-such agent")]
    {
        let output = analyze(&["verify", "--man=no"], "meros-agent.service", None, |unit| unit.replace(from, to));
        assert!(!complaints(&output).is_empty(), "{to}");
    }
}

#[test]
fn what_tasks_outlive_their_agent_by_is_there() {
    let unit = std::fs::read_to_string(dist("meros-agent.service")).unwrap();
    for line in ["KillMode=process", "Delegate=yes", "OOMPolicy=continue", "PrivateTmp=no", "StateDirectoryMode=0711"] {
        assert!(unit.lines().any(|one| one == line), "no {line}");
    }
}

#[test]
fn the_services_are_no_more_exposed_than_they_have_to_be() {
    for (service, max) in EXPOSURE_MAX {
        let threshold = format!("--threshold={max}");
        let output =
            analyze(&["security", "--offline=true", "--no-pager", &threshold], &format!("{service}.service"), None, |unit| unit);
        let said = text(&output.stdout);
        let verdict = said.lines().last().unwrap_or_default();
        println!("{verdict}");
        assert!(output.status.success() && verdict.contains("exposure level"), "{verdict} {}", text(&output.stderr));
    }
}

/// The capabilities that the agent's unit leaves it, as `setpriv` names them.
fn capabilities() -> String {
    let unit = std::fs::read_to_string(dist("meros-agent.service")).unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix("CapabilityBoundingSet=")).unwrap();
    let names = line.split(' ').map(|name| format!(",+{}", name.strip_prefix("CAP_").unwrap().to_lowercase()));
    names.fold("-all".to_owned(), |all, name| all + &name)
}

#[test]
fn the_capabilities_of_the_unit_are_enough() {
    if !has_cgroups() {
        // Nothing to lose: without root there is no capability.
        return;
    }
    let folder = folder();
    let mut command = Command::new("setpriv");
    command.args(["--no-new-privs", "--inh-caps=-all"]).arg(format!("--bounding-set={}", capabilities()));
    command.args([env!("CARGO_BIN_EXE_meros"), "local", "--listen", "127.0.0.1:0", "--isolation", "cgroup", "--temp-dir"]);
    let mut cluster = Process::start(command.arg(folder.path()).env("HOME", folder.path()));
    let line = Process::line_with(&cluster.lines, "A master at ");
    let master = line.split(' ').nth(3).unwrap();
    // It leaves behind what only the agent can end and remove.
    let script = "grep NoNewPrivs /proc/self/status; mkdir -m 1700 own; touch own/file; sleep 600 & exit 7";
    let output =
        meros(folder.path()).args(["run", "--master", master, "--mem", "32MiB", "--", "sh", "-c", script]).output().unwrap();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(7), "NoNewPrivs:\t1\n".to_owned()), "{}", text(&output.stderr));
    cluster.signal(Signal::SIGINT);
    assert_eq!(cluster.code(), Some(0), "{}", Process::rest(&cluster.errors));
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
}

/// The file's text with what it only shows taken as said. An explanation is a sentence and has no `=`, nor brackets around it.
fn with_examples(content: &str) -> String {
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(shown) if shown.contains(" = ") || shown.starts_with('[') => format!("{shown}\n"),
        _ => format!("{line}\n"),
    };
    content.lines().map(line).collect()
}

#[test]
fn the_daemons_take_the_files() {
    let home = folder();
    let page = std::fs::read_to_string(dist("../docs/configuration.md")).unwrap();
    let shown = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let mut texts = vec![("agent", shown.to_owned())];
    for daemon in ["master", "agent"] {
        let content = std::fs::read_to_string(dist(&format!("{daemon}.toml"))).unwrap();
        texts.extend([(daemon, with_examples(&content)), (daemon, content)]);
    }
    for (daemon, content) in texts {
        let path = home.path().join("config.toml");
        std::fs::write(&path, &content).unwrap();
        let output = meros(home.path()).args([daemon, "--print-config", "--config"]).arg(&path).output().unwrap();
        assert!(output.status.success(), "{}{content}", text(&output.stderr));
    }
}
