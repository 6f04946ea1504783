//! Speaking to a container's shim, and reading what it left. Blocking; for threads that may.
//!
//! A shim is told things by signals, and found by its lock: whoever holds `state/lock` is the shim, also one that an earlier agent
//! started. Deliberately absent: process ids that were noted some time before, which may have become another's.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use meros_agent_core::shim::record::{ShimRecord, read_exit_record, read_shim_record};
use meros_types::ExitRecord;

use super::{ContainerPaths, Kill, RuntimeError};
use crate::launcher::{DESTROY_SIGNAL, TERMINATE_SIGNAL, sys, whole_file};

/// Asks a container's shim to end the container. False when there is no shim: then its end is about to be noticed.
pub(super) fn tell(paths: &ContainerPaths, how: Kill) -> Result<bool, RuntimeError> {
    let signal = match how {
        Kill::Terminate => TERMINATE_SIGNAL,
        Kill::Destroy => DESTROY_SIGNAL,
    };
    signal_shim(paths, signal)
}

/// Kills a container's shim, and its task with it, but not what that started. False when there is no shim.
pub(super) fn end(paths: &ContainerPaths) -> Result<bool, RuntimeError> {
    signal_shim(paths, Signal::SIGKILL)
}

/// The living shim of a container, if there is one, with a handle that can't come to mean another process.
pub(super) fn shim(paths: &ContainerPaths) -> Result<Option<(Pid, OwnedFd)>, RuntimeError> {
    let path = paths.lock();
    match File::options().read(true).write(true).open(&path) {
        Ok(lock) => open_holder(&lock).map_err(|errno| RuntimeError::file("find the holder of", path, errno)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RuntimeError::file("open", path, error)),
    }
}

/// Who a container's shim is, or was, if that can be read: it is not needed for more than to tell people.
pub(super) fn shim_record(path: &Path) -> Option<ShimRecord> {
    read_shim_record(&fs::read_to_string(path).ok()?).ok()
}

/// How a container ended, if its shim left that.
pub(super) fn exit_record(path: &Path) -> Result<Option<ExitRecord>, RuntimeError> {
    match fs::read_to_string(path) {
        Ok(text) => read_exit_record(&text).map(Some).map_err(|source| RuntimeError::Record { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RuntimeError::file("read", path, error)),
    }
}

fn signal_shim(paths: &ContainerPaths, signal: Signal) -> Result<bool, RuntimeError> {
    let Some((_, process)) = shim(paths)? else { return Ok(false) };
    match sys::signal_process(process, signal) {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(errno) => Err(RuntimeError::file("signal the holder of", paths.lock(), errno)),
    }
}

fn open_holder(lock: &File) -> nix::Result<Option<(Pid, OwnedFd)>> {
    let Some(pid) = holder(lock)? else { return Ok(None) };
    let process = match sys::open_process(pid) {
        Err(Errno::ESRCH) => return Ok(None),
        result => result?,
    };
    // Its id could have become another's between the two calls. If it still holds the lock, it had not.
    Ok((holder(lock)? == Some(pid)).then_some((pid, process)))
}

/// The living process that holds the lock.
fn holder(lock: &File) -> nix::Result<Option<Pid>> {
    let mut question = whole_file(libc::F_WRLCK);
    fcntl(lock, FcntlArg::F_GETLK(&mut question))?;
    let held = i32::from(question.l_type) != libc::F_UNLCK && question.l_pid > 0;
    Ok(held.then_some(Pid::from_raw(question.l_pid)))
}
