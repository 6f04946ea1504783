//! Why an agent can't start, or ended. What goes wrong with one task is told to its framework and never ends the agent.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::runtime::RuntimeError;

/// Why an agent can't start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can be reached from other machines, and there is no TLS.
    #[error(
        "won't listen on {address}, which other machines can reach: there is no TLS yet. Listen on 127.0.0.1, or say --insecure-listen"
    )]
    InsecureListen {
        /// The address.
        address: SocketAddr,
    },
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}. Another agent may run there; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Another agent has the work directory.
    #[error("another agent works in {}; give this one a directory of its own with --work-dir", work_dir.display())]
    WorkDirTaken {
        /// The directory.
        work_dir: PathBuf,
    },
    /// A file or directory can't be read or written.
    #[error("can't {action} {}: {source}", path.display())]
    File {
        /// What was tried: a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The master's address can't be connected to by anybody.
    #[error("{master:?} is not the address of a master: write host:port, such as 127.0.0.1:5050; there is no TLS yet, so no https")]
    Master {
        /// What was given.
        master: String,
    },
    /// There are no users for tasks.
    #[error("--task-uids {first}-{end} leaves no user for tasks: give a range that begins above 0, such as 200000-265536")]
    TaskUids {
        /// The first of the range.
        first: u32,
        /// The first beyond it.
        end: u32,
    },
    /// Another agent has the name.
    #[error("another agent runs under the name {name:?} (it holds the lock on {}); give this one a name of its own with --name", lock.display())]
    NameTaken {
        /// The name.
        name: String,
        /// What is locked.
        lock: PathBuf,
    },
    /// The settings can't be gone on with.
    #[error(transparent)]
    Configuration(#[from] meros_agent_core::ConfigurationError),
    /// The log can't be used.
    #[error(transparent)]
    Log(#[from] crate::log::LogError),
    /// The system has no threads to spare.
    #[error("can't start the agent's threads: {0}")]
    Threads(#[source] io::Error),
    /// The container runtime can't start, or could not clean up.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The master won't have this agent, and trying again can't help.
    #[error("the master refuses this agent: {0}")]
    Refused(String),
    /// The token for emulated agents can't be found.
    #[error(transparent)]
    Token(#[from] meros_proto::TokenError),
    /// The loop panicked: a defect of ours. The state can't be trusted, so the process has to end.
    #[error("the agent's loop failed; the log above says where")]
    Loop,
    /// The HTTP server ended though nobody asked for it.
    #[error("the server ended: {0}")]
    Server(#[source] tonic::transport::Error),
}

impl Error {
    /// Names the file and what was tried with it.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { action, path, source }
    }
}
