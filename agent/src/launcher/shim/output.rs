//! A task's output, copied from its pipes to files that it can't reach.
//!
//! Pipes, and not the files themselves, so that the size of a log can be bounded without the task's help; owned by the task's user,
//! so that it can open `/dev/stdout`. Memory is bounded by the pipe and one buffer. Deliberately absent: rotation.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{Gid, Uid, fchown, pipe2, read, write};

use super::files::Files;

/// How much is copied at a time.
const CHUNK_BYTES: usize = 16 * 1024;
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
    log: OwnedFd,
}

impl Outputs {
    /// Makes the pipes and the files.
    pub(super) fn open(files: &Files, uid: Option<u32>) -> nix::Result<(Self, WritingEnds)> {
        let logs = files.logs()?;
        let (first, stdout) = Output::open(&logs, "stdout", uid)?;
        let (second, stderr) = Output::open(&logs, "stderr", uid)?;
        Ok((Self([first, second]), WritingEnds { stdout, stderr }))
    }

    /// The pipes to wait for, each with its number.
    pub(super) fn pipes(&self) -> impl Iterator<Item = (usize, BorrowedFd<'_>)> {
        self.0.iter().enumerate().filter_map(|(number, output)| Some((number, output.pipe.as_ref()?.as_fd())))
    }

    /// Copies what one pipe has ready, up to a buffer full.
    pub(super) fn copy(&mut self, number: usize) {
        self.0[number].copy();
    }

    /// Copies all that both pipes hold. Others may still have them open and write: that is not waited for.
    pub(super) fn drain(&mut self) {
        for output in &mut self.0 {
            let mut left = PIPE_BYTES_MAX;
            while let Some(copied @ 1..) = output.copy() {
                left = left.saturating_sub(copied);
                if left == 0 {
                    break;
                }
            }
        }
    }
}

impl Output {
    fn open(logs: &OwnedFd, name: &str, uid: Option<u32>) -> nix::Result<(Self, OwnedFd)> {
        let (reading, writing) = pipe2(OFlag::O_CLOEXEC)?;
        // Only this end: the task gets a blocking pipe, as programs expect. It may open the pipe and steal from it, so that what
        // poll announced is gone again.
        fcntl(&reading, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        if let Some(uid) = uid {
            fchown(&writing, Some(Uid::from_raw(uid)), Some(Gid::from_raw(uid)))?;
        }
        Ok((Self { pipe: Some(reading), log: Files::open_log(logs, name)? }, writing))
    }

    /// How much was copied; none when the pipe is empty or closed.
    fn copy(&mut self) -> Option<usize> {
        let mut buffer = [0; CHUNK_BYTES];
        match read(self.pipe.as_ref()?, &mut buffer) {
            Ok(0) => {
                self.pipe = None;
                None
            }
            Ok(length) => {
                append(&self.log, &buffer[..length]);
                Some(length)
            }
            Err(Errno::EAGAIN) => None,
            Err(Errno::EINTR) => Some(0),
            Err(_) => {
                self.pipe = None;
                None
            }
        }
    }
}

/// Appends as much as the disk takes. When it is full the rest is lost: a task must not hang because its log has no room.
fn append(log: &OwnedFd, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match write(log, bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(Errno::EINTR) => {}
            Err(_) => return,
        }
    }
}
