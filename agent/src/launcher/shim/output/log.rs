//! One stream's log: segments of bounded size and number, and what happens when the disk is full.
//!
//! Output never makes a task fail. What the disk does not take is dropped and counted, and the task goes on; when the disk takes
//! something again, that begins with a line of its own: `[meros: 4096 bytes of output were lost here: the disk was full]`. It is
//! part of the log like any output, so that places in the log have no gaps.
//!
//! The kernel moves output from the pipe to the file without a copy in between (splice), where the file system can do that, so a
//! log takes no memory worth mentioning. Nothing is synced: a log has to survive processes, not power losses. Deliberately absent:
//! reading ([`crate::follow`]), and how segments are named ([`crate::runtime`]).

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, renameat, splice};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{UnlinkatFlags, Whence, ftruncate, lseek, read, symlinkat, unlinkat, write};

use meros_types::LogStream;

use crate::launcher::shim::files::Files;
use crate::runtime::{LogLimits, segment_name, stream_name};

/// How much is moved at a time at the most: all that a task can make its pipe hold.
const MOVED_BYTES_MAX: u64 = 1 << 20;
/// How much is copied at a time where the kernel can't move it.
const COPIED_BYTES_MAX: usize = 16 * 1024;
/// How long a full disk is left alone. A task that writes at full speed must not make its shim ask it for each piece.
const FULL_RETRY: Duration = Duration::from_millis(200);
/// More than the line about lost output takes.
const LOSS_LINE_BYTES_MAX: u64 = 128;

/// A log that is being written.
pub(super) struct Log {
    directory: Rc<OwnedFd>,
    stream: LogStream,
    limits: LogLimits,
    /// Where each segment begins that is there; the last is the newest.
    starts: VecDeque<u64>,
    newest: OwnedFd,
    /// The length of the newest.
    length: u64,
    /// How many bytes were dropped and not yet told of.
    lost: u64,
    /// When the disk, which was full, is to be asked again; by the clock since boot.
    again: Option<Duration>,
    /// Whether the file system takes what comes from a pipe without a copy.
    moves: bool,
}

impl Log {
    /// Makes the first segment, and the link to it.
    pub(super) fn create(directory: Rc<OwnedFd>, stream: LogStream, limits: LogLimits) -> nix::Result<Self> {
        let newest = Files::open_segment(&directory, &segment_name(stream, 0))?;
        symlinkat(segment_name(stream, 0).as_str(), &*directory, stream_name(stream))?;
        let starts = VecDeque::from([0]);
        let limits = limits.clamped();
        Ok(Self { directory, stream, limits, starts, newest, length: 0, lost: 0, again: None, moves: true })
    }

    /// Takes what the pipe has ready, in one piece, into the log if the disk has room. The result is how much; zero when nobody
    /// can write to the pipe any more.
    pub(super) fn take(&mut self, pipe: &OwnedFd) -> nix::Result<usize> {
        if !self.is_writable() {
            return self.drop_some(pipe);
        }
        let room = self.limits.bytes - self.length;
        let taken = if self.moves { self.take_by_moving(pipe, room) } else { self.take_by_copying(pipe, room) };
        match taken {
            Err(Errno::EINVAL) if self.moves => {
                self.moves = false;
                self.take_by_copying(pipe, room)
            }
            // The pipe's own errors, not the disk's.
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => taken,
            Err(_) => {
                self.leave_alone();
                self.drop_some(pipe)
            }
        }
    }

    /// Forgets that the disk was full a moment ago.
    pub(super) fn try_at_once(&mut self) {
        self.again = None;
    }

    /// There will be no more output: tells of what was lost, if it can.
    pub(super) fn finish(&mut self) {
        self.again = None;
        if self.lost > 0 {
            self.is_writable();
        }
    }

    fn take_by_moving(&mut self, pipe: &OwnedFd, room: u64) -> nix::Result<usize> {
        // Both maxima are far below what a usize holds.
        let wanted = room.min(MOVED_BYTES_MAX) as usize;
        let moved = splice(pipe, None, &self.newest, None, wanted, SpliceFFlags::SPLICE_F_NONBLOCK)?;
        self.length += moved as u64;
        Ok(moved)
    }

