//! Why a master can't start, or ended. What a peer does wrong is answered on its stream and never ends the master.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use meros_proto::TokenError;

use crate::registry::RegistryError;

/// Why a master can't start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can be reached from other machines, and there is no TLS.
    #[error(
        "won't listen on {address}, which other machines can reach: there is no TLS yet, so that whoever sees the network could \
         read the token and run tasks. Listen on 127.0.0.1, or say --insecure-listen if the network is trusted"
    )]
    InsecureListen {
        /// The address.
        address: SocketAddr,
    },
    /// The address can't be listened on.
    #[error("can't listen on {address}: {source}. Another master may run there; choose another address with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Another master has the work directory.
    #[error("another master works in {}; give this one a directory of its own with --work-dir", work_dir.display())]
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
    /// The registry can't be read, or no longer be written.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The token can't be read.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The server ended though nobody asked for it.
    #[error("the server ended: {0}")]
    Server(#[source] tonic::transport::Error),
    /// The loop panicked: a defect of ours. The state can't be trusted, so the process has to end.
    #[error("the master's loop failed; the log above says where")]
    Loop,
}

impl Error {
    /// Names the file and what was tried with it.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { action, path, source }
    }
}
