//! The agent's directory: made, locked against a second agent, and the source of the agent's name.
//!
//! Deliberately absent: what is in it, which is the runtime's.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::error::Error;

/// A work directory that is this agent's alone for as long as this value lives.
#[derive(Debug)]
pub(crate) struct WorkDir {
    path: PathBuf,
    // Held, never read: the kernel lets go of the lock when the file is closed, however the process ends.
    _lock: Flock<File>,
}

impl WorkDir {
    /// Makes the directory if need be, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, Error> {
        // Others may pass through, since tasks run as other users; they may not look around.
        DirBuilder::new().recursive(true).mode(0o711).create(path).map_err(Error::file("make", path))?;
        let path = fs::canonicalize(path).map_err(Error::file("find", path))?;
        let lock_path = path.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&lock_path);
        let file = file.map_err(Error::file("open", &lock_path))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err((_, Errno::EWOULDBLOCK)) => Err(Error::WorkDirTaken { work_dir: path }),
            Err((_, errno)) => Err(Error::file("lock", lock_path)(errno.into())),
        }
    }

    /// Its one true path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A name for the agent that works here: always the same, and another one for every other directory.
    pub(crate) fn agent_name(&self) -> String {
        format!("agent-{:016x}", fnv(self.path.as_os_str().as_bytes()))
    }

    /// Removes the directory and all that is in it.
    pub(crate) fn destroy(self) -> Result<(), Error> {
        fs::remove_dir_all(&self.path).map_err(Error::file("remove", &self.path))
    }
}

/// Fowler, Noll and Vo's hash (1a, 64 bits), which is the same in every build. Not for secrets.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_agent_under_whatever_path() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("self")).unwrap();
        let first = WorkDir::take(folder.path()).unwrap();
        assert!(matches!(WorkDir::take(&folder.path().join("self")), Err(Error::WorkDirTaken { .. })));
        let name = first.agent_name();
        drop(first);
        assert_eq!(WorkDir::take(&folder.path().join("self")).unwrap().agent_name(), name);
    }

    #[test]
    fn names_follow_the_published_hash() {
        assert_eq!(fnv(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