    fn take_by_copying(&mut self, pipe: &OwnedFd, room: u64) -> nix::Result<usize> {
        let mut buffer = [0; COPIED_BYTES_MAX];
        let wanted = room.min(COPIED_BYTES_MAX as u64) as usize;
        let taken = read(pipe, &mut buffer[..wanted])?;
        let written = write_up_to(&self.newest, &buffer[..taken]);
        self.length += written as u64;
        if written < taken {
            self.lost += (taken - written) as u64;
            self.leave_alone();
        }
        Ok(taken)
    }

    fn drop_some(&mut self, pipe: &OwnedFd) -> nix::Result<usize> {
        let dropped = read(pipe, &mut [0; COPIED_BYTES_MAX])?;
        self.lost += dropped as u64;
        Ok(dropped)
    }

    fn leave_alone(&mut self) {
        self.again = Some(since_boot() + FULL_RETRY);
    }

    /// Whether the newest segment has room and all that was lost is told; makes it so, if the disk has room.
    fn is_writable(&mut self) -> bool {
        if self.again.is_some_and(|again| since_boot() < again) {
            return false;
        }
        self.again = None;
        let ready = self.rotate_if_full().and_then(|()| self.tell_loss());
        if ready.is_err() {
            self.leave_alone();
        }
        ready.is_ok()
    }

    fn rotate_if_full(&mut self) -> nix::Result<()> {
        let needed = if self.lost > 0 { LOSS_LINE_BYTES_MAX } else { 1 };
        if self.length + needed <= self.limits.bytes {
            return Ok(());
        }
        // The oldest goes first, so that there are never more than the limit.
        while self.starts.len() >= self.limits.files as usize {
            let oldest = self.starts[0];
            match unlinkat(&*self.directory, segment_name(self.stream, oldest).as_str(), UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => self.starts.pop_front(),
                Err(errno) => return Err(errno),
            };
        }
        let start = self.starts.back().map_or(0, |newest| newest + self.length);
        self.newest = Files::open_segment(&self.directory, &segment_name(self.stream, start))?;
        self.starts.push_back(start);
        self.length = 0;
        // Only people follow the link; at the next rotation it is right again.
        let _ = self.link(&segment_name(self.stream, start));
        Ok(())
    }

    /// Makes the stream's link point at this segment, in one step.
    fn link(&self, segment: &str) -> nix::Result<()> {
        let name = stream_name(self.stream);
        let unfinished = format!("{name}.next");
        match symlinkat(segment, &*self.directory, unfinished.as_str()) {
            // From a time when the disk was full.
            Err(Errno::EEXIST) => {
                unlinkat(&*self.directory, unfinished.as_str(), UnlinkatFlags::NoRemoveDir)?;
                symlinkat(segment, &*self.directory, unfinished.as_str())?;
            }
            made => made?,
        }
        renameat(&*self.directory, unfinished.as_str(), &*self.directory, name)
    }

    /// Writes the line about what was lost, whole or not at all.
    fn tell_loss(&mut self) -> nix::Result<()> {
        if self.lost == 0 {
            return Ok(());
        }
        let line = format!("\n[meros: {} bytes of output were lost here: the disk was full]\n", self.lost);
        if write_up_to(&self.newest, line.as_bytes()) < line.len() {
            // No more than a part of the line can be there, and its length is far below what an off_t holds.
            let end = self.length as libc::off_t;
            ftruncate(&self.newest, end)?;
            lseek(&self.newest, end, Whence::SeekSet)?;
            return Err(Errno::ENOSPC);
        }
        self.length += line.len() as u64;
        self.lost = 0;
        Ok(())
    }
}

/// How much of it the file took.
fn write_up_to(file: &OwnedFd, bytes: &[u8]) -> usize {
    let mut written = 0;
    while written < bytes.len() {
        match write(file, &bytes[written..]) {
            Ok(0) => break,
            Ok(length) => written += length,
            Err(Errno::EINTR) => {}
            Err(_) => break,
        }
    }
    written
}

/// The clock always exists; without it a full disk would be asked all the time.
fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests;
