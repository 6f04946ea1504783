//! Speaking to a container's shim, and reading what it left. Blocking; for threads that may.
//!
//! A shim is told things by signals, and found by its lock: whoever holds `state/lock` is the shim, also one that an earlier agent
//! started. Deliberately absent: process ids that were noted some time before, which may have become another's.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use meros_agent_core::shim::record::read_exit_record;
use meros_types::ExitRecord;

use super::{ContainerPaths, Kill, RuntimeError};
use crate::launcher::{DESTROY_SIGNAL, TERMINATE_SIGNAL, sys, whole_file};

/// Asks a container's shim to end the container. Ok when there is no shim: then its end is about to be noticed.
pub(super) fn tell(paths: &ContainerPaths, how: Kill) -> Result<(), RuntimeError> {
    let signal = match how {
        Kill::Terminate => TERMINATE_SIGNAL,
        Kill::Destroy => DESTROY_SIGNAL,
    };
    let path = paths.lock();
    match File::options().read(true).write(true).open(&path) {
        Ok(lock) => signal_holder(&lock, signal).map_err(|errno| RuntimeError::file("signal the holder of", path, errno)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(RuntimeError::file("open", path, error)),
    }
}

/// How a container ended, if its shim left that.
pub(super) fn exit_record(path: &Path) -> Result<Option<ExitRecord>, RuntimeError> {
    match fs::read_to_string(path) {
        Ok(text) => read_exit_record(&text).map(Some).map_err(|source| RuntimeError::Record { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(RuntimeError::file("read", path, error)),
    }
}

fn signal_holder(lock: &File, signal: Signal) -> nix::Result<()> {
    let Some(pid) = holder(lock)? else { return Ok(()) };
    let process = match sys::open_process(pid) {
        Err(Errno::ESRCH) => return Ok(()),
        result => result?,
    };
    // Its id could have become another's between the two calls. If it still holds the lock, it had not.
    if holder(lock)? != Some(pid) {
        return Ok(());
    }
    match sys::signal_process(process, signal) {
        Err(Errno::ESRCH) => Ok(()),
        result => result,
    }
}

/// The living process that holds the lock.
fn holder(lock: &File) -> nix::Result<Option<Pid>> {
    let mut question = whole_file(libc::F_WRLCK);
    fcntl(lock, FcntlArg::F_GETLK(&mut question))?;
    let held = i32::from(question.l_type) != libc::F_UNLCK && question.l_pid > 0;
    Ok(held.then_some(Pid::from_raw(question.l_pid)))
}
