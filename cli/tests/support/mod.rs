//! What the tests of the binary share: running it, a cluster of its own for each test, waiting, and what is left behind.
//!
//! Nothing here ends a process that the test did not start.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long anything may take that takes a second on an idle machine.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// The binary, without a setting from this process's environment or from this machine, and with a home of its own.
pub(crate) fn meros(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meros"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MEROS_")) {
        command.env_remove(name);
    }
    command.env("HOME", home).env("MEROS_CONFIG", "none").env_remove("TMPDIR").stdin(Stdio::null());
    command
}

/// Runs the binary to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let home = folder();
    meros(home.path()).args(arguments).output().unwrap()
}

/// A folder that tasks' users may pass through.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
    folder
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Checks again and again, until the bound.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let ends = Instant::now() + BOUND;
    while !done() {
        assert!(Instant::now() < ends, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A process of the test; killed when the test ends before it.
pub(crate) struct Process {
    pub(crate) child: Child,
    /// What it writes to standard error, line by line.
    pub(crate) errors: mpsc::Receiver<String>,
    /// The same for standard output.
    pub(crate) lines: mpsc::Receiver<String>,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let errors = lines_of(child.stderr.take().unwrap());
        let lines = lines_of(child.stdout.take().unwrap());
        Self { child, errors, lines }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Ends it with SIGKILL; it is gone when this returns.
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        let code = self.code();
        assert_eq!(code, None, "it did not end by itself: {}", Self::rest(&self.errors));
    }

    /// Waits for its end, and gives its exit code.
    #[track_caller]
    pub(crate) fn code(&mut self) -> Option<i32> {
        wait_until("the end of a process", || self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap().code()
    }

    /// All that it still says, once it has ended.
    pub(crate) fn rest(lines: &mpsc::Receiver<String>) -> String {
        lines.iter().collect::<Vec<_>>().join("\n")
    }

    /// Waits for a line with this text.
    #[track_caller]
    pub(crate) fn line_with(lines: &mpsc::Receiver<String>, wanted: &str) -> String {
        let mut before = Vec::new();
        loop {
            match lines.recv_timeout(BOUND) {
                Ok(line) if line.contains(wanted) => return line,
                Ok(line) => before.push(line),
                Err(error) => panic!("no line with {wanted:?} ({error}) after {before:#?}"),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An end of its own comes first; then these have no effect.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines_of(source: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::sync_channel(100_000);
    std::thread::spawn(move || {
        let mut reader = BufReader::new(source);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let whole = text(&line).trim_end_matches('\n').to_owned();
            line.clear();
            if sender.send(whole).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A cluster for one test, by `meros local`.
pub(crate) struct Local {
    pub(crate) folder: TempDir,
    pub(crate) address: String,
    process: Process,
}

impl Local {
    pub(crate) fn start() -> Self {
        Self::at("127.0.0.1:0", folder())
    }

    /// A cluster whose master listens there.
    pub(crate) fn at(listen: &str, folder: TempDir) -> Self {
        let mut command = meros(folder.path());
        command.args(["local", "--listen", listen, "--resources", "cpus:4;mem:512MiB", "--temp-dir"]).arg(folder.path());
        let process = Process::start(&mut command);
        let line = Process::line_with(&process.lines, "A master at ");
        let address = line.split(' ').nth(3).unwrap().to_owned();
        Self { folder, address, process }
    }

    /// The binary, with this cluster's master.
    pub(crate) fn meros(&self) -> Command {
        let mut command = meros(self.folder.path());
        command.env("MEROS_MASTER", &self.address);
        command
    }

    /// Runs the binary at this cluster to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.meros().args(arguments).output().unwrap()
    }

    /// What `meros status PART --json` says.
    pub(crate) fn status(&self, part: &str) -> serde_json::Value {
        let output = self.run(&["status", part, "--json"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Ends it with Ctrl-C; nothing may be left.
    pub(crate) fn end(mut self) {
        self.process.signal(Signal::SIGINT);
        assert_eq!(self.process.code(), Some(0), "{}", Process::rest(&self.process.errors));
        assert_eq!(leftovers(self.folder.path()), Vec::<String>::new());
    }
}

/// Whether limits can be enforced here.
pub(crate) fn has_cgroups() -> bool {
    nix::unistd::geteuid().is_root() && std::fs::metadata("/sys/fs/cgroup/freezer/cgroup.procs").is_ok()
}

/// The processes, cgroups, mounts and directories of clusters whose directories are in this folder.
pub(crate) fn leftovers(folder: &Path) -> Vec<String> {
    let mut found: Vec<String> = clusters(folder).iter().map(|path| path.display().to_string()).collect();
    let mark = folder.to_string_lossy().into_owned();
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    found.extend(mounts.lines().filter(|line| line.contains(&mark)).map(str::to_owned));
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        if entry.file_name().to_string_lossy().parse::<u32>().is_ok_and(|pid| pid != std::process::id()) {
            let traces = ["cmdline", "environ"].map(|file| std::fs::read(entry.path().join(file)).unwrap_or_default());
            let place = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
            // The daemons name the folder in their arguments, tasks in their environment, and all work below it.
            if place.starts_with(folder.join("meros")) || traces.iter().any(|bytes| text(bytes).contains(&format!("{mark}/meros-")))
            {
                found.push(format!("process {}: {}", entry.file_name().to_string_lossy(), text(&traces[0]).replace('\0', " ")));
            }
        }
    }
    found
}

/// The directories of daemons in this folder.
pub(crate) fn clusters(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("meros-"))).collect()
}

/// The cgroups of agents whose name begins so, in every hierarchy.
pub(crate) fn cgroups(agent: &str) -> Vec<PathBuf> {
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
    let agents =
        hierarchies.flat_map(|hierarchy| std::fs::read_dir(hierarchy.path().join("meros")).into_iter().flatten().flatten());
    agents
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(agent)))
        .collect()
}
