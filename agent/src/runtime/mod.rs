//! Containers: a task's processes, within limits, from launch to the death of the last.
//!
//! Owned here: what the agent can do to a container ([`ContainerRuntime`]), its directories, its cgroups, and the guarantee that
//! *terminal means released*: the end of a container is told when its tree is dead, its counters are read and its cgroups are
//! gone, never earlier. Each container has a shim, a process of its own that outlives the agent; see [`crate::launcher`].
//! Deliberately absent: which container runs and under which user (the core decides), which containers of an earlier agent are
//! known (its log says), and looking into their output.
//!
//! Two implementations share all but the isolation: [`cgroup`], and [`plain`] for machines without root, which enforces nothing.

mod adopt;
mod cgroup;
mod command;
mod containers;
mod directory;
pub(crate) mod disk;
mod error;
mod groups;
mod isolation;
mod life;
mod live;
pub(crate) mod paths;
mod plain;
mod remove;
mod segments;
mod supervisor;

use std::path::PathBuf;

use async_trait::async_trait;
use nix::unistd::Pid;
use tokio::sync::mpsc;

use meros_agent_core::Found;
use meros_types::{Command, ContainerId, ExitRecord, Limits, Usage};

pub use cgroup::{Cgroup, check_cgroups};
pub(crate) use cgroup::{check_name, group_of};
pub use containers::Containers;
pub use error::{LaunchError, RuntimeError, TaskFault};
pub(crate) use groups::{Controller, Groups, OomEvent};
pub use isolation::{Enclosure, Isolation, Release};
pub use meros_agent_core::shim::Kill;
pub use paths::ContainerPaths;
pub use plain::Plain;
pub use segments::LogLimits;
pub(crate) use segments::{segment_name, segment_start, stream_name};

/// A container to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Its id, new for ever: it names its directory and its cgroups.
    pub id: ContainerId,
    /// The task's id, for `MEROS_TASK_ID` in its environment and for nothing else.
    pub task_id: String,
    /// What to execute.
    pub command: Command,
    /// What the kernel is to enforce.
    pub limits: Limits,
    /// The unprivileged user and group of its own. None for the agent's own user, if that is not root.
    pub uid: Option<u32>,
}

/// A launched container is over: its whole tree is dead, its cgroups are gone. Its directory stays until it is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which container.
    pub id: ContainerId,
    /// What its shim recorded.
    pub outcome: Result<ExitRecord, SupervisorLost>,
}

/// The container's shim was killed and left no record, so nobody knows how the task ended; the agent killed what was left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the task's supervisor was killed, and the task with it")]
pub struct SupervisorLost;

/// What the agent can do to containers.
#[async_trait]
pub trait ContainerRuntime: Send + Sync + 'static {
    /// Finds out what became of the containers that an earlier agent with this name and work directory had, and takes over those
    /// whose shim lives: exactly one [`Ended`] follows for each that is found [`Found::Running`]. Every other container that is
    /// found here is destroyed. Call it once, before anything else.
    ///
    /// # Errors
    /// When a shim's files can't be read, or something can't be destroyed.
    async fn adopt(&self, known: &[ContainerId]) -> Result<Vec<(ContainerId, Found)>, RuntimeError>;

    /// Makes a container. Ok when the task's program has been executed: then exactly one [`Ended`] follows.
    ///
    /// # Errors
    /// [`LaunchError`]: nothing of the container runs, nothing of it is left, and no [`Ended`] follows.
    async fn launch(&self, spec: ContainerSpec) -> Result<(), LaunchError>;

    /// Asks for the end of a container; its [`Ended`] tells when that has come. May be repeated: each time a container is to be
    /// destroyed, less is left to its shim. One that has not started yet is given up then, and its launch fails.
    ///
    /// # Errors
    /// [`RuntimeError::NotRunning`] when it is unknown or over; others when it could not be asked.
    async fn kill(&self, id: ContainerId, how: Kill) -> Result<(), RuntimeError>;

    /// What a live container has used so far.
    ///
    /// # Errors
    /// [`RuntimeError::NotRunning`] when it is unknown or over; others when a counter can't be read.
    async fn usage(&self, id: ContainerId) -> Result<Usage, RuntimeError>;

    /// Removes the directory of a container that is over: its sandbox and its output. Ok when there is none.
    ///
    /// # Errors
    /// When a live container has the id, or a file can't be removed.
    async fn remove(&self, id: ContainerId) -> Result<(), RuntimeError>;

    /// Kills every container and removes every cgroup and directory of this agent. Nothing can be launched afterwards. The
    /// containers' [`Ended`] are still told.
    ///
    /// # Errors
    /// When something could not be removed. It may be repeated.
    async fn destroy_all(&self) -> Result<(), RuntimeError>;

    /// The processes of a live container at this moment; none where there is no way to know. Blocks.
    fn processes(&self, id: ContainerId) -> Vec<Pid>;

    /// Where a container's files are.
    fn paths(&self, id: ContainerId) -> ContainerPaths;
}

/// What a runtime needs to know about its agent.
#[derive(Clone, Debug)]
pub struct RuntimeOptions {
    /// Unique on this machine: the cgroups of the agent are below `meros/<name>`. 1 to 64 letters, digits, `-` and `_`.
    pub agent_name: String,
    /// An absolute path; the containers are in `containers/` below it. Every task's user must be able to pass through it.
    pub work_dir: PathBuf,
    /// The program that calls [`dispatch_if_launcher`](crate::launcher::dispatch_if_launcher) first in its `main`.
    pub launcher_program: PathBuf,
    /// The limits on open files, soft and hard, that tasks get: those the agent was started with, if it raised its own.
    pub open_files: Option<(u64, u64)>,
    /// How much of each stream of a task's output is kept.
    pub log: LogLimits,
}

impl RuntimeOptions {
    /// Options for an agent that executes itself as its launcher and never changed its limits.
    pub fn new(agent_name: impl Into<String>, work_dir: impl Into<PathBuf>) -> Self {
        Self {
            agent_name: agent_name.into(),
            work_dir: work_dir.into(),
            launcher_program: PathBuf::from("/proc/self/exe"),
            open_files: None,
            log: LogLimits::default(),
        }
    }
}

/// The runtime that isolates containers with cgroups. Call it in a tokio runtime. `exits` tells the ends of containers; while
/// nobody receives, ends wait.
///
/// # Errors
/// When cgroups can't be used here (then [`plain`] may), the name is taken, or the launcher can't be started.
pub fn cgroup(options: RuntimeOptions, exits: mpsc::Sender<Ended>) -> Result<Containers<Cgroup>, RuntimeError> {
    let isolation = Cgroup::new(&options.agent_name)?;
    Containers::new(options, isolation, exits)
}

/// The runtime that only keeps processes together, for machines without root. Nothing is enforced.
///
/// # Errors
/// When the launcher can't be started.
pub fn plain(options: RuntimeOptions, exits: mpsc::Sender<Ended>) -> Result<Containers<Plain>, RuntimeError> {
    let isolation = Plain::new(&options.work_dir);
    Containers::new(options, isolation, exits)
}
