//! Why a command failed. Each is a sentence for standard error; what a user typed wrongly exits with 2, all else with 1.

use std::io;
use std::path::PathBuf;

use meros_proto::{TokenError, WireError};

/// The exit code when something failed.
pub(crate) const EXIT_FAILED: u8 = 1;
/// The exit code when a flag, a variable, a configuration file or a command is wrong.
pub(crate) const EXIT_USAGE: u8 = 2;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A configuration file is wrong, or the values of several settings don't go together, or they name what isn't there.
    #[error("{0}")]
    Usage(String),
    /// Standard output can't be written.
    #[error("can't write to standard output: {0}")]
    Output(#[from] io::Error),
    /// A file can't be read, written or made.
    #[error("can't {action} {}: {source}", path.display())]
    File {
        /// A verb.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The master can't be reached, and waiting longer was not asked for.
    #[error("can't reach the master at {address}: {reason}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        reason: String,
    },
    /// The master said no.
    #[error("the master at {address} refused: {reason}")]
    Refused {
        /// Where.
        address: String,
        /// Its words.
        reason: String,
    },
    /// The master sent what can't be read.
    #[error("the master at {address} sent what this meros can't read: {source}. Are both of one version?")]
    Unreadable {
        /// Where.
        address: String,
        /// What is wrong with it.
        source: WireError,
    },
    /// A task's output can't be read on.
    #[error("the task's output can't be read: {reason}")]
    Log {
        /// What the master or the agent says.
        reason: String,
    },
    /// The master could not be run.
    #[error(transparent)]
    Master(#[from] meros_master::Error),
    /// The agent could not be run.
    #[error(transparent)]
    Agent(#[from] meros_agent::Error),
    /// A scheduler could not go on.
    #[error(transparent)]
    Framework(#[from] meros::Error),
    /// A daemon that this command started ended, or did not become ready.
    #[error("{name} {what}{}", said(.log))]
    Daemon {
        /// Which.
        name: String,
        /// What it did.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// Everything was done, and its outcome is not what was wanted. Already said, or one sentence.
    #[error("{0}")]
    Outcome(String),
    /// Ctrl-C or SIGTERM came first.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Names the file and what was tried with it.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { action, path, source }
    }

    /// What the process exits with.
    pub(crate) fn exit_code(&self) -> u8 {
        if matches!(self, Error::Usage(_)) { EXIT_USAGE } else { EXIT_FAILED }
    }
}

fn said(log: &str) -> String {
    let log = log.trim();
    if log.is_empty() { String::new() } else { format!("; it said:\n{log}") }
}
