//! The agent's directory: made, locked against a second agent, and the source of the agent's name.
//!
//! Deliberately absent: what is in it, which is the runtime's.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use meros_daemon::lock::DirectoryLock;

use crate::error::Error;

/// Others may pass through, since tasks run as other users; they may not look around.
const MODE: u32 = 0o711;

/// A work directory that is this agent's alone for as long as this value lives.
#[derive(Debug)]
pub(crate) struct WorkDir {
    path: PathBuf,
    _lock: DirectoryLock,
}

impl WorkDir {
    /// Makes the directory if need be, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, Error> {
        let lock = DirectoryLock::take(path, MODE).map_err(Error::file("take", path))?;
        let path = fs::canonicalize(path).map_err(Error::file("find", path))?;
        match lock {
            Some(lock) => Ok(Self { path, _lock: lock }),
            None => Err(Error::WorkDirTaken { work_dir: path }),
        }
    }

    /// Its one true path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The first directory on the way here that other users can't pass through.
    pub(crate) fn barred_at(&self) -> Option<&Path> {
        const PASSABLE_BY_OTHERS: u32 = 0o001;
        let barred = |path: &&Path| fs::metadata(path).is_ok_and(|found| found.permissions().mode() & PASSABLE_BY_OTHERS == 0);
        self.path.ancestors().filter(barred).last()
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
    fn what_bars_the_way_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let passable = |yes: bool| fs::set_permissions(&root, fs::Permissions::from_mode(if yes { 0o711 } else { 0o700 })).unwrap();
        let dir = WorkDir::take(&root.join("a/b")).unwrap();
        passable(true);
        assert_ne!(dir.barred_at(), Some(&*root));
        passable(false);
        assert!(dir.barred_at().is_some_and(|barred| root.starts_with(barred)));
    }

    #[test]
    fn names_follow_the_published_hash() {
        assert_eq!(fnv(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
