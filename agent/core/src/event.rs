//! What can happen to an agent. Past tense: the shell reports, the core decides.

use meros_types::{ContainerId, ExitRecord, ToAgent};

/// Something that happened outside the core.
#[derive(Clone, Debug)]
pub enum Event {
    /// The process has begun; comes once, first.
    Began,
    /// A stream to the master is open; the one before, if any, is closed.
    Connected,
    /// The stream is gone, or could not be opened.
    Disconnected {
        /// Why, for people.
        reason: String,
    },
    /// The master said something over the stream.
    Received(Box<ToAgent>),
    /// A container's program was executed.
    ContainerStarted {
        /// The container.
        container: ContainerId,
    },
    /// A container could not be started; nothing of it runs.
    ContainerFailed {
        /// The container.
        container: ContainerId,
        /// Why.
        failure: StartFailure,
    },
    /// A started container is over: its last process is dead, its cgroups are gone.
    ContainerEnded {
        /// The container.
        container: ContainerId,
        /// What its shim recorded; none when the shim died first.
        record: Option<ExitRecord>,
    },
    /// The moment that [`Agent::wakeup`](crate::Agent::wakeup) named has come, or passed.
    TimePassed,
}

/// Why a container could not be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartFailure {
    /// The task's own fault: its program does not exist, or can't be executed. A sentence for its user.
    Program(String),
    /// The agent's: a cgroup, a directory, the launcher. A sentence for the operator.
    Agent(String),
}
