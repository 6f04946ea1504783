//! `meros registry` and `meros teardown`, and a master whose disk is full: the binary alone, as operators have it.

#![allow(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

mod support;

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Output;

use meros::{Context, Framework, Offer, Running, Scheduler, TaskUpdate};
use nix::sys::signal::Signal;
use serde_json::Value;
use support::{Local, Process, folder, meros, text, wait_until};
use tempfile::TempDir;

/// A scheduler that wants nothing but to be known.
struct Idle;

impl Scheduler for Idle {
    fn offers(&mut self, _: &mut [Offer], _: &mut Context) {}
    fn update(&mut self, _: &TaskUpdate, _: &mut Context) {}
}

/// A master alone, by `meros master`.
struct Master {
    home: PathBuf,
    work_dir: PathBuf,
    address: String,
    process: Process,
}

impl Master {
    fn start(home: &Path, work_dir: &Path) -> Self {
        let mut command = meros(home);
        command.args(["master", "--log-level", "error", "--listen", "127.0.0.1:0", "--work-dir"]).arg(work_dir);
        let process = Process::start(&mut command);
        let address = Process::line_with(&process.lines, "listening on ").rsplit(' ').next().unwrap().to_owned();
        Self { home: home.to_owned(), work_dir: work_dir.to_owned(), address, process }
    }

    fn framework(&self, key: &str) -> Running<Idle> {
        let framework = Framework::new("idle").master(&self.address).token_file(self.work_dir.join("token")).key(key);
        framework.spawn(Idle).unwrap().1
    }

    fn meros(&self, arguments: &[&str]) -> Output {
        meros(&self.home).env("MEROS_MASTER", &self.address).args(arguments).output().unwrap()
    }

    /// The frameworks that it knows, by their keys. None when it doesn't answer.
    fn frameworks(&self) -> Option<Vec<(String, String)>> {
        let output = self.meros(&["status", "frameworks", "--json", "--wait", "0s"]);
        let rows: Vec<Value> = output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())?;
        Some(rows.iter().map(|row| (word(row, "key"), word(row, "id"))).collect())
    }

    /// Waits until it knows this key, and gives the framework's id.
    fn id_of(&self, key: &str) -> String {
        let mut found = None;
        wait_until("a framework is known", || {
            found = self.frameworks().unwrap_or_default().into_iter().find(|(known, _)| known == key);
            found.is_some()
        });
        found.unwrap().1
    }

    fn kill(mut self) {
        self.process.signal(Signal::SIGKILL);
        assert_eq!(self.process.code(), None);
    }
}

fn word(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

/// `meros registry`, at this work directory.
fn registry(arguments: &[&str], work_dir: &Path) -> Output {
    meros(work_dir).arg("registry").args(arguments).arg("--work-dir").arg(work_dir).output().unwrap()
}

/// Failed with one line that has all of these.
#[track_caller]
fn failed(output: &Output, code: i32, words: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(code), 1), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_of_a_killed_master_is_dumped_and_checked() {
    let folder = folder();
    let work_dir = folder.path().join("m");
    let master = Master::start(folder.path(), &work_dir);
    let _running = master.framework("nightly");
    let id = master.id_of("nightly");
    failed(&registry(&["dump"], &work_dir), 1, &["registry.redb", "in use", "meros status"]);
    master.kill();

    let output = registry(&["check"], &work_dir);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("is sound: term 1, 0 agents, 1 framework, 0 removed"), "{}", text(&output.stdout));
    let dump: Value = serde_json::from_slice(&registry(&["dump", "--json"], &work_dir).stdout).unwrap();
    assert_eq!((dump["term"].as_u64(), word(&dump["frameworks"][0], "id")), (Some(1), id.clone()));
    let table = text(&registry(&["dump"], &work_dir).stdout);
    assert!(table.contains("term 1") && table.contains(&id) && table.contains("nightly"), "{table}");
}

/// Whoever has configured a master need not say a second time where it keeps its registry.
#[test]
fn the_registry_is_found_by_the_master_s_configuration() {
    let folder = folder();
    let (work_dir, file) = (folder.path().join("m"), folder.path().join("master.toml"));
    Master::start(folder.path(), &work_dir).kill();
    fs::write(&file, format!("work-dir = {work_dir:?}\n")).unwrap();
    let check = || {
        let mut command = meros(folder.path());
        command.args(["registry", "check"]);
        command
    };
    for command in [check().arg("--config").arg(&file), check().env("MEROS_CONFIG", &file)] {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains(&format!("{} is sound", work_dir.join("registry.redb").display())));
    }
    let elsewhere = check().arg("--config").arg(&file).env("MEROS_MASTER_WORK_DIR", folder.path()).output().unwrap();
    failed(&elsewhere, 1, &["no registry"]);
    fs::write(&file, "work-dir = 7\n").unwrap();
    failed(&check().arg("--config").arg(&file).output().unwrap(), 2, &["master.toml line 1", "`work-dir`"]);
}

