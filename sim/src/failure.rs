//! How a simulation fails: what went wrong, when, and how to see it again.

use std::fmt;
use std::sync::Arc;

use meros_types::Time;

use crate::log::tail;

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{invariant}: {message}")]
pub struct Violation {
    /// The invariant's name, which is that of its file in `sim/src/invariants/`.
    pub invariant: &'static str,
    /// What breaks it, with the ids.
    pub message: String,
}

impl Violation {
    pub(crate) fn new(invariant: &'static str, message: impl Into<String>) -> Self {
        Self { invariant, message: message.into() }
    }
}

/// Why a simulation failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FailureKind {
    /// An invariant does not hold.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The real code panicked: a core, the SDK, or the user's scheduler.
    #[error("{process} panicked: {message}")]
    Panicked {
        /// Whose code it was.
        process: String,
        /// What the panic said.
        message: String,
    },
    /// What was waited for did not come in time.
    #[error("not reached within {limit}")]
    Limit {
        /// The limit, with its unit.
        limit: String,
    },
    /// The same seed came to something else when it was run again.
    #[error("it does not repeat itself:\n{divergence}")]
    NotRepeated {
        /// Where the two logs begin to differ.
        divergence: String,
    },
    /// Nothing more will ever happen, and what was waited for has not.
    #[error("nothing more is going to happen")]
    Stuck,
}

/// A simulation that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// The seed.
    pub seed: u64,
    /// The virtual time.
    pub at: Time,
    /// How to run it again.
    pub reproduce: String,
    /// Everything that happened until then.
    pub log: Arc<str>,
}

impl Failure {
    /// The last events.
    pub fn tail(&self) -> &str {
        tail(&self.log)
    }

    /// The name of the broken invariant, when one was broken.
    pub fn invariant(&self) -> Option<&'static str> {
        match &self.kind {
            FailureKind::Violation(violation) => Some(violation.invariant),
            _ => None,
        }
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, seed, at, reproduce, .. } = self;
        writeln!(f, "the last events:\n{}", self.tail())?;
        writeln!(f, "seed {seed}, virtual time {at} s: {kind}")?;
        write!(f, "reproduce: {reproduce}")
    }
}
