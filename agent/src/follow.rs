//! Reading a task's output by its place in the whole, over all segments, to its end or as long as the task runs, without polling.
//!
//! The names of the segments say where each begins, and that a newer one exists says that an older one is complete. So nothing
//! is remembered between readers, and none is missed or read twice while the shim rotates. Linux tells of changes by inotify; the
//! watch begins before the read that it is to save, so that no change falls between the two. Only files that the agent's own
//! processes made are read; nothing here opens what a task could have put there. Deliberately absent: sending it anywhere.

use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use meros_types::LogStream;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio::net::unix::pipe;
use tokio::sync::watch;

use crate::operations::Phase;
use crate::runtime::{segment_name, segment_start};

/// Room for many notices; one look finds all that they tell.
const NOTICE_BYTES: usize = 4_096;
/// How often the search for a segment begins again when the one that was found is gone: as often, one after another, can only be
/// rotated away while a search takes place if a reader stands still.
const SEARCHES_MAX: u32 = 100;

/// The output of a task, read from some place on.
pub(crate) struct Follower {
    directory: PathBuf,
    stream: LogStream,
    segment: Segment,
    offset: u64,
    watch: Option<Watch>,
    phase: watch::Receiver<Phase>,
}

/// A segment that is being read. It can be read to its end though it is rotated away meanwhile.
struct Segment {
    start: u64,
    file: File,
}

impl Follower {
    /// Opens the output at `offset`; where the oldest begins that is left, when that is later, or at its end, when that is sooner.
    /// With `follow` its end is where the container is over, without it where the output ends now.
    pub(crate) async fn open(
        directory: PathBuf,
        stream: LogStream,
        offset: u64,
        follow: bool,
        phase: watch::Receiver<Phase>,
    ) -> io::Result<Self> {
        let mut watch = if follow { Some(Watch::new(&directory)?) } else { None };
        let (segment, offset) = search(&directory, stream, offset).await?;
        if let Some(watch) = &mut watch {
            watch.turn_to(&directory.join(segment_name(stream, segment.start)))?;
        }
        Ok(Self { directory, stream, segment, offset, watch, phase })
    }

    /// The place of the next byte in the whole output.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next bytes, waiting for them if need be, and the place of the first; none at the end.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<(u64, usize)> {
        loop {
            let offset = self.offset;
            // Looked at before the read: what is written before the container is over is there by then.
            let is_over = *self.phase.borrow_and_update() == Phase::Over;
            if let count @ 1.. = self.read_segment(buffer).await? {
                return Ok((offset, count));
            }
            let newer = segments(&self.directory, self.stream).await?.into_iter().find(|start| *start > self.segment.start);
            // Once more, for the same reason: what is written before there is a newer segment is there by then.
            if let count @ 1.. = self.read_segment(buffer).await? {
                return Ok((offset, count));
            }
            match (newer, &mut self.watch) {
                (Some(newer), _) => self.go_on_in(newer).await?,
                (None, Some(watch)) if !is_over => tokio::select! {
                    // One look finds all that is new, however many notices there are.
                    noticed = watch.changed() => noticed?,
                    // A container that is over says so before it is forgotten. So here the agent forgets all, and what comes is
                    // not known.
                    changed = self.phase.changed() => changed.map_err(|_| io::Error::other("the agent is stopping"))?,
                },
                (None, _) => return Ok((offset, 0)),
            }
        }
    }

    async fn read_segment(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.segment.file.read(buffer).await?;
        self.offset += count as u64;
        Ok(count)
    }

    /// This segment is read to its end, and there is a newer one.
    async fn go_on_in(&mut self, newer: u64) -> io::Result<()> {
        let (segment, offset) = search(&self.directory, self.stream, self.offset.max(newer)).await?;
        if let Some(watch) = &mut self.watch {
            watch.turn_to(&self.directory.join(segment_name(self.stream, segment.start)))?;
        }
        (self.segment, self.offset) = (segment, offset);
        Ok(())
    }
}

/// Opens the segment with this place of the output, or the nearest that there is.
async fn search(directory: &Path, stream: LogStream, offset: u64) -> io::Result<(Segment, u64)> {
    for _ in 0..SEARCHES_MAX {
        let starts = segments(directory, stream).await?;
        let fitting = starts.iter().rev().find(|start| **start <= offset).or(starts.first());
        let start = *fitting.ok_or(io::ErrorKind::NotFound)?;
        let mut file = match File::open(directory.join(segment_name(stream, start))).await {
            Ok(file) => file,
            // It was rotated away meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let length = file.metadata().await?.len();
        let inside = offset.saturating_sub(start).min(length);
        file.seek(SeekFrom::Start(inside)).await?;
        return Ok((Segment { start, file }, start + inside));
    }
    Err(io::Error::other("its segments are rotated away faster than they can be opened"))
}

/// Where each segment of a stream begins that is there, in order.
async fn segments(directory: &Path, stream: LogStream) -> io::Result<Vec<u64>> {
    let mut entries = fs::read_dir(directory).await?;
    let mut starts = Vec::new();
    while let Some(entry) = entries.next_entry().await? {
        starts.extend(entry.file_name().to_str().and_then(|name| segment_start(stream, name)));
    }
    starts.sort_unstable();
    Ok(starts)
}

/// Notices of changes: of new files in a directory, and of what is written to one of them.
struct Watch {
    inotify: Inotify,
    /// The same, to be waited for.
    notices: pipe::Receiver,
    segment: Option<WatchDescriptor>,
}

impl Watch {
    fn new(directory: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        inotify.add_watch(directory, AddWatchFlags::IN_CREATE)?;
        // Not a pipe, but to be waited for and read like one.
        let notices = pipe::Receiver::from_owned_fd_unchecked(inotify.as_fd().try_clone_to_owned()?)?;
        Ok(Self { inotify, notices, segment: None })
    }

    /// From now on what is written to this file is noticed, and no longer what is written to another one.
    fn turn_to(&mut self, segment: &Path) -> io::Result<()> {
        if let Some(before) = self.segment.take() {
            // One that was removed meanwhile is not watched any more.
            let _ = self.inotify.rm_watch(before);
        }
        match self.inotify.add_watch(segment, AddWatchFlags::IN_MODIFY) {
            Ok(watch) => self.segment = Some(watch),
            // It was rotated away, so that a newer one is there and nothing has to be waited for.
            Err(nix::errno::Errno::ENOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }

    /// Waits for a change that came after the last wait.
    async fn changed(&mut self) -> io::Result<()> {
        // What it says is not looked at.
        self.notices.read(&mut [0; NOTICE_BYTES]).await.map(drop)
    }
}

#[cfg(test)]
mod tests;
