//! Why a scheduler's state can't be read or stored.

use std::io;
use std::path::{Path, PathBuf};

/// Why a scheduler's state can't be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file can't be opened or made.
    #[error("the state file {} can't be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error("the state file {} is in use by another process: end that one, or give this one a file of its own", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// Its content is not what was written, or not a state file at all.
    #[error(
        "the state file {} can't be read: {cause}; put a copy in its place, or remove it, whereupon the scheduler knows nothing \
         of what was before",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A later version of the SDK has written it.
    #[error("the state file {} was written by a later version ({version}, and this one knows {known}): use that one", path.display())]
    LaterVersion {
        /// The file.
        path: PathBuf,
        /// The version of a record.
        version: u32,
        /// The latest version that is understood.
        known: u32,
    },
    /// It can't be written. Whether the last transaction is in it is not known.
    #[error("the state file {} can't be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system, or redb, says.
        #[source]
        source: Box<redb::Error>,
    },
    /// A store of another make has failed.
    #[error("the state store failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StateError {
    pub(super) fn opening(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Open { path: path.to_owned(), source }
    }

    pub(super) fn reading(path: &Path) -> impl Fn(redb::Error) -> Self {
        move |error| {
            let path = path.to_owned();
            match error {
                redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse { path },
                redb::Error::Io(source) if is_of_the_system(&source) => Self::Open { path, source },
                other => Self::Damaged { path, cause: other.to_string() },
            }
        }
    }

    pub(super) fn writing(path: &Path) -> impl Fn(redb::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source: Box::new(source) }
    }

    /// The whole chain of causes in one line, for people.
    pub(crate) fn in_one_line(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(below) = cause {
            let line = below.to_string();
            if !text.ends_with(&line) {
                text = format!("{text}: {line}");
            }
            cause = below.source();
        }
        text
    }
}

/// Whether the system failed, and not what was read: redb says so with these of a file that is not its own or was cut.
fn is_of_the_system(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}
