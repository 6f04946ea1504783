//! What a master wants done. Imperative: the shell performs, in this order, and reports back what came of it.

use meros_types::{ClusterState, Explanation, ToAgent, ToFramework};

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
        /// At least one; no two are about the same agent or framework, and at most one each is about roles and windows.
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
    /// To `UpdateRoles`, `SetDuty`, `MarkGone`, `SetWindow` and `RemoveWindow`: it is stored, and holds.
    Done,
    /// To `Explain`: one for each role.
    Explained(Vec<Explanation>),
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
    /// No agent has this id, or these; or the master has forgotten it.
    #[error("no such agent: {agents}; `meros status` lists those that are known")]
    UnknownAgent {
        /// The ids that were given, as far as they are unknown.
        agents: String,
    },
    /// The agent was declared gone, which nothing undoes.
    #[error("agent {agent} was declared gone for good; start it with a new work directory to add it as a new agent")]
    AgentGone {
        /// The id that was given.
        agent: String,
    },
    /// No maintenance window has this name, or it is over.
    #[error("no maintenance window {window:?} is known; `meros maintenance list` lists those that are")]
    UnknownWindow {
        /// The name that was given.
        window: String,
    },
    /// The framework is not subscribed with this role.
    #[error("framework {framework} is not subscribed with role {role}; `meros status` lists the roles of each")]
    UnknownRole {
        /// The framework.
        framework: String,
        /// The role that was asked for.
        role: String,
    },
    /// Something that was given can't be, whatever the cluster is like.
    #[error("{reason}")]
    Invalid {
        /// What, and what may be given instead.
        reason: String,
    },
    /// Together with what there is, the roles would contradict each other, or what is there and had.
    #[error("no role was changed: {}{}", reasons.join("; "), if *can_force { "; with --force it is done all the same" } else { "" })]
    Contradiction {
        /// Each with the roles and their numbers.
        reasons: Vec<String>,
        /// Whether the same update would be done by force.
        can_force: bool,
    },
    /// There is no room for more of it.
    #[error("there may be {most} {what} at the most; remove some first")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// As many changes of it wait to be stored as may.
    #[error("too many changes of {what} wait to be stored; ask again in a moment")]
    TooManyChanges {
        /// Of what.
        what: &'static str,
    },
}
