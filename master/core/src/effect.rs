//! What a master wants done. Imperative: the shell performs, in this order, and reports back what came of it.

use meros_types::{ClusterState, ToAgent, ToFramework};

use crate::counters::Metrics;
use crate::event::{StreamId, Token};
use crate::registry::Change;

/// Something for the shell to do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Put a message on a framework's stream. A stream whose outbox is full is closed by the shell instead.
    ToFramework {
        /// The stream.
        stream: StreamId,
        /// The message.
        message: ToFramework,
    },
    /// Put a message on an agent's stream, likewise.
    ToAgent {
        /// The stream.
        stream: StreamId,
        /// The message.
        message: ToAgent,
    },
    /// End a stream once what was put on it before has been sent.
    CloseStream {
        /// The stream.
        stream: StreamId,
    },
    /// Store these changes as one transaction, and tell [`Event::Durable`](crate::Event::Durable) once it is on the disk. There
    /// is no other answer: a process whose write fails ends. What rests on a change is not said before.
    Persist {
        /// The transaction's number, from 1; each is one higher than the one before.
        seq: u64,
        /// At least one; no two are about the same agent or framework.
        changes: Vec<Change>,
    },
    /// Answer a request.
    Reply {
        /// The request.
        token: Token,
        /// The answer.
        reply: Reply,
    },
}

/// The answer to a [`Request`](crate::Request).
#[derive(Clone, Debug)]
pub enum Reply {
    /// To `State`.
    State(Box<ClusterState>),
    /// To `Metrics`.
    Metrics(Box<Metrics>),
    /// To `KillTask`: the order is on its way, or the task had ended before.
    Killing,
    /// To `Teardown`: the framework is removed, and its tasks are ending.
    TornDown,
    /// To `OpenLog`: the agent was told; its log stream will carry the token's number.
    LogOpening,
    /// To any request that can't be met.
    Refused(RequestError),
}

/// Why a request can't be met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// No framework has a task of this id, or it ended so long ago that it is forgotten.
    #[error("no task {task} is known; `meros status` lists those that are")]
    UnknownTask {
        /// The id that was asked for.
        task: String,
    },
    /// No framework has this id, or it is removed already.
    #[error("no framework {framework} is known; `meros status` lists those that are")]
    UnknownFramework {
        /// The id that was asked for.
        framework: String,
    },
    /// The framework is being removed, and as many wait for that as may.
    #[error("framework {framework} is being removed and too many wait for it; ask again in a moment")]
    TooManyWait {
        /// The id that was asked for.
        framework: String,
    },
    /// Several frameworks have a task of this id.
    #[error("task {task} is in several frameworks ({frameworks}); name one with --framework")]
    AmbiguousTask {
        /// The id that was asked for.
        task: String,
        /// The frameworks' ids.
        frameworks: String,
    },
    /// The task's agent has no stream to the master.
    #[error("agent {agent} of task {task} can't be reached now")]
    AgentUnreachable {
        /// The task.
        task: String,
        /// Its agent.
        agent: String,
    },
}
