//! Full disks: under the agent's log, under the registry, and under a sandbox; then space again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use meros::{FileStore, StateStore};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::statvfs::statvfs;
use serde_json::Value;

use crate::commands::{Commands, lasting};
use crate::daemons::{Agent, Master, Site};
use crate::support::{Process, text, wait_until};

/// A file system in memory that is soon full.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf) -> Self {
        fs::create_dir_all(&at).unwrap();
        mount(Some("meros-test"), &at, Some("tmpfs"), MsFlags::empty(), Some("size=4m,mode=0711")).unwrap();
        Self(at)
    }

    /// Takes all the space that is left, to the last byte.
    fn fill(&self) {
        let mut filler = OpenOptions::new().create(true).append(true).open(self.0.join("filler")).unwrap();
        for chunk in [&[0; 4_096][..], &[0]] {
            while writes_whole(&mut filler, chunk) {}
        }
        assert!(self.is_full());
    }

    fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }

    fn is_full(&self) -> bool {
        statvfs(&self.0).unwrap().blocks_available() == 0
    }
}

fn writes_whole(file: &mut File, chunk: &[u8]) -> bool {
    match file.write(chunk) {
        Ok(length) => length == chunk.len(),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => false,
        Err(error) => panic!("{error}"),
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What a failed test left is still at work in it, and is ended after this.
        let unmounted = umount2(&self.0, MntFlags::MNT_DETACH);
        assert!(std::thread::panicking() || unmounted.is_ok(), "{unmounted:?}");
    }
}

/// Ten commands that end at the first gate, more than fit in what is left of the log's last page, and three at the second.
fn thirteen(site: &Site) -> (Commands, [crate::daemons::Gate; 2]) {
    let gates = [site.gate("first"), site.gate("second")];
    let mut commands = Commands::new(site);
    (0..13).for_each(|code| commands.add(&gates[usize::from(code >= 10)], code));
    (commands, gates)
}

/// Waits until the agent can't record what it promises, and so gives nothing.
#[track_caller]
fn wait_until_stalled(master: &Master) {
    wait_until("the agent has nothing to give", || master.status("agents")[0]["total"]["cpus"].is_null());
}

#[test]
fn under_the_log_no_task_is_begun_and_none_is_lost() {
    let site = Site::new();
    let disk = SmallDisk::mount(site.path("a"));
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (commands, [first, second]) = thirteen(&site);
    let mut batch = Process::start(&mut commands.batch(&master));
    master.wait_for(13, "RUNNING");
    let (pids, id) = (agent.task_pids(), master.status("agents")[0]["id"].clone());

    disk.fill();
    first.open();
    wait_until_stalled(&master);
    let mut late = Process::start(master.meros().args(["run", "--mem", "16MiB", "--", "sh", "-c", "exit 9"]));
    Process::line_with(&late.errors, "waiting for room");
    wait_until("ten tasks have ended", || agent.task_pids().len() == 3);
    assert_eq!(lasting(&pids, &agent.task_pids()).len(), 3, "the others run on");
    disk.free();
    assert_eq!(late.code(), Some(9), "{}", Process::rest(&late.errors));
    second.open();
    commands.check(&mut batch);

    // What was written meanwhile is whole.
    agent.kill();
    agent.return_to_master();
    let agents = master.status("agents");
    assert_eq!((agents.len(), &agents[0]["id"]), (1, &id), "it is the agent of before");
    agent.stop();
}

#[test]
fn under_the_log_of_an_agent_that_is_killed_meanwhile_nothing_is_lost_either() {
    let site = Site::new();
    let disk = SmallDisk::mount(site.path("a"));
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (commands, [first, second]) = thirteen(&site);
    let mut batch = Process::start(&mut commands.batch(&master));
    master.wait_for(13, "RUNNING");
    let pids = agent.task_pids();

    disk.fill();
    first.open();
    wait_until_stalled(&master);
    agent.kill();
    // What it could not record is in the exit records of its shims.
    wait_until("ten tasks have ended", || agent.task_pids().len() == 3);
    agent.restart();
    assert_eq!(lasting(&pids, &agent.task_pids()).len(), 3, "the others run on");
    disk.free();
    master.wait_for(3, "RUNNING");
    second.open();
    commands.check(&mut batch);
    agent.stop();
}

/// A scheduler with a key that waits for what no agent has.
fn waiting_scheduler(site: &Site, master: &Master, key: &str) -> Process {
    let commands = site.path("waiting");
    fs::write(&commands, "true\n").unwrap();
    let mut command = master.meros();
    command.arg("batch").arg(commands).args(["--cpus", "100", "--key", key, "--state"]);
    Process::start(command.arg(site.path(key)))
}

/// The frameworks with their keys, as far as the master still answers.
fn frameworks(master: &Master) -> Vec<(Value, Value)> {
    let output = master.run(&["status", "frameworks", "--json", "--wait", "0s"]);
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
    rows.into_iter().map(|row| (row["key"].clone(), row["id"].clone())).collect()
}