#[test]
fn a_damaged_registry_is_one_line_for_each_command() {
    let folder = folder();
    let work_dir = folder.path().join("m");
    failed(&registry(&["check"], &work_dir), 1, &["no registry", "registry.redb", "--work-dir"]);
    Master::start(folder.path(), &work_dir).kill();
    let path = work_dir.join("registry.redb");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 4_096]).unwrap();
    failed(&registry(&["check"], &work_dir), 1, &["registry.redb", "damaged", "start anew"]);
    failed(&registry(&["dump"], &work_dir), 1, &["registry.redb", "damaged", "start anew"]);
    let mut command = meros(folder.path());
    let output = command.args(["master", "--log-level", "error", "--listen", "127.0.0.1:0", "--work-dir"]).arg(&work_dir).output();
    failed(&output.unwrap(), 1, &["registry.redb", "damaged", "start anew"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_framework_is_torn_down_by_its_id_or_its_key_and_its_tasks_end() {
    let cluster = Local::start();
    let mut process = Process::start(cluster.meros().args(["run", "--name", "sleeper", "--", "sleep", "600"]));
    wait_until("the task runs", || cluster.status("tasks")[0]["update"]["state"] == "RUNNING");
    let id = word(&cluster.status("frameworks")[0], "id");
    failed(&cluster.run(&["teardown", "zzz"]), 2, &["zzz", "meros status frameworks"]);
    failed(&cluster.run(&["teardown", &id, "--key", "nobody's"]), 2, &["nobody's", "meros status frameworks"]);
    failed(&cluster.run(&["teardown"]), 2, &["FRAMEWORK"]);
    // Nothing has ended by these.
    assert_eq!(cluster.status("frameworks")[0]["connected"], true);

    let output = cluster.run(&["teardown", &id[..8]]);
    assert!(output.status.success() && text(&output.stdout).contains(&id), "{}", text(&output.stderr));
    assert_eq!(process.code(), Some(1), "{}", Process::rest(&process.errors));
    wait_until("the task is over", || cluster.status("agents")[0]["used"] == serde_json::json!({}));
    let gone = cluster.run(&["teardown", &id]);
    assert!(!gone.status.success() && text(&gone.stderr).contains(&id), "{}", text(&gone.stderr));

    let framework = Framework::new("idle").master(&cluster.address).key("nightly");
    let token = meros_proto::token::discover_in(&cluster.address, None, Some(cluster.folder.path())).unwrap();
    let file = cluster.folder.path().join("a-token");
    fs::write(&file, token.reveal()).unwrap();
    let running = framework.token_file(&file).spawn(Idle).unwrap().1;
    wait_until("the framework is known", || cluster.status("frameworks")[0]["key"] == "nightly");
    let output = cluster.run(&["teardown", "--key", "nightly"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(running.await.is_err(), "its scheduler is told");
    cluster.end();
}

/// A file system of its own, so small that a test can fill it. None without the right to mount, which root has.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = folder();
        let mut command = std::process::Command::new("mount");
        let mounted = command.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.path()).output().unwrap();
        let is_mounted = mounted.status.success();
        assert!(is_mounted || !nix::unistd::geteuid().is_root(), "{}", text(&mounted.stderr));
        is_mounted.then(|| Self(folder))
    }

    /// Writes until nothing more fits.
    fn fill(&self) -> PathBuf {
        let path = self.0.path().join("filler");
        let mut file = File::create(&path).unwrap();
        let (mut size, block) = (4_096, [1; 4_096]);
        while size > 0 {
            match file.write(&block[..size]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => size /= 2,
                Err(error) => panic!("{error}"),
            }
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = std::process::Command::new("umount").arg("--lazy").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_whose_disk_is_full_ends_with_one_line_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let home = folder();
    let work_dir = disk.0.path().join("m");
    let mut master = Master::start(home.path(), &work_dir);
    let mut running = vec![master.framework("first")];
    let first = master.id_of("first");
    let filler = disk.fill();
    // What the file has free inside takes some more; then one finds no room.
    let mut known = Vec::new();
    while master.process.child.try_wait().unwrap().is_none() {
        let key = running.len().to_string();
        running.push(master.framework(&key));
        wait_until("the framework is known, or the master has ended", || {
            known = master.frameworks().unwrap_or(std::mem::take(&mut known));
            known.iter().any(|(known, _)| *known == key) || master.process.child.try_wait().unwrap().is_some()
        });
    }
    assert_eq!(master.process.code(), Some(1));
    let said = Process::rest(&master.process.errors);
    assert!(said.lines().count() == 1 && said.contains("registry.redb") && said.contains("No space left"), "{said}");

    fs::remove_file(filler).unwrap();
    let output = registry(&["check"], &work_dir);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let master = Master::start(home.path(), &work_dir);
    let after = master.frameworks().unwrap();
    assert!(after.contains(&("first".to_owned(), first)), "{after:?}");
    assert!(known.iter().all(|framework| after.contains(framework)), "{known:?} are not all in {after:?}");
    master.kill();
}
