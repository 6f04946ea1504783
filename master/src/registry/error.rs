//! Why a registry can't be read or written. Each names the file, what is wrong with it, and the way out.

use std::io;
use std::path::{Path, PathBuf};

/// What is left to do about a registry that can't be read. A new one begins with term 1, which agents of the old one don't obey.
const WAY_OUT: &str = "put a copy of it back, or start anew: with another --work-dir for the master, and for each agent, \
                       since agents obey no lower term than before";

/// Why a registry can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The file can't be opened or made.
    #[error("can't {action} the registry {}: {source}", path.display())]
    File {
        /// What was tried: a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no registry where one was asked for.
    #[error("there is no registry {}: name the work directory of a master with --work-dir", path.display())]
    Missing {
        /// The file that was looked for.
        path: PathBuf,
    },
    /// Another program has the file.
    #[error(
        "the registry {} is in use: redb, which keeps it, lets one program in at a time. What a running master knows, `meros \
         status` shows; the file can be read when the master has stopped",
        path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a registry: {cause}. Move it away if it came there by mistake; else {WAY_OUT}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// How that is known.
        cause: String,
    },
    /// The file, or a record, was written by a later version of this program.
    #[error(
        "the registry {} was written by a later meros: {what} is of version {found}, and this one knows versions up to {known}. \
         Start the later one",
        path.display()
    )]
    Later {
        /// The file.
        path: PathBuf,
        /// What of it: the file, or a record's table and key.
        what: String,
        /// Its version.
        found: u64,
        /// The highest version that is known here.
        known: u64,
    },
    /// The file's own checks fail: it was cut, or changed by something other than a master.
    #[error("the registry {} is damaged: {cause}. To go on, {WAY_OUT}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What failed.
        cause: String,
    },
    /// The file is sound, and a record in it can't be read.
    #[error(
        "the registry {} has a record that can't be read, {key:?} in the table {table}: {cause}. `meros registry check --work-dir \
         {}` lists all such records. To go on, {WAY_OUT}",
        path.display(),
        folder(path).display()
    )]
    Record {
        /// The file.
        path: PathBuf,
        /// The record's table.
        table: String,
        /// Its key.
        key: String,
        /// What is wrong with it.
        cause: String,
    },
    /// A write failed: the disk is full, or broken.
    #[error(
        "can't write the registry {}: {cause}. A master does not go on without it. Nothing that it has acknowledged is lost: make \
         room on that disk, or mend it, and start the master again",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system, or redb, says.
        cause: String,
    },
}

impl RegistryError {
    pub(super) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { action, path: path.to_owned(), source }
    }

    /// What went wrong while the file was opened or read.
    pub(super) fn reading(path: &Path) -> impl Fn(redb::Error) -> Self {
        move |error| {
            let path = path.to_owned();
            match error {
                redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse { path },
                redb::Error::TableDoesNotExist(table) => Self::Foreign { path, cause: format!("it has no table {table}") },
                redb::Error::TableTypeMismatch { table, .. } | redb::Error::TableIsMultimap(table) => {
                    Self::Foreign { path, cause: format!("its table {table} is of another kind") }
                }
                // What redb says of a file that does not begin as its own do.
                redb::Error::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
                    Self::Foreign { path, cause: source.to_string() }
                }
                redb::Error::Io(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
                    Self::File { action: "read", path, source }
                }
                other => Self::Damaged { path, cause: cause(&other) },
            }
        }
    }

    /// What went wrong while the file was written.
    pub(super) fn writing(path: &Path) -> impl Fn(redb::Error) -> Self {
        move |error| Self::Write { path: path.to_owned(), cause: cause(&error) }
    }
}

/// The system's own words where it is the one that complains.
fn cause(error: &redb::Error) -> String {
    match error {
        redb::Error::Io(source) => source.to_string(),
        redb::Error::Corrupted(what) => what.clone(),
        other => other.to_string(),
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}
