//! The cgroups of one container, by their directories: joining, counting, killing.
//!
//! Used by the agent and by the shim, so it is plain reads and writes without memory of its own. A container has a group in each
//! of the hierarchies of cgroup v1, or one in the single hierarchy of version 2; what that changes is in `v1` and `v2`, and
//! nobody else asks. Deliberately absent: making, limiting and removing groups, which is the agent's alone.

mod oom_event;
mod v1;
mod v2;

use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::unistd::Pid;

use meros_types::Usage;

pub(crate) use oom_event::OomEvent;

/// More than the longest counter that is read.
const COUNTER_BYTES_MAX: usize = 512;

/// What a group's hierarchy controls: one thing on cgroup v1, everything on version 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// All of these together, in the one hierarchy of cgroup v2.
    Unified,
}

impl Controller {
    /// Those of cgroup v1, in the order in which they are joined.
    pub(crate) const V1: [Controller; 5] =
        [Controller::Freezer, Controller::Pids, Controller::Memory, Controller::Cpu, Controller::CpuAccounting];

    /// The controller with that number in a request.
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        Self::V1.into_iter().chain([Controller::Unified]).find(|controller| *controller as u8 == number)
    }
}

/// Directories of cgroups, in the order in which they are joined. Empty when nothing is isolated.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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
        match self.unified() {
            Some(group) => v2::usage(group),
            None => v1::usage(self),
        }
    }

    /// How many of its processes the kernel killed for lack of memory.
    pub(crate) fn oom_kills(&self) -> u64 {
        match self.unified() {
            Some(group) => v2::oom_kills(group),
            None => v1::oom_kills(self),
        }
    }

    /// Announces that the kernel may have killed for lack of memory, be it this group's or one's around it. None without groups.
    pub(crate) fn oom_event(&self) -> nix::Result<Option<OomEvent>> {
        match (self.unified(), self.directory(Controller::Memory)) {
            (Some(group), _) => OomEvent::v2(group).map(Some),
            (None, Some(memory)) => OomEvent::v1(memory).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Kills what is in it now, whatever forks meanwhile. False when there are no groups.
    pub(crate) fn kill(&self) -> io::Result<bool> {
        match (self.unified(), self.directory(Controller::Freezer)) {
            (Some(group), _) => v2::kill(group).map(|()| true),
            (None, Some(freezer)) => v1::kill(freezer).map(|()| true),
            (None, None) => Ok(false),
        }
    }

    /// Whether no process is in it.
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        match (self.unified(), self.directory(Controller::Freezer)) {
            (Some(group), _) => v2::is_empty(group),
            (None, Some(freezer)) => Ok(processes(freezer)?.is_empty()),
            (None, None) => Ok(true),
        }
    }

    /// The processes in it; none when there are no groups.
    pub(crate) fn processes(&self) -> io::Result<Vec<Pid>> {
        self.unified().or(self.directory(Controller::Freezer)).map_or(Ok(Vec::new()), processes)
    }

    /// The directory under one controller.
    pub(crate) fn directory(&self, wanted: Controller) -> Option<&Path> {
        self.iter().find_map(|(controller, path)| (controller == wanted).then_some(path))
    }

    fn unified(&self) -> Option<&Path> {
        self.directory(Controller::Unified)
    }
}

/// Reads a counter or limit: in one go, since none is longer, and asking for the size first is a call more for each of many.
pub(crate) fn read_counter(path: &Path) -> io::Result<String> {
    let mut buffer = [0; COUNTER_BYTES_MAX];
    let length = fs::File::open(path)?.read(&mut buffer)?;
    String::from_utf8(buffer[..length].to_vec()).map_err(io::Error::other)
}

/// The processes in a group. Those of another pid namespace read as 0, which kill would take for this process's own group.
pub(crate) fn processes(group: &Path) -> io::Result<Vec<Pid>> {
    let text = fs::read_to_string(group.join("cgroup.procs"))?;
    Ok(text.lines().filter_map(|line| line.parse().ok()).filter(|pid: &i32| *pid > 0).map(Pid::from_raw).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_controller_has_its_number() {
        for controller in Controller::V1.into_iter().chain([Controller::Unified]) {
            assert_eq!(Controller::from_number(controller as u8), Some(controller));
        }
        assert_eq!(Controller::from_number(6), None);
    }
}
