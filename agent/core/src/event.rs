//! What can happen to an agent. Past tense: the shell reports, the core decides.

use meros_types::{ContainerId, ExitRecord, ToAgent};

/// Something that happened outside the core.
#[derive(Clone, Debug)]
pub enum Event {
    /// The process has begun; comes once, first. The shell has looked for the containers that
    /// [`Agent::remembered`](crate::Agent::remembered) names, and destroyed every other that it found.
    Began {
        /// What was found of each; one that is not named left nothing at all.
        found: Vec<(ContainerId, Found)>,
    },
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
    /// The files in a container's sandbox are larger than they may be. May be repeated; the container is destroyed.
    DiskExceeded {
        /// The container.
        container: ContainerId,
        /// How large they may be, in bytes.
        limit: u64,
        /// How large they are, in bytes.
        measured: u64,
    },
    /// Every [`Append`](crate::Effect::Append) and [`Rewrite`](crate::Effect::Rewrite) up to this number is in the file: it
    /// survives a SIGKILL of the agent.
    Appended {
        /// The number.
        seq: u64,
    },
    /// The same, and on the disk: it survives a power loss.
    Synced {
        /// The number.
        seq: u64,
    },
    /// The log can't be written, for lack of space for instance. The shell keeps what is to be written, in order, and tries again.
    LogStalled {
        /// Why, for people.
        reason: String,
    },
    /// The log can be written again.
    LogResumed,
    /// The process is to end, and its containers with it (`destroy_on_exit`). Nothing is launched any more and every container
    /// is destroyed. Facts are stated and sent as ever: the shell goes on until [`Agent::is_quiet`](crate::Agent::is_quiet), or
    /// until it has waited long enough. Without this event an agent that ends leaves its tasks running.
    DestroyAsked,
    /// The moment that [`Agent::wakeup`](crate::Agent::wakeup) named has come, or passed.
    TimePassed,
}

/// What the shell found of a remembered container when the process began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its shim lives and was adopted: a `ContainerEnded` follows some day.
    Running,
    /// It is over, and this is what its shim recorded; nothing of it runs, its cgroups are gone.
    Ended(ExitRecord),
    /// It had a shim, which died without a record; every process of it was killed, its cgroups are gone.
    Lost,
    /// It never had a shim: its task was never executed.
    NeverStarted,
}

/// Why a container could not be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartFailure {
    /// The task's own fault: its program does not exist, or can't be executed. A sentence for its user.
    Program(String),
    /// The agent's: a cgroup, a directory, the launcher. A sentence for the operator.
    Agent(String),
}
