//! The agent's name, which is its own on this machine for as long as it lives: cgroups and launchers are found by it.
//!
//! A lock of its own, and not one on the cgroup's directory: that can be opened, and so locked, by every task, which could keep its
//! agent from starting again. Deliberately absent: the work directory's lock.

use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::geteuid;

use crate::error::Error;

/// Whose the locks are alone: who can open one can hold it.
const MODE: u32 = 0o700;
/// How often the directory may be removed by another agent that ends while this one enters it: more is no race.
const ATTEMPTS_MAX: u32 = 100;

/// A name that is this agent's alone for as long as this value lives.
#[derive(Debug)]
pub(crate) struct NameLock {
    path: PathBuf,
    _file: Flock<File>,
}

impl NameLock {
    /// Takes the name, which has been found good for a file's.
    pub(crate) fn take(name: &str) -> Result<Self, Error> {
        Self::take_in(&directory(), name)
    }

    fn take_in(directory: &Path, name: &str) -> Result<Self, Error> {
        let path = directory.join(format!("{name}.lock"));
        let failed = || Error::file("lock", &path);
        let _alone = enter(directory).map_err(failed())?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path).map_err(failed())?;
        let Some(file) = lock_free(file).map_err(failed())? else {
            return Err(Error::NameTaken { name: name.to_owned(), lock: path });
        };
        sweep(directory);
        Ok(Self { path, _file: file })
    }
}

impl Drop for NameLock {
    /// Nothing stays behind.
    fn drop(&mut self) {
        // Left-over files harm nobody, and the directory is often another agent's too.
        let Some(directory) = self.path.parent() else { return };
        let Ok(_alone) = enter(directory) else { return };
        let _ = fs::remove_file(&self.path);
        sweep(directory);
        let _ = fs::remove_dir(directory);
    }
}

/// Makes the directory, if need be, and waits until nobody else takes or removes a lock in it, which is never long. So a lock whose
/// file nobody holds is nobody's, and whoever holds one finds its file in its place.
fn enter(directory: &Path) -> io::Result<Flock<File>> {
    for _ in 0..ATTEMPTS_MAX {
        match DirBuilder::new().mode(MODE).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let opened = match OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW).open(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        let found = opened.metadata()?;
        if found.uid() != geteuid().as_raw() {
            return Err(io::Error::other(format!("{} is somebody else's", directory.display())));
        }
        let alone = Flock::lock(opened, FlockArg::LockExclusive).map_err(|(_, errno)| errno)?;
        // The one before may have taken the directory along.
        if fs::symlink_metadata(directory).is_ok_and(|there| there.ino() == found.ino()) {
            return Ok(alone);
        }
    }
    Err(io::Error::other(format!("{} is removed again and again", directory.display())))
}

/// Removes what agents left that were killed.
fn sweep(directory: &Path) {
    for path in fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let file = OpenOptions::new().write(true).open(&path);
        if file.and_then(lock_free).is_ok_and(|held| held.is_some()) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// The lock, unless somebody holds it.
fn lock_free(file: File) -> io::Result<Option<Flock<File>>> {
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(file) => Ok(Some(file)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(errno.into()),
    }
}

/// Where the locks of this user's agents are: gone after a reboot, and no other user's to write to.
fn directory() -> PathBuf {
    let user = geteuid();
    if user.is_root() {
        return PathBuf::from("/run/meros");
    }
    match env::var_os("XDG_RUNTIME_DIR") {
        Some(runtime) if Path::new(&runtime).is_absolute() => Path::new(&runtime).join("meros"),
        _ => env::temp_dir().join(format!("meros-{user}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_once_until_it_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("meros");
        let first = NameLock::take_in(&directory, "a").unwrap();
        let error = NameLock::take_in(&directory, "a").unwrap_err();
        assert!(matches!(error, Error::NameTaken { .. }) && error.to_string().contains("--name"), "{error}");
        let other = NameLock::take_in(&directory, "b").unwrap();
        drop(first);
        drop(NameLock::take_in(&directory, "a").unwrap());
        drop(other);
        assert!(!directory.exists(), "the last takes the directory along");
    }

    #[test]
    fn files_that_were_left_behind_hold_nobody_up_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("meros");
        fs::create_dir(&directory).unwrap();
        for name in ["a.lock", "b.lock"] {
            fs::write(directory.join(name), "").unwrap();
        }
        drop(NameLock::take_in(&directory, "a").unwrap());
        assert!(!directory.exists());
    }

    /// An agent that looks for what others left must not hold the lock of one that begins.
    #[test]
    fn agents_that_come_and_go_do_not_take_each_others_names() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("meros");
        std::thread::scope(|scope| {
            for name in ["a", "b", "c", "d"] {
                let directory = &directory;
                scope.spawn(move || (0..100).for_each(|_| drop(NameLock::take_in(directory, name).unwrap())));
            }
        });
        assert!(!directory.exists());
    }

    #[test]
    fn what_a_killed_agent_left_goes_when_another_begins() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("meros");
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("b.lock"), "").unwrap();
        let other = NameLock::take_in(&directory, "c").unwrap();
        let _lock = NameLock::take_in(&directory, "a").unwrap();
        assert!(!directory.join("b.lock").exists() && other.path.exists());
    }

    #[test]
    fn what_is_no_directory_of_ours_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("meros"), "").unwrap();
        assert!(matches!(NameLock::take_in(&folder.path().join("meros"), "a"), Err(Error::File { .. })));
    }
}
