//! Why a session is over for good, and why a launch is not possible.

use meros_types::{SessionEndKind, Shortfall, TaskId};

/// Why a scheduler can't go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The master ended the session, and connecting again would not help.
    #[error("the master ended the session: {message} ({})", advice(*.kind))]
    Ended {
        /// The kind of end.
        kind: SessionEndKind,
        /// The master's own words.
        message: String,
    },
    /// The master, or what answers at its address, does not let this scheduler in.
    #[error("the master refused the connection: {0}")]
    Refused(String),
    /// The scheduler has more of something than the SDK keeps.
    #[error("the scheduler has more than {limit} {what}")]
    LimitExceeded {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// What the scheduler decided could not be stored. Nothing that rests on it was sent, and nothing that it was told was
    /// acknowledged.
    #[error(
        "the scheduler's state can't be stored: {0}; start the scheduler again when that is mended, and it goes on from what is stored"
    )]
    NotSaved(String),
    /// The state store belongs to another framework.
    #[error("the state store is of a framework with {}, and this one has {}: give it its own store", key_text(.stored), key_text(.given))]
    ForeignState {
        /// The key of the framework whose state it is.
        stored: Option<String>,
        /// The key of this one.
        given: Option<String>,
    },
    /// The scheduler asked to tear the framework down, and the master could not be told.
    #[error("the master could not be told to tear the framework down; its tasks end when its failover timeout has passed")]
    NotTornDown,
}

fn key_text(key: &Option<String>) -> String {
    key.as_ref().map_or_else(|| "no key".to_owned(), |key| format!("the key {key:?}"))
}

fn advice(kind: SessionEndKind) -> &'static str {
    match kind {
        SessionEndKind::Fenced => "another scheduler of this framework runs: end one of the two, or give them different keys",
        SessionEndKind::Removed => {
            "a removed framework does not return: start the scheduler again to get a new one, with a state store after \
             FileStore::forget_framework"
        }
        SessionEndKind::Invalid => "correct the framework's name, key, roles or preferences and start the scheduler again",
    }
}

/// Why a task can't be launched on an offer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchError {
    /// Not enough of a resource is left.
    #[error("task {task}: {shortfall}")]
    Shortfall {
        /// The task.
        task: TaskId,
        /// What there is not enough of.
        shortfall: Shortfall,
    },
    /// The offer was declined before.
    #[error("task {task}: its offer is declined")]
    Declined {
        /// The task.
        task: TaskId,
    },
    /// No agent could run it.
    #[error("task {task}: {reason}")]
    Invalid {
        /// The task.
        task: TaskId,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The specifications of all tasks launched on this offer would be too large for one message.
    #[error("task {task}: with it the launches on this offer have {bytes} bytes, and {max} is the most")]
    TooLarge {
        /// The task.
        task: TaskId,
        /// How large they would be.
        bytes: usize,
        /// How large they may be: [`crate::limits::OFFER_BYTES_MAX`].
        max: usize,
    },
}
