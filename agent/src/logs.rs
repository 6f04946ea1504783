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
    /// The file.
    pub(crate) path: PathBuf,
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
                (Ok(_), None) => Err("the agent has no container of this task any more, and so no output".to_owned()),
                (Err(_), _) => Err(format!("the agent already serves {READERS_MAX} readers; try again when one has ended")),
            };
            if let Err(reason) = push(&route, &request, source).await {
                tracing::debug!(request = request.request, reason, "a log stream broke");
            }
        });
    }
}

/// One whole log stream: until all is sent, or the master answers because the reader has gone.
async fn push(route: &Route, request: &OpenLog, source: Result<Source, String>) -> Result<(), String> {
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

async fn feed(request: &OpenLog, source: Result<Source, String>, chunks: mpsc::Sender<LogChunk>) {
    let mut offset = request.offset;
    // At once, so that the reader learns that the agent is there.
    if chunks.send(LogChunk::output(request.request, offset, Vec::new())).await.is_err() {
        return;
    }
    let failure = match source {
        Ok(source) => feed_file(request, source, &mut offset, &chunks).await.map_err(|error| error.to_string()),
        Err(reason) => Err(reason),
    };
    if let Err(reason) = failure {
        let _ = chunks.send(LogChunk::failed(request.request, offset, reason)).await;
    }
}

async fn feed_file(
    request: &OpenLog,
    mut source: Source,
    offset: &mut u64,
    chunks: &mpsc::Sender<LogChunk>,
) -> Result<(), FeedError> {
    // A container that is being made has no file yet. An error means that it is gone, as opening will show.
    let _ = source.phase.wait_for(|phase| *phase != Phase::Starting).await;
    let opened = Follower::open(&source.path, *offset, request.follow, source.phase).await;
    let mut file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FeedError::NeverStarted,
        _ => FeedError::Unreadable(error),
    })?;
    let mut buffer = vec![0; LOG_CHUNK_BYTES_MAX];
    loop {
        let count = file.read(&mut buffer).await.map_err(FeedError::Unreadable)?;
        if count == 0 || chunks.send(LogChunk::output(request.request, *offset, buffer[..count].to_vec())).await.is_err() {
            return Ok(());
        }
        *offset += count as u64;
    }
}

/// Why a reader gets no more, as the reader is told.
#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error("the task was never started, or its output was removed since; there is nothing to read")]
    NeverStarted,
    #[error("the agent can't read the output: {0}")]
    Unreadable(#[source] io::Error),
}
