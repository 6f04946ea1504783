//! `meros logs`, and reading a task's output as `meros run` does: on from where a broken stream ended, nothing lost or doubled.
//!
//! The reader counts. Each stream is asked for from the next byte on, each piece says where it belongs, and only a piece that
//! says so is the end. Deliberately absent: the connection ([`Admin`]), and where the output is kept.

use std::io;
use std::time::Duration;

use meros_proto::{ReadLog, v1};
use meros_types::LogStream;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::admin::{Admin, PAUSE_MAX, PAUSE_MIN, is_away, reason};
use crate::args::LogsArgs;
use crate::error::Error;
use crate::{find, output};

/// How long a follower waits for a master or an agent to come back: somebody will end the command before.
const FOLLOWER_WAIT: Duration = Duration::from_secs(365 * 86_400);
/// How long a task may be unknown that was known before: a new master hears of it when its agent has come back.
const UNKNOWN_WAIT: Duration = Duration::from_secs(120);
/// Beyond the end of any output: what is asked from there on begins at the end.
const BEYOND_THE_END: u64 = u64::MAX;

/// `meros logs`.
pub(crate) async fn logs(arguments: LogsArgs) -> Result<(), Error> {
    let mut admin = Admin::new(&arguments.connection)?;
    let first = arguments.patience.wait;
    let patience = LogPatience { first, again: if arguments.follow { FOLLOWER_WAIT } else { first } };
    let framework = match &arguments.framework {
        Some(wanted) => Some(find::framework(&admin.state(first).await?, wanted)?.id),
        None => None,
    };
    let stream = if arguments.stderr { LogStream::Stderr } else { LogStream::Stdout };
    let mut read = ReadLog { framework, task: arguments.task, stream, offset: arguments.offset.unwrap_or(0), follow: false };
    if let Some(tail) = arguments.tail {
        read.offset = end(&admin, read.clone(), patience).await?.saturating_sub(tail);
    }
    read.follow = arguments.follow;
    match copy(&admin, read, patience, &mut tokio::io::stdout()).await {
        // Nobody reads any more (`meros logs | head`): that is no failure of ours.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        ended => ended,
    }
}

/// Where the output ends now.
async fn end(admin: &Admin, read: ReadLog, patience: LogPatience) -> Result<u64, Error> {
    let mut reading = Reading::new(ReadLog { offset: BEYOND_THE_END, ..read });
    reading.copy_to_end(admin, patience, &mut tokio::io::sink()).await?;
    Ok(reading.stands_at)
}

/// Copies a task's output from `read.offset` on, until it has ended when `read.follow` says so. A broken stream is opened again
/// where it broke, for as long as the patience allows.
pub(crate) async fn copy(
    admin: &Admin,
    read: ReadLog,
    patience: LogPatience,
    to: &mut (impl AsyncWrite + Unpin),
) -> Result<(), Error> {
    Reading::new(read).copy_to_end(admin, patience, to).await
}

/// How long to try again while the output can't be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogPatience {
    /// Before any of it could be.
    pub(crate) first: Duration,
    /// After that, each time when it breaks.
    pub(crate) again: Duration,
}

/// How far one reading of an output is.
struct Reading {
    /// What is to be asked for next; its offset is that of the next byte wanted.
    next: ReadLog,
    /// Where the newest piece ended.
    stands_at: u64,
    /// Whether any stream of it was ever open, so that there is such a task.
    was_open: bool,
}

/// A stream that did not come to its end.
struct Broken {
    /// Whether anything came over it.
    was_open: bool,
    status: Status,
}

/// What a stream of output came to: its end, or not.
type Streamed = Result<(), Broken>;

impl Reading {
    fn new(read: ReadLog) -> Self {
        Self { stands_at: read.offset, next: read, was_open: false }
    }

