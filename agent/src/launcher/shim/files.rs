//! The shim's files: the lock that proves it lives, the record of who it is, the record of how the container ended.
//!
//! Deliberately absent: their text (`meros_agent_core::shim::record`) and syncing them to the disk: they have to survive the
//! death of processes, and after a power loss the boot id tells that no container lives.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, FallocateFlags, FcntlArg, OFlag, OpenHow, ResolveFlag, fallocate, fcntl, openat, openat2, renameat};
use nix::sys::stat::Mode;
use nix::sys::uio::pwrite;
use nix::unistd::{getpid, write};

use meros_agent_core::shim::record::{EXIT_RECORD_BYTES_MAX, ShimRecord, write_exit_record, write_shim_record};
use meros_types::ExitRecord;

use crate::launcher::report::{Failure, Step};
use crate::launcher::request::Request;
use crate::runtime::paths::{EXIT, EXIT_UNFINISHED, LOCK, LOGS, RECORD, SANDBOX, STATE};

/// Read and written by root only.
const PRIVATE: Mode = Mode::from_bits_truncate(0o600);

/// The open files of a shim.
pub(super) struct Files {
    root: OwnedFd,
    state: OwnedFd,
    exit: OwnedFd,
    /// Never closed before the process ends: that would release the lock.
    _lock: OwnedFd,
}

impl Files {
    /// Takes the lock, writes the record, and keeps space for the end.
    pub(super) fn prepare(request: &Request<'_>) -> Result<Self, Failure> {
        let record_failed = |errno| Step::Record.failed(errno);
        let (root, state, lock) = lock(request).map_err(|errno| Step::Lock.failed(errno))?;
        write_record(&state, request).map_err(record_failed)?;
        let exit = keep_space_for_exit(&state).map_err(record_failed)?;
        Ok(Self { root, state, exit, _lock: lock })
    }

    /// The directory of the output.
    pub(super) fn logs(&self) -> nix::Result<OwnedFd> {
        open_directory(&self.root, LOGS)
    }

    /// Makes a segment in it. Not for appending: splice refuses such files, and nobody else writes to it.
    pub(super) fn open_segment(logs: &OwnedFd, name: &str) -> nix::Result<OwnedFd> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        openat(logs, name, flags, PRIVATE)
    }

    /// The sandbox, entered without following anything that the task could have put there.
    pub(super) fn sandbox(&self) -> nix::Result<OwnedFd> {
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
        openat2(self.root.as_fd(), SANDBOX, how)
    }

    /// Leaves how the container ended, complete or not at all. The space for it is there even when the disk is full.
    pub(super) fn leave_exit(&self, record: &ExitRecord) -> nix::Result<()> {
        let text = write_exit_record(record);
        if pwrite(&self.exit, text.as_bytes(), 0)? != text.len() {
            return Err(Errno::ENOSPC);
        }
        renameat(&self.state, EXIT_UNFINISHED, &self.state, EXIT)
    }
}

fn lock(request: &Request<'_>) -> nix::Result<(OwnedFd, OwnedFd, OwnedFd)> {
    let root = openat(AT_FDCWD, request.directory, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let state = open_directory(&root, STATE)?;
    let lock = openat(&state, LOCK, OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_CLOEXEC, PRIVATE)?;
    fcntl(&lock, FcntlArg::F_SETLK(&whole_file(libc::F_WRLCK)))?;
    Ok((root, state, lock))
}

/// A lock of this kind on a whole file, or a question for one.
pub(crate) fn whole_file(kind: i32) -> libc::flock {
    // Both constants are tiny; the C type of the fields is shorter than theirs.
    libc::flock { l_type: kind as libc::c_short, l_whence: libc::SEEK_SET as libc::c_short, l_start: 0, l_len: 0, l_pid: 0 }
}

fn open_directory(parent: impl AsFd, name: &str) -> nix::Result<OwnedFd> {
    openat(parent, name, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW, Mode::empty())
}

fn create(state: BorrowedFd<'_>, name: &str) -> nix::Result<OwnedFd> {
    openat(state, name, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC, PRIVATE)
}

fn write_record(state: &OwnedFd, request: &Request<'_>) -> nix::Result<()> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let started_wall_ms = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    let text = write_shim_record(&ShimRecord { container: request.container, shim_pid: getpid().as_raw(), started_wall_ms });
    let written = write(create(state.as_fd(), RECORD)?, text.as_bytes())?;
    if written == text.len() { Ok(()) } else { Err(Errno::ENOSPC) }
}

fn keep_space_for_exit(state: &OwnedFd) -> nix::Result<OwnedFd> {
    let exit = create(state.as_fd(), EXIT_UNFINISHED)?;
    // The size stays 0, so that what is read is what was written.
    match fallocate(&exit, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, EXIT_RECORD_BYTES_MAX as libc::off_t) {
        // A file system that can't: the record is then as safe as any file.
        Ok(()) | Err(Errno::EOPNOTSUPP) => Ok(exit),
        Err(errno) => Err(errno),
    }
}