/// Registers schedulers until one has no room in the registry. How many there are.
fn register_until_it_ends(site: &Site, master: &mut Master) -> Vec<Process> {
    let mut schedulers = Vec::new();
    loop {
        let key = format!("key-{}", schedulers.len());
        schedulers.push(waiting_scheduler(site, master, &key));
        let mut has_ended = false;
        wait_until("a scheduler is registered, or the master has ended", || {
            has_ended = master.process.child.try_wait().unwrap().is_some();
            has_ended || frameworks(master).iter().any(|(found, _)| *found == key)
        });
        if has_ended {
            return schedulers;
        }
    }
}

#[test]
fn under_the_registry_the_master_ends_and_no_task_does() {
    let site = Site::new();
    let disk = SmallDisk::mount(site.path("master"));
    let mut master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let (first, second) = (site.gate("first"), site.gate("second"));
    let (ten, state) = (Commands::ten(&site, &first, &second), site.path("state"));
    let mut batch = ten.keyed_batch(&master, "nightly", &state);
    master.wait_for(10, "RUNNING");
    let (pids, id) = (agent.task_pids(), master.status("agents")[0]["id"].clone());
    let framework = frameworks(&master);

    disk.fill();
    let schedulers = register_until_it_ends(&site, &mut master);
    assert_eq!(master.process.code(), Some(1));
    let said = Process::rest(&master.process.errors);
    let complaints: Vec<&str> = said.lines().filter(|line| line.starts_with("meros: ")).collect();
    let [complaint] = complaints.as_slice() else { panic!("it complains in one line: {said}") };
    for word in ["registry.redb", "No space left on device", "start the master again"] {
        assert!(complaint.contains(word), "no {word:?} in: {complaint}");
    }
    first.open();
    wait_until("three tasks end without a master", || agent.task_pids().len() == 7);
    assert_eq!(lasting(&pids, &agent.task_pids()).len(), 7, "the others run on");

    // Whoever was registered has it in its own state.
    let count = schedulers.len();
    drop(schedulers);
    let registered = (0..count).filter_map(|n| {
        let key = format!("key-{n}");
        let saved = FileStore::open(site.path(&key)).unwrap().load().unwrap();
        Some((Value::from(key), Value::from(saved.framework?.id.to_string())))
    });
    let registered: Vec<_> = registered.chain(framework).collect();
    disk.free();
    master.restart();
    master.wait_for_agents(1);
    assert_eq!(master.status("agents")[0]["id"], id);
    let known = frameworks(&master);
    assert!(registered.iter().all(|framework| known.contains(framework)), "{registered:?} are not all in {known:?}");
    second.open();
    ten.check(&mut batch);
    agent.stop();
}

/// The containers' directories alone are on the small disk.
fn small_sandboxes(site: &Site) -> SmallDisk {
    SmallDisk::mount(site.path("a").join("containers"))
}

/// A task that needs a little space.
const WRITES: [&str; 7] = ["run", "--mem", "16MiB", "--", "sh", "-c", "echo written > file; cat file"];

#[test]
fn under_a_sandbox_its_task_is_told_and_nobody_else_is_harmed() {
    let site = Site::new();
    let disk = small_sandboxes(&site);
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &[]);
    let [fill, filled, first, second] = ["fill", "filled", "first", "second"].map(|name| site.gate(name));
    let mut commands = Commands::new(&site);
    let why = commands.marks.join("why");
    let script = format!("{}; cat /dev/zero > big 2> {} && exit 1; {}", fill.wait(), why.display(), filled.wait());
    commands.add_script(&script, 28);
    commands.add(&first, 7);
    commands.add(&second, 8);
    let mut batch = Process::start(&mut commands.batch(&master));
    master.wait_for(3, "RUNNING");
    fill.open();
    wait_until("a task has filled the disk", || said_in(&why).contains("No space left on device"));
    assert!(disk.is_full());

    // There is space for the end of those that run, with their agent and without it.
    first.open();
    wait_until("the first has ended", || master.count("FAILED") == 1);
    agent.kill();
    filled.open();
    wait_until("the filler has ended", || agent.living_shims().len() == 1);
    assert!(disk.is_full());
    agent.return_to_master();
    // A new one is refused in words, and nobody suffers.
    let output = master.run(&WRITES);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    let said = text(&output.stderr);
    assert!(said.contains("CONTAINER_FAILED") && said.contains("No space left on device"), "{said}");
    // The sandboxes of the newest that have ended are kept, so that it is for people to remove what is in them.
    fs::remove_file(file_in_sandbox(&agent, "big")).unwrap();
    let output = master.run(&WRITES);
    assert_eq!(text(&output.stdout), "written\n", "{}", text(&output.stderr));
    second.open();
    commands.check(&mut batch);
    agent.stop();
}

fn said_in(file: &Path) -> String {
    text(&fs::read(file).unwrap_or_default())
}

/// Where a task has put this file.
fn file_in_sandbox(agent: &Agent, name: &str) -> PathBuf {
    let containers = fs::read_dir(agent.work_dir.join("containers")).unwrap().flatten();
    let mut files = containers.map(|entry| entry.path().join("sandbox").join(name));
    files.find(|file| file.exists()).unwrap()
}
