//! How the kernel announces a lack of memory in a group. Deliberately absent: what became of it, which the counters tell.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::uio::pread;

use super::v2::MEMORY_EVENTS;

/// Something to poll.
#[derive(Debug)]
pub(crate) enum OomEvent {
    /// cgroup v1 writes to an eventfd when the group, or one around it, has no memory left: *before* it kills.
    V1(EventFd),
    /// Version 2 marks the file of counters as changed, a kill included. Polled, and not watched by inotify, of which a user may
    /// have only so many.
    V2(File),
}

impl OomEvent {
    /// Of a v1 memory group.
    pub(super) fn v1(memory: &Path) -> nix::Result<Self> {
        let event = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        register(memory, &event).map_err(errno)?;
        Ok(Self::V1(event))
    }

    /// Of a v2 group.
    pub(super) fn v2(group: &Path) -> nix::Result<Self> {
        let event = Self::V2(File::open(group.join(MEMORY_EVENTS)).map_err(errno)?);
        // Until it is read, it counts as changed.
        event.clear();
        Ok(event)
    }

    /// What to wait for.
    pub(crate) fn poll_fd(&self) -> PollFd<'_> {
        match self {
            Self::V1(event) => PollFd::new(event.as_fd(), PollFlags::POLLIN),
            Self::V2(counters) => PollFd::new(counters.as_fd(), PollFlags::POLLPRI),
        }
    }

    /// Reads it, so that it is not announced again. That it was read is all that counts.
    pub(crate) fn clear(&self) {
        let _ = match self {
            Self::V1(event) => event.read().map(drop),
            Self::V2(counters) => pread(counters, &mut [0; super::COUNTER_BYTES_MAX], 0).map(drop),
        };
    }
}

fn register(memory: &Path, event: &EventFd) -> io::Result<()> {
    let watched = File::open(memory.join("memory.oom_control"))?;
    let request = format!("{} {}", event.as_fd().as_raw_fd(), watched.as_raw_fd());
    // Not fs::write: the file must not be truncated or created, only written to.
    File::options().write(true).open(memory.join("cgroup.event_control"))?.write_all(request.as_bytes())
}

fn errno(error: io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}
