//! A task's output, moved from its pipes to logs that it can't reach.
//!
//! Pipes, and not the files themselves, so that the size of a log can be bounded without the task's help; owned by the task's user,
//! so that it can open `/dev/stdout`. A task that writes faster than the disk is held back by its full pipe. Deliberately absent:
//! the files, and what becomes of output that the disk does not take ([`log`]).

mod log;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{Gid, Uid, fchown, pipe2};

use meros_types::LogStream;

use super::files::Files;
use crate::runtime::LogLimits;
use log::Log;

/// The most that an unprivileged task can make its pipe hold. What comes after that from a pipe whose tree is dead is somebody else's.
const PIPE_BYTES_MAX: usize = 1 << 20;

/// The output streams of one task.
pub(super) struct Outputs([Output; 2]);

/// The ends of the pipes that become the task's descriptors 1 and 2.
pub(super) struct WritingEnds {
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// One stream. Its pipe is closed when every writer closed it.
struct Output {
    pipe: Option<OwnedFd>,
    log: Log,
}

impl Outputs {
    /// Makes the pipes and the logs.
    pub(super) fn open(files: &Files, uid: Option<u32>, limits: LogLimits) -> nix::Result<(Self, WritingEnds)> {
        let logs = Rc::new(files.logs()?);
        let (first, stdout) = Output::open(&logs, LogStream::Stdout, uid, limits)?;
        let (second, stderr) = Output::open(&logs, LogStream::Stderr, uid, limits)?;
        Ok((Self([first, second]), WritingEnds { stdout, stderr }))
    }

    /// The pipes to wait for, each with its number.
    pub(super) fn pipes(&self) -> impl Iterator<Item = (usize, BorrowedFd<'_>)> {
        self.0.iter().enumerate().filter_map(|(number, output)| Some((number, output.pipe.as_ref()?.as_fd())))
    }

    /// Copies what one pipe has ready, in one piece.
    pub(super) fn copy(&mut self, number: usize) {
        self.0[number].copy();
    }

    /// Copies all that both pipes hold. Others may still have them open and write: that is not waited for.
    pub(super) fn drain(&mut self) {
        for output in &mut self.0 {
            output.drain();
        }
    }
}

impl Output {
    fn open(logs: &Rc<OwnedFd>, stream: LogStream, uid: Option<u32>, limits: LogLimits) -> nix::Result<(Self, OwnedFd)> {
        let (reading, writing) = pipe2(OFlag::O_CLOEXEC)?;
        // Only this end: the task gets a blocking pipe, as programs expect. It may open the pipe and steal from it, so that what
        // poll announced is gone again.
        fcntl(&reading, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        if let Some(uid) = uid {
            fchown(&writing, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid)))?;
        }
        Ok((Self { pipe: Some(reading), log: Log::create(Rc::clone(logs), stream, limits)? }, writing))
    }

    /// How much was taken from the pipe; none when it is empty or closed.
    fn copy(&mut self) -> Option<usize> {
        match self.log.take(self.pipe.as_ref()?) {
            Ok(0) => {
                self.pipe = None;
                None
            }
            Ok(length) => Some(length),
            Err(Errno::EAGAIN) => None,
            Err(Errno::EINTR) => Some(0),
            Err(_) => {
                self.pipe = None;
                None
            }
        }
    }

    fn drain(&mut self) {
        self.log.try_at_once();
        let mut left = PIPE_BYTES_MAX;
        while let Some(copied @ 1..) = self.copy() {
            left = left.saturating_sub(copied);
            if left == 0 {
                break;
            }
        }
        self.log.finish();
    }
}
