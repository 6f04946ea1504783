//! Flags, variables and a file make one configuration: the earlier goes first, what is wrong is one line that begins with where it
//! stands, and what `--print-config` prints is a file again.

#![allow(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

mod support;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;
use support::{Process, folder, meros, text};
use tempfile::TempDir;

/// A folder with a configuration file in it.
fn file(content: impl AsRef<[u8]>) -> (TempDir, PathBuf) {
    let folder = folder();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

/// A daemon that reads this file.
fn with_file(home: &TempDir, daemon: &str, file: &Path) -> Command {
    let mut command = meros(home.path());
    command.arg(daemon).arg("--config").arg(file);
    command
}

/// What the command prints, which must succeed.
#[track_caller]
fn printed(command: &mut Command) -> String {
    let output = command.arg("--print-config").output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    text(&output.stdout)
}

/// One line on standard error, which begins so and has these words, and exit code 2.
#[track_caller]
fn refused(command: &mut Command, begins: &str, words: &[&str]) {
    let output = command.output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!((said.lines().count(), output.stdout.len()), (1, 0), "{said}");
    assert!(said.starts_with(&format!("meros: {begins}")), "not {begins:?} at the beginning of: {said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
}

/// The same for a file with this content; the line begins with the file, then this place.
#[track_caller]
fn refused_file(daemon: &str, content: impl AsRef<[u8]>, place: &str, words: &[&str]) {
    let (home, path) = file(content);
    refused(&mut with_file(&home, daemon, &path), &format!("in {} {place}: ", path.display()), words);
}

#[test]
fn the_earlier_layer_goes_first() {
    let (home, path) = file("heartbeat = \"1s\"\noffer-lease = \"2s\"\nephemeral-timeout = \"3s\"\n");
    let mut command = with_file(&home, "master", &path);
    command.args(["--heartbeat", "7s"]).env("MEROS_MASTER_HEARTBEAT", "8s").env("MEROS_MASTER_OFFER_LEASE", "9s");
    let said = printed(&mut command);
    for line in [
        "heartbeat = \"7s\"  # flag --heartbeat".to_owned(),
        "offer-lease = \"9s\"  # in the environment, MEROS_MASTER_OFFER_LEASE".to_owned(),
        format!("ephemeral-timeout = \"3s\"  # in {} line 3", path.display()),
        "unreachable-after = \"30s\"  # default".to_owned(),
    ] {
        assert!(said.lines().any(|one| one == line), "no {line:?} in:\n{said}");
    }
}

#[test]
fn a_switch_can_be_turned_off_again() {
    let (home, path) = file("insecure-listen = true\ndestroy-on-exit = true");
    let mut command = with_file(&home, "agent", &path);
    let said = printed(command.arg("--insecure-listen=false").env("MEROS_AGENT_DESTROY_ON_EXIT", "no"));
    assert!(
        said.contains("\ninsecure-listen = false  # flag") && said.contains("\ndestroy-on-exit = false  # in the env"),
        "{said}"
    );
    let said = printed(with_file(&home, "agent", &path).arg("--insecure-listen"));
    assert!(said.contains("\ninsecure-listen = true  # flag") && said.contains("\ndestroy-on-exit = true  # in /"), "{said}");
}

#[test]
fn a_level_by_v_is_a_flag_too() {
    let (home, path) = file("log-level = \"warn\"");
    assert!(printed(&mut with_file(&home, "agent", &path)).contains("\nlog-level = \"warn\"  # in /"));
    assert!(printed(with_file(&home, "agent", &path).arg("-vv").env("MEROS_LOG", "error")).contains("\"trace\"  # flag -v"));
    assert!(printed(with_file(&home, "agent", &path).args(["-v", "--log-level", "error"])).contains("\"error\"  # flag --log"));
    assert!(printed(meros(home.path()).arg("master")).contains("\nlog-level = \"info\"  # default"));
}

/// Prints, feeds what was printed back, and compares what both say.
#[track_caller]
fn round_trip(command: &mut Command, daemon: &str) -> toml::Table {
    let first = printed(command);
    let (home, path) = file(&first);
    let second = printed(&mut with_file(&home, daemon, &path));
    let (first, second): (toml::Table, toml::Table) = (first.parse().unwrap(), second.parse().unwrap());
    assert_eq!(first, second);
    first
}

#[test]
fn what_is_printed_is_a_file_that_says_the_same() {
    let home = folder();
    round_trip(meros(home.path()).arg("master"), "master");
    round_trip(meros(home.path()).arg("agent"), "agent");
    let mut master = meros(home.path());
    master.args(["master", "--weight", "a=1,b/c=3", "--weight", "d=2", "--insecure-listen", "--listen", "[::]:0", "-vv"]);
    master.args(["--least-offer", "cpus:1;mem:1GiB|gpus:1", "--region", "eu", "--unshared", "gpus", "--unshared", "a,b"]);
    let said = round_trip(master.env("MEROS_TOKEN_FILE", "a \"b\"\\c#\td"), "master");
    assert_eq!(said["least-offer"], toml::Value::from(vec!["cpus:1;mem:1GiB", "gpus:1"]));
    assert_eq!(said["unshared"], toml::Value::from(vec!["gpus", "a", "b"]));
    assert_eq!(said["weight"], toml::Value::from(vec!["a=1", "b/c=3", "d=2"]));
    assert_eq!(said["token-file"].as_str(), Some("a \"b\"\\c#\td"));
    let (home, path) =
        file("resources = { cpus = 1.5, mem = \"1GiB\", ports = [\"5-9\", 12] }\n[attributes]\nrack = \"a:b\"\nos = \"x\"\n");
    let said = round_trip(
        with_file(&home, "agent", &path).args(["--task-uids", "7-9", "--listen", "none", "--task-log-files", "7"]),
        "agent",
    );
    assert_eq!(said["resources"].as_str(), Some("cpus:1.5;mem:1GiB;ports:[5-9,12]"));
    assert_eq!(said["attributes"].as_str(), Some("os:x;rack:a:b"));
    assert_eq!(said["task-log-files"].as_integer(), Some(7));
}

#[test]
fn every_setting_is_printed_and_no_secret() {
    let home = folder();
    let token = home.path().join("token");
    std::fs::write(&token, "0123456789abcdef0123456789abcdef").unwrap();
    for daemon in ["master", "agent"] {
        let said = printed(meros(home.path()).arg(daemon).arg("--token-file").arg(&token));
        assert!(said.contains(&*token.to_string_lossy()) && !said.contains("0123456789abcdef"), "{said}");
        let help = text(&meros(home.path()).args([daemon, "--help"]).output().unwrap().stdout);
        let flags = help.lines().filter_map(|line| line.trim_start().strip_prefix("--")?.split([' ', '[']).next());
        for flag in flags.filter(|flag| !["config", "print-config", "verbose", "help"].contains(flag)) {
            let is_shown = said.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{flag} ")));
            assert!(is_shown, "no {flag} in:\n{said}");
        }
    }
}

#[test]
fn a_bad_value_in_a_file_is_named_with_its_line() {
    let key = |key: &str| format!("line 2, key `{key}`");
    refused_file("agent", "\nresources = \"mem:8\"", &key("resources"), &["8MiB"]);
    refused_file("agent", "\nresources = { mem = 8 }", &key("resources"), &["8MiB"]);
    refused_file("agent", "\n[resources]\nmem = true", &key("resources"), &["`mem`", "boolean"]);
    refused_file("agent", "\nresources = 5", &key("resources"), &["integer"]);
    refused_file("agent", "\nisolation = \"strong\"", &key("isolation"), &["auto, cgroup, plain"]);
    refused_file("agent", "\nhostname = 5", &key("hostname"), &["integer", "quotes"]);
    refused_file("agent", "\nhostname = \"\"", &key("hostname"), &["empty"]);
    refused_file("agent", "\nresources = \"\"", &key("resources"), &["empty"]);
    refused_file("agent", "\nlog-level = \"a=b=c\"", &key("log-level"), &["debug"]);
    refused_file("master", "\nheartbeat = 5", &key("heartbeat"), &["5s"]);
    refused_file("master", "\nheartbeat = [\"5s\"]", &key("heartbeat"), &["array"]);
    refused_file("master", "\nweight = { batch = 0 }", &key("weight"), &["batch=0", "whole number from 1"]);
    refused_file("master", "\nleast-offer = [\"cpus:1\", \"mem:8\"]", &key("least-offer"), &["8MiB"]);
    refused_file("master", "\nleast-offer = 1", &key("least-offer"), &["integer", "array"]);
    refused_file("agent", "\ndomain = \"eu\"", &key("domain"), &["region/zone"]);
    refused_file("master", "\ninsecure-listen = \"yes\"", &key("insecure-listen"), &["string", "true or false"]);
    refused_file("master", "\nwork-dir = \"\"", &key("work-dir"), &["empty"]);
    // Also where a flag goes before it.
    let (home, path) = file("heartbeat = \"\"");
    refused(with_file(&home, "master", &path).args(["--heartbeat", "1s"]), "in ", &["line 1, key `heartbeat`: ", "empty"]);
}

#[test]
fn what_is_no_configuration_is_named_with_line_and_column() {
    refused_file("agent", "master = \"a:1\"\n  resorces = 1\n", "line 2 column 3, key `resorces`", &["did you mean `resources`?"]);
    refused_file("agent", "work_dir = \"/a\"", "line 1 column 1, key `work_dir`", &["`work-dir`"]);
    refused_file("agent", "zzz = \"/a\"", "line 1 column 1, key `zzz`", &["no such setting", "meros agent --help"]);
    refused_file("agent", "config = \"/a\"", "line 1 column 1, key `config`", &["no such setting"]);
    refused_file("agent", "[master]\nheartbeat = \"5s\"", "line 1, key `master`", &["table"]);
    refused_file("master", "heartbeat = \"1s\"\nheartbeat = \"1s\"", "line 2 column 1", &["duplicate"]);
    refused_file("master", "heartbeat = \"1s", "line 1 column 16", &["\""]);
    refused_file("master", "heartbeat", "line 1 column 10", &["="]);
    refused_file("master", b"\n\nlisten = \"\xff\"", "line 3", &["UTF-8"]);
    refused_file("master", "[".repeat(100_000), "line 1 column 3", &["key"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_who_named_it() {
    let home = folder();
    let absent = home.path().join("absent.toml");
    let circle = home.path().join("circle.toml");
    std::os::unix::fs::symlink(&circle, &circle).unwrap();
    let huge = home.path().join("huge.toml");
    std::fs::write(&huge, "#".repeat((1 << 20) + 1)).unwrap();
    for (path, word) in [(absent.as_path(), "No such file"), (home.path(), "directory"), (&circle, "symbolic"), (&huge, "1 MiB")] {
        let said = format!("can't read {}: ", path.display());
        refused(&mut with_file(&home, "master", path), &format!("flag --config: {said}"), &[word]);
        let mut command = meros(home.path());
        refused(command.arg("agent").env("MEROS_CONFIG", path), &format!("in the environment, MEROS_CONFIG: {said}"), &[word]);
    }
    refused(meros(home.path()).arg("agent").env("MEROS_CONFIG", ""), "in the environment, MEROS_CONFIG: ", &["empty"]);
}

#[test]
fn a_bad_variable_is_named() {
    let home = folder();
    let check = |daemon: &str, name: &str, value: &[u8], words: &[&str]| {
        let mut command = meros(home.path());
        refused(command.arg(daemon).env(name, OsStr::from_bytes(value)), &format!("in the environment, {name}: "), words);
    };
    check("master", "MEROS_MASTER_HEARTBEAT", b"5", &["5s"]);
    check("master", "MEROS_MASTER_HEARTBEAT", b"", &["empty"]);
    check("master", "MEROS_MASTER_HEARTBEAT", b"5\xff", &["UTF-8"]);
    check("master", "MEROS_MASTER_WEIGHT", b"a=1,b", &["batch=3"]);
    check("master", "MEROS_MASTER_INSECURE_LISTEN", b"perhaps", &["perhaps"]);
    check("agent", "MEROS_AGENT_RESOURCES", b"", &["empty"]);
    check("agent", "MEROS_AGENT_HOSTNAME", b"", &["empty"]);
    check("agent", "MEROS_AGENT_WORK_DIR", b"", &["empty"]);
    check("agent", "MEROS_AGENT_TASK_UIDS", b"0-9", &["root"]);
    check("agent", "MEROS_TOKEN_FILE", b"", &["empty"]);
}

#[test]
fn a_bad_flag_is_named() {
    let home = folder();
    let check = |arguments: &[&[u8]], flag: &str, words: &[&str]| {
        let arguments = arguments.iter().map(|argument| OsStr::from_bytes(argument));
        refused(meros(home.path()).args(arguments), &format!("flag {flag}: "), words);
    };
    check(&[b"master", b"--heartbeat", b"5"], "--heartbeat", &["5s"]);
    check(&[b"master", b"--heartbeat="], "--heartbeat", &["empty"]);
    check(&[b"master", b"--heartbeat", b"5\xff"], "--heartbeat", &["UTF-8"]);
    check(&[b"master", b"--heartbeat=\xff"], "--heartbeat", &["UTF-8"]);
    check(&[b"master", b"--insecure-listen=maybe"], "--insecure-listen", &["maybe"]);
    check(&[b"agent", b"--resources", b""], "--resources", &["empty"]);
    check(&[b"agent", b"--silence-max", b"0s"], "--silence-max", &["more than nothing"]);
}

#[test]
fn settings_that_do_not_go_together_are_both_named() {
    let (home, path) = file("heartbeat = \"40s\"");
    let begins = format!("`unreachable-after`, 30s (default), must be longer than `heartbeat`, 40s (in {} line 1)", path.display());
    refused(&mut with_file(&home, "master", &path), &begins, &[]);
    let wanted = ["8s (flag --unreachable-after)", "40s (in "];
    refused(with_file(&home, "master", &path).args(["--unreachable-after", "8s"]), "`unreachable-after`, ", &wanted);
}

#[test]
fn a_mistyped_variable_is_warned_of() {
    let home = folder();
    let mut command = meros(home.path());
    command.args(["master", "--print-config"]).env("MEROS_MASTER_OFER_LEASE", "1s").env("MEROS_MASTER_TOKEN_FILE", "a");
    // What a container is given beside a service of this name is no slip.
    command.env("MEROS_MASTER_SERVICE_HOST", "10.0.0.1").env("MEROS_MASTER_PORT", "tcp://10.0.0.1:5050");
    let output = command.output().unwrap();
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(0), 2), "{said}");
    for words in
        ["MEROS_MASTER_OFER_LEASE: there is no such setting; did you mean MEROS_MASTER_OFFER_LEASE?", "mean MEROS_TOKEN_FILE?"]
    {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_master_runs_as_its_file_says() {
    let (home, path) = file("");
    let work_dir = home.path().join("work");
    std::fs::write(&path, format!("listen = \"127.0.0.1:0\"\nwork-dir = {:?}\n", work_dir.display().to_string())).unwrap();
    let mut master = Process::start(&mut with_file(&home, "master", &path));
    Process::line_with(&master.lines, "listening on 127.0.0.1:");
    assert!(work_dir.join("token").exists());
    master.signal(Signal::SIGTERM);
    assert_eq!(master.code(), Some(0));
}
