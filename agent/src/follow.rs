//! Reading a file that grows, to its end or as long as somebody writes it, without polling.
//!
//! Linux tells of changes by inotify. The watch begins before the first read, so that no change falls between the two. Only
//! files that the agent's own processes made are read; nothing here opens what a task could have put there.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio::net::unix::pipe;
use tokio::sync::watch;

use crate::operations::Phase;

/// Room for many notices; what they say is not looked at.
const NOTICE_BYTES: usize = 4_096;

/// A file, read from some offset on.
pub(crate) struct Follower {
    file: File,
    changes: Option<pipe::Receiver>,
    phase: watch::Receiver<Phase>,
}

impl Follower {
    /// Opens the file at `offset`. With `follow` its end is where the container is over, without it where the file ends now.
    pub(crate) async fn open(path: &Path, offset: u64, follow: bool, phase: watch::Receiver<Phase>) -> io::Result<Self> {
        let changes = if follow { Some(watch_changes(path)?) } else { None };
        let mut file = File::open(path).await?;
        file.seek(SeekFrom::Start(offset)).await?;
        Ok(Self { file, changes, phase })
    }

    /// The next bytes, waiting for them if need be; none at the end.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut notices = [0; NOTICE_BYTES];
        loop {
            // Looked at before the read: what is written before the container is over is there by then.
            let is_over = *self.phase.borrow_and_update() == Phase::Over;
            let count = self.file.read(buffer).await?;
            let Some(changes) = self.changes.as_mut().filter(|_| count == 0 && !is_over) else { return Ok(count) };
            tokio::select! {
                // One read finds all that is new, however many notices there are.
                noticed = changes.read(&mut notices) => { noticed?; }
                // A container that is over says so before it is forgotten. So here the agent forgets all, and what comes is not known.
                changed = self.phase.changed() => changed.map_err(|_| io::Error::other("the agent is stopping"))?,
            }
        }
    }
}

fn watch_changes(path: &Path) -> io::Result<pipe::Receiver> {
    let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
    inotify.add_watch(path, AddWatchFlags::IN_MODIFY)?;
    // Not a pipe, but to be waited for and read like one.
    pipe::Receiver::from_owned_fd_unchecked(OwnedFd::from(inotify))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    async fn next(follower: &mut Follower) -> String {
        let mut buffer = [0; 64];
        let count = follower.read(&mut buffer).await.unwrap();
        String::from_utf8(buffer[..count].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn without_follow_the_end_is_now() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hello").unwrap();
        let (_phase, phase) = watch::channel(Phase::Running);
        let mut follower = Follower::open(file.path(), 1, false, phase).await.unwrap();
        assert_eq!(next(&mut follower).await, "ello");
        assert_eq!(next(&mut follower).await, "");
    }

    #[tokio::test]
    async fn with_follow_the_end_is_the_containers() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let (set_phase, phase) = watch::channel(Phase::Running);
        let mut follower = Follower::open(file.path(), 0, true, phase).await.unwrap();
        for text in ["one", "two"] {
            let (read, ()) = tokio::join!(next(&mut follower), async {
                tokio::task::yield_now().await;
                file.write_all(text.as_bytes()).unwrap();
            });
            assert_eq!(read, text);
        }
        file.write_all(b"last").unwrap();
        set_phase.send(Phase::Over).unwrap();
        assert_eq!(next(&mut follower).await, "last");
        assert_eq!(next(&mut follower).await, "");
    }

    #[tokio::test]
    async fn an_agent_that_stops_is_no_end_of_the_output() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (set_phase, phase) = watch::channel(Phase::Running);
        let mut follower = Follower::open(file.path(), 0, true, phase).await.unwrap();
        drop(set_phase);
        assert!(follower.read(&mut [0; 8]).await.is_err());
    }

    #[tokio::test]
    async fn a_container_that_ends_in_silence_ends_the_wait() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (set_phase, phase) = watch::channel(Phase::Running);
        let mut follower = Follower::open(file.path(), 0, true, phase).await.unwrap();
        let (read, ()) = tokio::join!(next(&mut follower), async {
            tokio::task::yield_now().await;
            set_phase.send(Phase::Over).unwrap();
        });
        assert_eq!(read, "");
        drop(set_phase);
    }
}
