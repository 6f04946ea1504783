//! Where a container's files are. Deliberately absent: making, reading and removing them.

use std::path::{Path, PathBuf};

use meros_types::ContainerId;

/// The name of the directory of a container's shim, root's alone.
pub(crate) const STATE: &str = "state";
/// The name of the directory of a task's output, out of its reach.
pub(crate) const LOGS: &str = "logs";
/// The name of the task's own directory.
pub(crate) const SANDBOX: &str = "sandbox";
/// The file in `state/` that the shim locks as long as it lives.
pub(crate) const LOCK: &str = "lock";
/// The file in `state/` that says which shim it is.
pub(crate) const RECORD: &str = "record";
/// The file in `state/` that holds how the container ended.
pub(crate) const EXIT: &str = "exit";
/// What `exit` is called until it is complete.
pub(crate) const EXIT_UNFINISHED: &str = "exit.unfinished";

/// The directory of one container, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPaths {
    root: PathBuf,
}

impl ContainerPaths {
    /// Of the container `id` of the agent that works in `work_dir`.
    pub fn new(work_dir: &Path, id: ContainerId) -> Self {
        Self::inside(&containers(work_dir), id)
    }

    /// Of the container `id` in the directory of all containers of its agent.
    pub(crate) fn inside(containers: &Path, id: ContainerId) -> Self {
        Self { root: containers.join(id.to_string()) }
    }

    /// The whole directory, root's.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The shim's files: its lock, its record, how the container ended.
    pub fn state(&self) -> PathBuf {
        self.root.join(STATE)
    }

    /// The task's own directory, in which it begins. Never follow a name in it as root: the task makes the symlinks there.
    pub fn sandbox(&self) -> PathBuf {
        self.root.join(SANDBOX)
    }

    /// The segments of the task's output.
    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join(LOGS)
    }

    /// What the task wrote to its standard output last: a link to the newest segment.
    pub fn stdout(&self) -> PathBuf {
        self.root.join(LOGS).join("stdout")
    }

    /// The same for its standard error.
    pub fn stderr(&self) -> PathBuf {
        self.root.join(LOGS).join("stderr")
    }

    /// How the container ended.
    pub(crate) fn exit(&self) -> PathBuf {
        self.state().join(EXIT)
    }

    /// Which shim it has, or had.
    pub(crate) fn record(&self) -> PathBuf {
        self.state().join(RECORD)
    }

    /// Locked by the living shim.
    pub(crate) fn lock(&self) -> PathBuf {
        self.state().join(LOCK)
    }
}

/// The directory of all containers of the agent that works in `work_dir`.
pub(crate) fn containers(work_dir: &Path) -> PathBuf {
    work_dir.join("containers")
}
