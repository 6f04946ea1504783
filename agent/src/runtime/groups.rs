//! The cgroups of one container, by their directories: joining, counting, killing.
//!
//! Used by the agent and by the shim, so it is plain reads and writes without memory of its own. Shaped for the several
//! hierarchies of cgroup v1; version 2 will be one more [`Controller`]. Deliberately absent: making, limiting and removing groups,
//! which is the agent's alone.

use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use meros_agent_core::shim::counters::{field, number};
use meros_types::Usage;

/// How often the freezer is asked whether it is done before the processes are killed as they are. It mostly is at once.
const FREEZER_LOOKS_MAX: u32 = 64;

/// More than the longest counter that is read.
const COUNTER_BYTES_MAX: usize = 512;

/// A cgroup v1 controller that containers use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Controller {
    /// The authority for what belongs to a container, and so joined first: what can be frozen can be killed.
    Freezer,
    /// Counts and limits processes.
    Pids,
    /// Counts and limits memory.
    Memory,
    /// Shares and limits CPU time.
    Cpu,
    /// Counts CPU time.
    CpuAccounting,
}

impl Controller {
    /// All, in the order in which they are joined.
    pub(crate) const ALL: [Controller; 5] =
        [Controller::Freezer, Controller::Pids, Controller::Memory, Controller::Cpu, Controller::CpuAccounting];

    /// The controller with that number in a request.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// Directories of cgroups, in the order in which they are joined. Empty when nothing is isolated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Groups(Vec<(Controller, PathBuf)>);

impl Groups {
    /// These directories.
    pub(crate) fn new(groups: Vec<(Controller, PathBuf)>) -> Self {
        Self(groups)
    }

    /// The directories that an agent sent to its launcher.
    pub(crate) fn from_request(groups: &[(Controller, &CStr)]) -> Self {
        Self(groups.iter().map(|(controller, path)| (*controller, OsStr::from_bytes(path.to_bytes()).into())).collect())
    }

    /// Each with its controller, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Controller, &Path)> {
        self.0.iter().map(|(controller, path)| (*controller, path.as_path()))
    }

    /// The files to write a process's number to. Controllers that are mounted together are joined once.
    pub(crate) fn joins(&self) -> Vec<CString> {
        let mut paths: Vec<_> = self.0.iter().map(|(_, path)| path.join("cgroup.procs")).collect();
        paths.dedup();
        // A path that came through a C string has no NUL.
        paths.into_iter().filter_map(|path| CString::new(path.into_os_string().as_bytes()).ok()).collect()
    }

    /// Moves a process, with all its threads, into these groups.
    pub(crate) fn put(&self, process: u32) -> io::Result<()> {
        self.0.iter().try_for_each(|(_, path)| fs::write(path.join("cgroup.procs"), process.to_string()))
    }

    /// What the container used so far; `wall` is not known here. A counter that this kernel does not have is zero.
    pub(crate) fn usage(&self) -> Usage {
        let cpu_stat = self.read(Controller::Cpu, "cpu.stat");
        let count = |text: &str| number(text).unwrap_or_default();
        Usage {
            cpu: Duration::from_nanos(count(&self.read(Controller::CpuAccounting, "cpuacct.usage"))),
            memory_peak_bytes: count(&self.read(Controller::Memory, "memory.max_usage_in_bytes")),
            throttled_periods: field(&cpu_stat, "nr_throttled").unwrap_or_default(),
            throttled: Duration::from_nanos(field(&cpu_stat, "throttled_time").unwrap_or_default()),
            pids_refused: field(&self.read(Controller::Pids, "pids.events"), "max").unwrap_or_default(),
            oom_kills: self.oom_kills(),
            wall: Duration::ZERO,
        }
    }

    /// How many of its processes the kernel killed for lack of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        field(&self.read(Controller::Memory, "memory.oom_control"), "oom_kill").unwrap_or_default()
    }

    /// Becomes readable when this group, or one around it, runs out of memory. The kernel says so *before* it kills.
    pub(crate) fn oom_event(&self) -> nix::Result<Option<EventFd>> {
        let Some(memory) = self.directory(Controller::Memory) else { return Ok(None) };
        let event = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        register(memory, &event).map_err(errno)?;
        Ok(Some(event))
    }

    /// Kills what is in it now: frozen, so that nothing forks away meanwhile, and thawed, because only then it dies. False when
    /// there is no freezer.
    pub(crate) fn kill(&self) -> io::Result<bool> {
        let Some(freezer) = self.directory(Controller::Freezer) else { return Ok(false) };
        let state = freezer.join("freezer.state");
        fs::write(&state, "FROZEN")?;
        let killed = wait_frozen(&state).and_then(|()| kill_all(freezer));
        // Whatever happened: frozen processes never die.
        fs::write(&state, "THAWED")?;
        killed.map(|()| true)
    }

    /// Whether no process is in it.
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        match self.directory(Controller::Freezer) {
            Some(freezer) => Ok(processes(freezer)?.is_empty()),
            None => Ok(true),
        }
    }

    /// The directory under one controller.
    pub(crate) fn directory(&self, wanted: Controller) -> Option<&Path> {
        self.iter().find_map(|(controller, path)| (controller == wanted).then_some(path))
    }

    fn read(&self, controller: Controller, file: &str) -> String {
        self.directory(controller).and_then(|path| read_counter(&path.join(file)).ok()).unwrap_or_default()
    }
}

/// Reads a counter or limit: in one go, since none is longer, and asking for the size first is a call more for each of many.
pub(crate) fn read_counter(path: &Path) -> io::Result<String> {
    let mut buffer = [0; COUNTER_BYTES_MAX];
    let length = fs::File::open(path)?.read(&mut buffer)?;
    String::from_utf8(buffer[..length].to_vec()).map_err(io::Error::other)
}

fn register(memory: &Path, event: &EventFd) -> io::Result<()> {
    use std::os::fd::{AsFd, AsRawFd};
    let watched = fs::File::open(memory.join("memory.oom_control"))?;
    let request = format!("{} {}", event.as_fd().as_raw_fd(), watched.as_raw_fd());
    // Not fs::write: the file must not be truncated or created, only written to.
    io::Write::write_all(&mut fs::File::options().write(true).open(memory.join("cgroup.event_control"))?, request.as_bytes())
}

fn wait_frozen(state: &Path) -> io::Result<()> {
    for _ in 0..FREEZER_LOOKS_MAX {
        if read_counter(state)?.trim() == "FROZEN" {
            break;
        }
    }
    Ok(())
}

fn kill_all(freezer: &Path) -> io::Result<()> {
    for pid in processes(freezer)? {
        // One that just ended is as good as killed.
        let _ = kill(pid, Signal::SIGKILL);
    }
    Ok(())
}

/// The processes in a group. Those of another pid namespace read as 0, which kill would take for this process's own group.
fn processes(group: &Path) -> io::Result<Vec<Pid>> {
    let text = fs::read_to_string(group.join("cgroup.procs"))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).filter(|pid: &i32| *pid > 0).map(Pid::from_raw).collect())
}

fn errno(error: io::Error) -> nix::errno::Errno {
    error.raw_os_error().map_or(nix::errno::Errno::EIO, nix::errno::Errno::from_raw)
}
