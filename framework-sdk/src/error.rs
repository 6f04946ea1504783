//! Why a scheduler doesn't run, or runs no more.

use meros_proto::TokenError;
use meros_session::SessionError;
use meros_types::NameError;

use crate::StateError;

/// Why a scheduler doesn't run, or runs no more.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// [`crate::Framework::spawn`] was called outside a tokio runtime.
    #[error("a framework runs inside a tokio runtime, such as #[tokio::main] starts")]
    NoRuntime,
    /// The master's address is not one.
    #[error("{address:?} is no master's address: {reason}")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A role's name is not one.
    #[error(transparent)]
    Role(#[from] NameError),
    /// The token file that was named can't be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// What an earlier process stored can't be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The system gave no thread for the scheduler, or for its store.
    #[error("can't start the scheduler's thread")]
    Thread(#[source] std::io::Error),
    /// The session is over.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A callback panicked; the panic's message is where this process writes those.
    #[error("a callback of the scheduler panicked")]
    Panicked,
    /// The scheduler that was called has ended.
    #[error("the scheduler has ended")]
    Over,
}
