//! What an agent wants done. Imperative: the shell performs, in this order, and reports back what came of it.

use meros_types::{Command, ContainerId, FromAgent, Limits, OpenLog, TaskId};

use crate::log::Record;

/// Something for the shell to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Close the stream to the master, if there is one, and open a new one. Always answered, by `Connected` or `Disconnected`,
    /// within a time that the shell bounds.
    Connect,
    /// Put a message on the stream. Dropped when the stream is gone: the next registration says it all.
    Send(Box<FromAgent>),
    /// Make a container and execute its program. Answered by `ContainerStarted`, which
    /// `ContainerEnded` follows some day, or by `ContainerFailed`.
    Start(Box<ContainerPlan>),
    /// Ask a container's task to end (SIGTERM to its process group).
    Terminate(ContainerId),
    /// Kill every process of a container. One that is still being made is given up, whatever it waits for: that is answered by
    /// `ContainerFailed`, when nothing of it is left.
    Destroy(ContainerId),
    /// Remove the directory of a container that is over: its sandbox and its output.
    Remove(ContainerId),
    /// Open a log stream for a reader. No container: say on it that there is no such task.
    ServeLog {
        /// What is to be read.
        request: OpenLog,
        /// Whose output it is.
        container: Option<ContainerId>,
    },
    /// Append a record to the log. Answered by `Appended`, in its turn.
    Append {
        /// Counts what is appended and rewritten over the life of the process, from 1.
        seq: u64,
        /// What to append.
        record: Box<Record>,
    },
    /// Bring the log to the disk, beside the loop. Answered by `Synced` with the number of the newest record before this effect,
    /// or a higher one. There is one at a time.
    Sync,
    /// Replace the whole log by these records, so that a crash finds either the old file or the new one on the disk. Answered
    /// by `Appended` in its turn, like a record; `Synced` may follow by itself.
    Rewrite {
        /// Counts on from the records before.
        seq: u64,
        /// All that the log is to hold.
        records: Vec<Record>,
    },
    /// End the process: the master refused this agent, and trying again can't help. The sentence is for the operator.
    Exit(String),
}

/// A container to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerPlan {
    /// Its id, which names its directory and its cgroups.
    pub container: ContainerId,
    /// The task, for its environment.
    pub task: TaskId,
    /// What to execute.
    pub command: Command,
    /// What the kernel is to enforce.
    pub limits: Limits,
    /// The unprivileged user that it runs as, its own alone; none when the agent itself has no privileges.
    pub uid: Option<u32>,
}
