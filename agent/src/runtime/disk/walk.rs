//! One measurement of a sandbox, in pieces: what counts, and how it is found without trusting anything that a task made.
//!
//! What counts is the space that files have on the disk, [`ENTRY_BYTES_MIN`] for each at least, since names and inodes take
//! space too; a file with several names counts once. Files that were removed and that a process still has open, or mapped, have no
//! name and count nevertheless. Files that are only on their way between processes, in the buffer of a socket, are not found.
//!
//! Symlinks are never followed and nothing but directories is opened, each in the one that it was found in: a task may
//! rename and replace what it likes meanwhile. Other file systems inside the sandbox are left out.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::io;
use std::os::fd::OwnedFd;

use nix::dir::{Dir, OwningIter};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat};
use nix::unistd::Pid;

use crate::runtime::ContainerPaths;

/// What each file, directory and link counts at least.
const ENTRY_BYTES_MIN: u64 = 4 << 10;
/// The unit in which the kernel says how much space a file has, whatever the file system.
const BLOCK_BYTES: u64 = 512;
/// How deep directories are looked into; each takes two descriptors while it is. Programs can't name files that are much deeper. A
/// sandbox with deeper ones can't be measured, and counts as too large: it was made to hide something.
const DEPTH_MAX: usize = 100;
/// Where a process's open and mapped files are.
const FILES_OF_PROCESS: [&str; 2] = ["fd", "map_files"];

/// A measurement under way.
pub(super) struct Walk {
    device: u64,
    owner: u32,
    /// The directories from the sandbox down to the one that is being read.
    open: Vec<Level>,
    /// What is left to look at of processes: directories in `/proc`. None before the sandbox is done.
    processes: Option<Vec<String>>,
    /// The files that could be found a second time. Bounded by the limit, of which each takes its part.
    found: BTreeSet<u64>,
    total: u64,
}

/// A directory that is being read.
struct Level {
    entries: OwningIter,
    directory: OwnedFd,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of the sandbox.
    Tree,
    /// Of a process: links to its open or mapped files.
    Process,
}

impl Walk {
    /// Begins at the sandbox of this container.
    pub(super) fn begin(paths: &ContainerPaths) -> io::Result<Self> {
        let sandbox = open_directory(AT_FDCWD, &paths.sandbox())?;
        let status = fstat(&sandbox)?;
        let root = Level::new(sandbox, Kind::Tree)?;
        Ok(Self {
            device: status.st_dev,
            owner: status.st_uid,
            open: vec![root],
            processes: None,
            found: BTreeSet::new(),
            total: ENTRY_BYTES_MIN,
        })
    }

    /// Looks at this many entries more. The size, when nothing is left to look at, or when it is more than the limit already.
    pub(super) fn go_on(&mut self, entries: usize, limit: u64, processes: impl Fn() -> Vec<Pid>) -> io::Result<Option<u64>> {
        for _ in 0..entries {
            let Some(level) = self.open.last_mut() else {
                match self.next_process(&processes) {
                    true => continue,
                    false => return Ok(Some(self.total)),
                }
            };
            match level.entries.next() {
                Some(Ok(entry)) => self.look_at(entry.file_name(), limit)?,
                // A process that has ended has no files.
                Some(Err(_)) | None => drop(self.open.pop()),
            }
            if self.total > limit {
                return Ok(Some(self.total));
            }
        }
        Ok(None)
    }

    /// Opens what is next of the processes' files; false when there is nothing.
    fn next_process(&mut self, processes: impl Fn() -> Vec<Pid>) -> bool {
        let left = self.processes.get_or_insert_with(|| {
            let of_process = |pid: Pid| FILES_OF_PROCESS.map(|files| format!("/proc/{pid}/{files}"));
            processes().into_iter().flat_map(of_process).collect()
        });
        let Some(next) = left.pop() else { return false };
        // One that can't be opened has ended.
        self.open.extend(open_directory(AT_FDCWD, next.as_str()).and_then(|files| Level::new(files, Kind::Process)).ok());
        true
    }

    fn look_at(&mut self, name: &CStr, limit: u64) -> io::Result<()> {
        let Some(level) = self.open.last().filter(|_| !matches!(name.to_bytes(), b"." | b"..")) else { return Ok(()) };
        match level.kind {
            Kind::Process => {
                // Through the link, to the file that the process has.
                if let Ok(status) = fstatat(&level.directory, name, AtFlags::empty()) {
                    self.count_nameless(&status);
                }
                Ok(())
            }
            Kind::Tree => match fstatat(&level.directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
                Ok(status) if status.st_dev == self.device => self.count(name, &status, limit),
                // Removed meanwhile, or not ours.
                Ok(_) | Err(Errno::ENOENT) => Ok(()),
                Err(errno) => Err(errno.into()),
            },
        }
    }

    fn count(&mut self, name: &CStr, status: &FileStat, limit: u64) -> io::Result<()> {
        let is_directory = kind_of(status) == SFlag::S_IFDIR;
        if !is_directory && status.st_nlink > 1 && !self.found.insert(status.st_ino) {
            return Ok(());
        }
        self.total = self.total.saturating_add(size_of(status));
        if !is_directory {
            return Ok(());
        }
        if self.open.len() == DEPTH_MAX {
            self.total = self.total.max(limit.saturating_add(1));
            return Ok(());
        }
        let Some(level) = self.open.last() else { return Ok(()) };
        match open_directory(&level.directory, name).and_then(|directory| Level::new(directory, Kind::Tree)) {
            Ok(deeper) => self.open.push(deeper),
            // Removed, or replaced by something else, or closed to an agent without privileges.
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::EACCES) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }

    fn count_nameless(&mut self, status: &FileStat) {
        let is_sandboxed = status.st_dev == self.device && status.st_uid == self.owner;
        if kind_of(status) == SFlag::S_IFREG && status.st_nlink == 0 && is_sandboxed && self.found.insert(status.st_ino) {
            self.total = self.total.saturating_add(size_of(status));
        }
    }
}

impl Level {
    fn new(directory: OwnedFd, kind: Kind) -> nix::Result<Self> {
        let second = directory.try_clone().map_err(|error| error.raw_os_error().map_or(Errno::EMFILE, Errno::from_raw))?;
        Ok(Self { entries: Dir::from_fd(second)?.into_iter(), directory, kind })
    }
}

fn open_directory(parent: impl std::os::fd::AsFd, name: &(impl nix::NixPath + ?Sized)) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    openat(parent, name, flags, Mode::empty())
}

fn kind_of(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode & SFlag::S_IFMT.bits())
}

fn size_of(status: &FileStat) -> u64 {
    status.st_blocks.unsigned_abs().saturating_mul(BLOCK_BYTES).max(ENTRY_BYTES_MIN)
}

#[cfg(test)]
mod tests;