    async fn copy_to_end(&mut self, admin: &Admin, patience: LogPatience, to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Error> {
        let mut broken_at = Instant::now();
        let mut pause = PAUSE_MIN;
        loop {
            let Err(broken) = self.stream(admin, to).await? else { return Ok(()) };
            if broken.was_open {
                (broken_at, pause) = (Instant::now(), PAUSE_MIN);
                self.was_open = true;
            }
            let ends = broken_at + self.patience_with(&broken.status, patience);
            if Instant::now() + pause > ends {
                return Err(admin.failed(&broken.status));
            }
            // Once for each time that it breaks.
            if pause == PAUSE_MIN {
                output::note(format!("meros: can't read the task's output ({}); trying again", reason(&broken.status)));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn patience_with(&self, status: &Status, patience: LogPatience) -> Duration {
        let usual = if self.was_open { patience.again } else { patience.first };
        match status.code() {
            _ if is_away(status) => usual,
            Code::ResourceExhausted => usual,
            Code::NotFound if self.was_open => usual.min(UNKNOWN_WAIT),
            _ => Duration::ZERO,
        }
    }

    /// One stream to its end, or to where it broke.
    async fn stream(&mut self, admin: &Admin, to: &mut (impl AsyncWrite + Unpin)) -> Result<Streamed, Error> {
        let mut was_open = false;
        let broken = |was_open, status| Ok(Err(Broken { was_open, status }));
        let mut stream = match admin.client().read_log(v1::ReadLogRequest::from(self.next.clone())).await {
            Ok(reply) => reply.into_inner(),
            Err(status) => return broken(was_open, status),
        };
        loop {
            let chunk = match stream.message().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return broken(was_open, Status::unavailable("the stream ended before the output did")),
                Err(status) => return broken(was_open, status),
            };
            chunk.check().map_err(|source| admin.unreadable(source))?;
            match chunk.error {
                Some(reason) if chunk.retry => return broken(was_open, Status::unavailable(reason)),
                Some(reason) => return Err(Error::Log { reason }),
                None => was_open = true,
            }
            self.take(chunk.offset, &chunk.data, to).await?;
            if chunk.end {
                return Ok(Ok(()));
            }
        }
    }

    /// Passes on what is new of a piece, and says what is missing before it.
    async fn take(&mut self, offset: u64, data: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Error> {
        let wanted = self.next.offset;
        if offset > wanted {
            output::note(format!("meros: bytes {wanted} to {} of the output are gone: newer output took their place", offset - 1));
            self.next.offset = offset;
        }
        let known = usize::try_from(wanted.saturating_sub(offset)).unwrap_or(usize::MAX);
        // Less than nothing is new in a piece from before the place that was asked for.
        let new = data.get(known..).unwrap_or_default();
        self.stands_at = offset + data.len() as u64;
        if !new.is_empty() {
            to.write_all(new).await?;
            to.flush().await?;
            self.next.offset = self.stands_at;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use meros_types::TaskId;

    use super::*;

    async fn pieces(offset: u64, pieces: &[(u64, &str)]) -> (String, Reading) {
        let task = TaskId::new("t").unwrap();
        let mut reading = Reading::new(ReadLog { framework: None, task, stream: LogStream::Stdout, offset, follow: true });
        let mut all = Vec::new();
        for (offset, text) in pieces {
            reading.take(*offset, text.as_bytes(), &mut all).await.unwrap();
        }
        (String::from_utf8(all).unwrap(), reading)
    }

    #[tokio::test]
    async fn pieces_follow_each_other() {
        let (all, reading) = pieces(0, &[(0, ""), (0, "abc"), (3, "def")]).await;
        assert_eq!((all.as_str(), reading.next.offset), ("abcdef", 6));
    }

    #[tokio::test]
    async fn what_is_known_is_not_passed_on_again() {
        let (all, reading) = pieces(4, &[(0, "abc"), (3, "def"), (6, "g")]).await;
        assert_eq!((all.as_str(), reading.next.offset), ("efg", 7));
    }

    #[tokio::test]
    async fn what_is_gone_is_passed_over() {
        let (all, reading) = pieces(0, &[(0, ""), (100, ""), (100, "x")]).await;
        assert_eq!((all.as_str(), reading.next.offset), ("x", 101));
    }

    #[tokio::test]
    async fn from_beyond_the_end_nothing_is_passed_on_and_the_end_is_known() {
        let (all, reading) = pieces(BEYOND_THE_END, &[(BEYOND_THE_END, ""), (7, ""), (7, "")]).await;
        assert_eq!((all.as_str(), reading.stands_at), ("", 7));
    }
}
