//! What can go wrong with a container: the task's own fault, or the agent's.

use std::io;
use std::path::PathBuf;

use meros_agent_core::shim::record::RecordError;
use meros_types::ContainerId;

use crate::launcher::Step;

/// A container was not started. Nothing of it runs and nothing of it is left.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The task can't run as it was written; another attempt would fare the same. For the task's user.
    #[error(transparent)]
    Task(#[from] TaskFault),
    /// The agent could not do its part. For the operator.
    #[error(transparent)]
    Agent(#[from] RuntimeError),
}

/// What is wrong with a task, as a sentence for its user.
#[derive(Debug, thiserror::Error)]
pub enum TaskFault {
    /// There are no words to execute.
    #[error("the command is empty: name a program to execute")]
    NoProgram,
    /// The kernel's strings end at the first NUL.
    #[error("{what} contains a NUL character, which no program can be given: remove it")]
    Nul {
        /// Which part of the command.
        what: String,
    },
    /// An environment variable that no program could look up.
    #[error("{name:?} is not a name for an environment variable: it is empty or contains '='")]
    VariableName {
        /// The name.
        name: String,
    },
    /// The command does not fit the agent's message to its launcher.
    #[error("the command and its environment take {bytes} bytes and may take {bytes_max}: pass large data in a file")]
    TooLarge {
        /// What they take.
        bytes: usize,
        /// What they may take.
        bytes_max: usize,
    },
    /// Nothing of that name is there.
    #[error("cannot execute {program:?}: there is no such program{}", if *.searched { " in PATH" } else { "" })]
    NotFound {
        /// As the task names it.
        program: String,
        /// Whether it was searched in `PATH`.
        searched: bool,
    },
    /// The file is there but the kernel does not execute it.
    #[error("cannot execute {program:?}: {source}")]
    NotExecutable {
        /// As the task names it.
        program: String,
        /// The kernel's reason.
        source: io::Error,
    },
    /// It would run as root, which could leave its cgroups and read every other task's files.
    #[error("the task would run as root, which this agent refuses: give its container an unprivileged user")]
    Root,
}

/// The agent, or the machine below it, failed.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No live container has this id: it was never launched here, or it is over.
    #[error("container {id} is not running on this agent")]
    NotRunning {
        /// The id.
        id: ContainerId,
    },
    /// Its files are in use.
    #[error("container {id} still runs: its directory can be removed when it is over")]
    StillRunning {
        /// The id.
        id: ContainerId,
    },
    /// The id was given to two containers, or one was launched twice.
    #[error("container {id} was launched before: launch each container once")]
    Duplicate {
        /// The id.
        id: ContainerId,
    },
    /// Two containers would share a user, and could then read each other's files and signal each other.
    #[error("user id {uid} already belongs to container {holder}: give container {id} one of its own")]
    UidTaken {
        /// The user.
        uid: u32,
        /// The container to launch.
        id: ContainerId,
        /// The container that has it.
        holder: ContainerId,
    },
    /// The runtime was told to destroy everything, and makes nothing new.
    #[error("this agent is destroying its containers and launches no more")]
    Closed,
    /// A name that can't be a cgroup's.
    #[error("{name:?} is not a name for an agent: use 1 to 64 letters, digits, '-' and '_'")]
    AgentName {
        /// The name.
        name: String,
    },
    /// Another agent on this machine has the name, and with it the cgroups below it.
    #[error("another agent runs under the name {name:?} (it holds the lock on {path}): choose another name")]
    NameTaken {
        /// The name.
        name: String,
        /// What is locked.
        path: PathBuf,
    },
    /// cgroups can't isolate anything here.
    #[error(
        "cgroups are not usable: {reason}. Run the agent as root, or in a group that was delegated to it (systemd: Delegate=yes), \
         or choose the plain runtime"
    )]
    Unusable {
        /// What is missing.
        reason: String,
    },
    /// A file, directory or socket.
    #[error("cannot {doing} {path}: {source}")]
    File {
        /// The verb.
        doing: &'static str,
        /// Which one.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// A cgroup could not be made or limited.
    #[error("cannot {doing} cgroup {path}: {source}")]
    Cgroup {
        /// The verb, and what was to be set.
        doing: String,
        /// Which one.
        path: PathBuf,
        /// The reason.
        source: cgroups_rs::fs::error::Error,
    },
    /// The kernel took a limit and then shows another: nothing may rely on it.
    #[error("{path} was set to {wanted} and reads {found}: the kernel does not enforce what was asked")]
    Limit {
        /// The limit's file.
        path: PathBuf,
        /// What was written.
        wanted: String,
        /// What it reads.
        found: String,
    },
    /// Between the launcher's fork and the task's exec.
    #[error("cannot start container {id}: {step} failed: {source}")]
    Start {
        /// Which container.
        id: ContainerId,
        /// How far it came.
        step: Step,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The launcher, or the container's shim, was killed while starting it.
    #[error("cannot start container {id}: its supervisor was killed before the task began")]
    SupervisorKilled {
        /// Which container.
        id: ContainerId,
    },
    /// It was to be destroyed before its task began.
    #[error("container {id} was given up: it was to end before its task began")]
    GivenUp {
        /// Which container.
        id: ContainerId,
    },
    /// The launcher of the agent's life before, or a shim that it was just forking, does not come to its end.
    #[error(
        "a launcher of this agent's life before still runs, and holds the lock on {}: end the processes called meros-launcher \
         of this agent with SIGKILL, and start again. Tasks are not affected",
        path.display()
    )]
    EarlierLauncher {
        /// What it holds.
        path: PathBuf,
    },
    /// The launcher can't be run or spoken to.
    #[error("cannot {doing} the launcher {program}: {source}")]
    Launcher {
        /// The verb.
        doing: &'static str,
        /// What was executed.
        program: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A shim's file is damaged or from the future.
    #[error("cannot read {path}: {source}")]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: RecordError,
    },
    /// Processes that SIGKILL does not end: they are stuck in the kernel.
    #[error("{what} still has processes, which cannot be killed: look for hung disks or network file systems")]
    Unkillable {
        /// Whose processes.
        what: String,
    },
    /// The runtime's own thread was ended, because the process is.
    #[error("the agent is shutting down")]
    ShuttingDown,
}

impl RuntimeError {
    /// Wraps an I/O error in what was done to which path.
    pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self::File { doing, path: path.into(), source: source.into() }
    }
}
