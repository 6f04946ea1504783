//! Streams of tasks' output to the master, for readers there.
//!
//! Each has a connection of its own: a reader that doesn't read stops its own connection by flow control, and neither the
//! agent's session nor another reader. Deliberately absent: who may read, and looking into the output.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use meros_proto::LOG_CHUNK_BYTES_MAX;
use meros_proto::v1::LogChunk;
use meros_types::OpenLog;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

use crate::connection::{Route, say};
use crate::follow::Follower;
use crate::operations::Phase;

/// How many readers one agent serves at a time.
const READERS_MAX: usize = 64;
/// How many chunks wait for the connection: the next is read while one is sent.
const CHUNKS_WAITING: usize = 2;

/// What is served, and to how many more readers it may be.
pub(crate) struct Logs {
    route: Route,
    free: Arc<Semaphore>,
}

/// The output of a container that this agent has.
pub(crate) struct Source {
    /// The directory with its segments.
    pub(crate) directory: PathBuf,
    /// How far the container is.
    pub(crate) phase: watch::Receiver<Phase>,
}

impl Logs {
    pub(crate) fn new(route: Route) -> Self {
        Self { route, free: Arc::new(Semaphore::new(READERS_MAX)) }
    }

    /// Sends the output for this request, in a task of its own. Without a source it says that there is no such task.
    pub(crate) fn serve(&self, request: OpenLog, source: Option<Source>) {
        let (route, free) = (self.route.clone(), Arc::clone(&self.free));
        tokio::spawn(async move {
            let place = free.try_acquire();
            let source = match (&place, source) {
                (Ok(_), Some(source)) => Ok(source),
                (Ok(_), None) => Err(FeedError::NoContainer),
                (Err(_), _) => Err(FeedError::Busy),
            };
            if let Err(reason) = push(&route, &request, source).await {
                tracing::debug!(request = request.request, reason, "a log stream broke");
            }
        });
    }
}

/// One whole log stream: until all is sent, or the master answers because the reader has gone.
async fn push(route: &Route, request: &OpenLog, source: Result<Source, FeedError>) -> Result<(), String> {
    let way = route.way().await?;
    let (chunks, queue) = mpsc::channel(CHUNKS_WAITING);
    let mut client = way.client();
    let call = client.push_log(way.request(ReceiverStream::new(queue)));
    let feeding = async {
        feed(request, source, chunks).await;
        // All is handed over; what is left to do is the call's.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answered = call => answered.map(drop).map_err(|status| say(&status)),
        () = feeding => Ok(()),
    }
}

/// Sends everything, and last how it ended: a stream without that counts as broken.
async fn feed(request: &OpenLog, source: Result<Source, FeedError>, chunks: mpsc::Sender<LogChunk>) {
    let number = request.request;
    let mut offset = request.offset;
    // At once, so that the reader learns that the agent is there.
    if chunks.send(LogChunk::output(number, offset, Vec::new())).await.is_err() {
        return;
    }
    let outcome = match source {
        Ok(source) => feed_output(request, source, &mut offset, &chunks).await,
        Err(error) => Err(error),
    };
    let last = match outcome {
        Ok(()) => LogChunk::end(number, offset),
        Err(error) if error.may_pass() => LogChunk::interrupted(number, offset, error.to_string()),
        Err(error) => LogChunk::failed(number, offset, error.to_string()),
    };
    // An error means that the reader has gone.
    let _ = chunks.send(last).await;
}

async fn feed_output(
    request: &OpenLog,
    mut source: Source,
    offset: &mut u64,
    chunks: &mpsc::Sender<LogChunk>,
) -> Result<(), FeedError> {
    // A container that is being made has no output yet. An error means that it is gone, as opening will show.
    let _ = source.phase.wait_for(|phase| *phase != Phase::Starting).await;
    let opened = Follower::open(source.directory, request.stream, *offset, request.follow, source.phase).await;
    let mut output = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FeedError::NeverStarted,
        _ => FeedError::Unreadable(error),
    })?;
    if output.offset() != *offset {
        *offset = output.offset();
        if chunks.send(LogChunk::output(request.request, *offset, Vec::new())).await.is_err() {
            return Ok(());
        }
    }
    let mut buffer = vec![0; LOG_CHUNK_BYTES_MAX];
    loop {
        let (start, count) = output.read(&mut buffer).await.map_err(FeedError::Unreadable)?;
        *offset = start + count as u64;
        if count == 0 || chunks.send(LogChunk::output(request.request, start, buffer[..count].to_vec())).await.is_err() {
            return Ok(());
        }
    }
}

/// Why a reader gets no more, as the reader is told.
#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error("the agent has no container of this task any more, and so no output")]
    NoContainer,
    #[error("the agent already serves {READERS_MAX} readers; try again when one has ended")]
    Busy,
    #[error("the task was never started, or its output was removed since; there is nothing to read")]
    NeverStarted,
    #[error("the agent can't read the output: {0}")]
    Unreadable(#[source] io::Error),
}

impl FeedError {
    /// Whether asking again may help: a reader leaves, an agent that stops comes back.
    fn may_pass(&self) -> bool {
        matches!(self, FeedError::Busy | FeedError::Unreadable(_))
    }
}
