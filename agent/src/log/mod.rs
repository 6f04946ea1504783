//! The agent's log on disk: what must outlive the process, one append-only file that is only the agent's own.
//!
//! ```text
//!   loop ──▶ Writer ──queue──▶ [thread that writes] ──▶ agent.log     one write(2) for all that waits: survives SIGKILL
//!     ▲                              └──▶ [thread that syncs] ──▶     one fdatasync for all that was written: survives power loss
//!     └───────── Appended, Synced, LogStalled, LogResumed ────┘
//! ```
//!
//! Two threads, so that a launch never waits for the disk's cache to be flushed, and the loop for no disk at all. While nothing can
//! be written, what is to be written waits in memory in its order. Deliberately absent: what is recorded and what may happen only
//! after it was, which the core decides, and a repair of what a damaged record said: it costs that record, and is reported.

mod file;
mod format;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use file::{LogFile, Opened};
pub(crate) use format::Damage;
pub use format::Malformed;
pub(crate) use writer::{Report, Writer};

/// The log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file can't be made, read or written.
    #[error("can't {action} the agent's log {}: {source}", path.display())]
    File {
        /// What was tried: a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its content is not ours to read.
    #[error(
        "can't read the agent's log {}: {source}. Run the version of Meros that wrote it; or, to begin anew, move the file away: the \
         agent then ends what it finds of its tasks, and is a new agent to its master",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Malformed,
    },
}

impl LogError {
    fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { action, path: path.to_owned(), source }
    }
}
