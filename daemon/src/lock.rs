//! A directory that is one process's alone. The kernel lets go of the lock when the file is closed, however the process ends.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// The lock on a directory, for as long as this value lives.
#[derive(Debug)]
pub struct DirectoryLock(#[expect(dead_code, reason = "held, never read")] Flock<File>);

impl DirectoryLock {
    /// Makes the directory with this mode, if it is not there, and takes it; none when another process has it.
    ///
    /// # Errors
    /// What the system says when the directory or its file `lock` can't be made.
    pub fn take(directory: &Path, mode: u32) -> io::Result<Option<Self>> {
        DirBuilder::new().recursive(true).mode(mode).create(directory)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(directory.join("lock"))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Self(lock))),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_taken_once_until_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("a/b");
        let first = DirectoryLock::take(&directory, 0o700).unwrap();
        assert!(first.is_some());
        assert!(DirectoryLock::take(&directory, 0o700).unwrap().is_none());
        drop(first);
        assert!(DirectoryLock::take(&directory, 0o700).unwrap().is_some());
    }
}
