//! Daemons started by hand for one test, each killed and begun anew as the test likes. Whatever the test leaves is ended.

use std::cell::OnceCell;
use std::fs::{File, OpenOptions, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU16, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{self, Process, cgroups, folder, text, wait_until};

/// One test's folder, home of everything that it starts.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    /// Told apart from every other test's on this machine.
    name: String,
}

impl Site {
    pub(crate) fn new() -> Self {
        let folder = folder();
        let name = folder.path().file_name().unwrap().to_string_lossy().trim_start_matches('.').to_owned();
        Self { folder, name: format!("survive-{name}") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn meros(&self) -> Command {
        support::meros(self.folder.path())
    }

    /// A name for an agent: its cgroups are below `meros` and that.
    pub(crate) fn agent_name(&self, which: &str) -> String {
        format!("{}-{which}", self.name)
    }

    /// Starts a master with these flags, in `master/`.
    pub(crate) fn master(&self, flags: &[&str]) -> Master {
        Master::start(self, flags)
    }

    /// Starts an agent with these flags besides, in the directory of its name.
    pub(crate) fn agent(&self, which: &str, master: &Master, flags: &[&str]) -> Agent {
        Agent::start(self, which, &master.address, flags)
    }

    /// What tasks wait for: each goes on when it is open.
    pub(crate) fn gate(&self, name: &str) -> Gate {
        let path = self.path(name);
        mkfifo(&path, Mode::S_IRUSR).unwrap();
        // Tasks have users of their own, and the umask may have taken this away.
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        Gate { path, writer: OnceCell::new() }
    }
}

impl Drop for Site {
    /// A test that failed half-way leaves tasks that no agent knows of any more, and an agent that was stopped leaves its groups.
    fn drop(&mut self) {
        let groups = || cgroups(&self.name).into_iter().flat_map(|path| with_children(&path)).collect::<Vec<_>>();
        for _ in 0..200 {
            let left = groups();
            if left.is_empty() {
                return;
            }
            for group in left.iter().rev() {
                let members = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
                for pid in members.lines().filter_map(|line| line.parse().ok()) {
                    // It may have ended meanwhile.
                    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
                }
                let _ = std::fs::write(group.join("freezer.state"), "THAWED");
                let _ = std::fs::remove_dir(group);
                // And the group of all agents with the last of them.
                if let Some(all) = group.parent().filter(|all| all.ends_with("meros")) {
                    let _ = std::fs::remove_dir(all);
                }
            }
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
    }
}

/// The directory and all below it, parents first.
fn with_children(path: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let below = entries.filter(|path| path.is_dir()).flat_map(|path| with_children(&path));
    std::iter::once(path.to_owned()).chain(below).collect()
}

/// A pipe with a name: who opens it for reading waits until somebody has it open for writing.
pub(crate) struct Gate {
    path: PathBuf,
    writer: OnceCell<File>,
}

impl Gate {
    /// A shell's wait for it, which costs nothing.
    pub(crate) fn wait(&self) -> String {
        format!(": < {}", self.path.display())
    }

    /// Lets all pass that wait, and all that come as long as this lives.
    pub(crate) fn open(&self) {
        let open = || OpenOptions::new().read(true).write(true).open(&self.path).unwrap();
        assert!(self.writer.set(open()).is_ok(), "it is opened once");
    }
}

/// `meros master`, over its restarts.
pub(crate) struct Master {
    pub(crate) address: String,
    pub(crate) process: Process,
    command: Box<dyn Fn() -> Command>,
    home: PathBuf,
}

impl Master {
    fn start(site: &Site, flags: &[&str]) -> Self {
        let (home, work_dir) = (site.folder.path().to_owned(), site.path("master"));
        let (address, of_master) = (free_address(), home.clone());
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let listen = address.clone();
        let command = move || {
            let mut command = support::meros(&of_master);
            command.args(["master", "--listen", &listen, "--work-dir"]).arg(&work_dir).args(&flags);
            command
        };
        let process = Process::start(&mut command());
        Process::line_with(&process.lines, "listening on ");
        Self { address, process, command: Box::new(command), home }
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Begins anew at the same address.
    pub(crate) fn restart(&mut self) {
        self.process = Process::start(&mut (self.command)());
        Process::line_with(&self.process.lines, "listening on ");
    }

    /// The binary, with this master.
    pub(crate) fn meros(&self) -> Command {
        let mut command = support::meros(&self.home);
        command.env("MEROS_MASTER", &self.address);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.meros().args(arguments).output().unwrap()
    }

    /// What `meros status PART --json` says.
    pub(crate) fn status(&self, part: &str) -> Vec<Value> {
        let output = self.run(&["status", part, "--json"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// How many tasks are in this state.
    pub(crate) fn count(&self, state: &str) -> usize {
        self.status("tasks").iter().filter(|task| task["update"]["state"] == state).count()
    }

    /// Waits until so many tasks are in this state.
    #[track_caller]
    pub(crate) fn wait_for(&self, count: usize, state: &str) {
        wait_until(&format!("{count} tasks are {state}"), || self.count(state) == count);
    }

    /// Waits until so many agents are connected.
    #[track_caller]
    pub(crate) fn wait_for_agents(&self, count: usize) {
        wait_until(&format!("{count} agents are connected"), || {
            self.status("agents").iter().filter(|agent| agent["connected"] == true).count() == count
        });
    }
}

/// An address for a master that keeps it over its restarts: its port is none of those that the system gives to connections meanwhile.
fn free_address() -> String {
    const PORTS: std::ops::Range<u16> = 12_000..32_000;
    /// More than any test program starts: those that run at one time have different ones.
    const PORTS_OF_EACH: usize = 64;
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let ports = usize::from(PORTS.end - PORTS.start);
    let first = std::process::id() as usize * PORTS_OF_EACH;
    loop {
        let offset = (first + usize::from(TAKEN.fetch_add(1, Ordering::Relaxed))) % ports;
        let port = PORTS.start + u16::try_from(offset).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return format!("127.0.0.1:{port}");
        }
    }
}

/// `meros agent`, over its restarts.
pub(crate) struct Agent {
    pub(crate) process: Process,
    pub(crate) name: String,
    pub(crate) work_dir: PathBuf,
    command: Box<dyn Fn(&Path) -> Command>,
}

impl Agent {
    fn start(site: &Site, which: &str, master: &str, flags: &[&str]) -> Self {
        let (home, work_dir, name) = (site.folder.path().to_owned(), site.path(which), site.agent_name(which));
        let (master, named) = (master.to_owned(), name.clone());
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let command = move |work_dir: &Path| {
            let mut command = support::meros(&home);
            command.args(["agent", "--listen", "none", "--master", &master, "--name", &named, "--work-dir"]).arg(work_dir);
            if !flags.iter().any(|flag| flag == "--resources") {
                command.args(["--resources", "cpus:4;mem:512MiB"]);
            }
            command.args(&flags);
            command
        };
        Self { process: Process::start(&mut command(&work_dir)), name, work_dir, command: Box::new(command) }
    }

    /// The same agent, in this directory.
    pub(crate) fn command_in(&self, work_dir: &Path) -> Command {
        (self.command)(work_dir)
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    pub(crate) fn restart(&mut self) {
        self.process = Process::start(&mut (self.command)(&self.work_dir));
    }

    /// Begins anew, and is known to its master when this returns.
    #[track_caller]
    pub(crate) fn return_to_master(&mut self) {
        self.restart();
        self.wait_until_registered();
    }

    /// Waits until it says that its master knows it.
    #[track_caller]
    pub(crate) fn wait_until_registered(&self) {
        Process::line_with(&self.process.errors, "registered agent=");
    }

    /// Ends it by SIGTERM.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.process.signal(Signal::SIGTERM);
        assert_eq!(self.process.code(), Some(0), "{}", Process::rest(&self.process.errors));
    }

    /// The processes in its containers, shims not among them.
    pub(crate) fn task_pids(&self) -> Vec<i32> {
        let groups = cgroups(&self.name).into_iter().filter(|path| path.starts_with("/sys/fs/cgroup/pids"));
        let groups = groups.flat_map(|path| with_children(&path)).filter(|path| !path.ends_with("shims"));
        let mut pids: Vec<i32> = groups
            .flat_map(|group| {
                let members = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
                members.lines().filter_map(|line| line.parse().ok()).collect::<Vec<_>>()
            })
            .collect();
        pids.sort_unstable();
        pids
    }

    /// The process ids of its shims, as its containers' records say.
    fn shims(&self) -> Vec<i32> {
        let containers = std::fs::read_dir(self.work_dir.join("containers")).into_iter().flatten().flatten();
        let records = containers.filter_map(|entry| std::fs::read_to_string(entry.path().join("state/record")).ok());
        let pid = |record: String| record.lines().find_map(|line| line.strip_prefix("shim_pid ")).map(|pid| pid.parse().unwrap());
        records.filter_map(pid).collect()
    }

    /// Those of them that live.
    pub(crate) fn living_shims(&self) -> Vec<i32> {
        self.shims().into_iter().filter(|pid| is_alive(*pid)).collect()
    }

    /// Whether any process or container cgroup of it is left.
    pub(crate) fn has_left_nothing(&self) -> bool {
        self.task_pids().is_empty()
            && cgroups(&self.name).iter().all(|path| with_children(path).iter().all(|path| !is_container(path)))
    }
}

/// Whether this process has not ended; a zombie has.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(|state| state != 'Z'))
}

fn is_container(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.len() == 36)
}
