//! Readers of tasks' output, and how an agent's log stream finds the one that it is for.
//!
//! A reader registers under the number of its request before the core tells the agent. The agent's `PushLog` names that number
//! in its first chunk, and is then handed to the reader whole: the reader pulls chunks right out of the agent's stream, so that
//! a slow reader slows the agent and nothing is buffered here. When the reader goes away, the agent's call is answered.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use meros_master_core::Token;
use meros_proto::v1::LogChunk;
use tokio::sync::{oneshot, watch};
use tokio_stream::Stream;
use tonic::{Status, Streaming};

/// How many readers may wait for their agent at one time. The wait is short, so that this is plenty.
const WAITING_MAX: usize = 1_024;
/// How long an agent may take to open its stream: it needs one round trip, and a connection.
const AGENT_WAIT: Duration = Duration::from_secs(10);

/// The readers that wait for their agent.
#[derive(Clone, Default)]
pub(crate) struct Readers(Arc<Mutex<HashMap<u64, oneshot::Sender<Output>>>>);

/// An agent's stream: its first chunk, the others, and what ends the agent's call by being dropped.
pub(crate) struct Output {
    first: LogChunk,
    rest: Streaming<LogChunk>,
    _reading: oneshot::Sender<()>,
}

/// A reader's place among those that wait; given up when dropped.
pub(crate) struct Place {
    readers: Readers,
    request: u64,
    arrival: oneshot::Receiver<Output>,
}

impl Readers {
    /// Takes a place, under the number by which the agent will name it.
    pub(crate) fn wait_for(&self, token: Token) -> Result<Place, Status> {
        let (arrived, arrival) = oneshot::channel();
        let mut waiting = self.lock();
        if waiting.len() == WAITING_MAX {
            return Err(Status::resource_exhausted(format!(
                "{WAITING_MAX} readers already wait for their agents; try again later"
            )));
        }
        waiting.insert(token.0, arrived);
        drop(waiting);
        Ok(Place { readers: self.clone(), request: token.0, arrival })
    }

    /// Hands an agent's stream to its reader. What comes back ends when the reader wants no more; at once when there is none.
    pub(crate) fn hand_over(&self, first: LogChunk, rest: Streaming<LogChunk>) -> oneshot::Receiver<()> {
        let (reading, is_read) = oneshot::channel();
        let reader = self.lock().remove(&first.request);
        if let Some(reader) = reader {
            // A reader that has gone in this moment drops the output, and with it `reading`.
            let _ = reader.send(Output { first, rest, _reading: reading });
        }
        is_read
    }

    /// No code panics while it holds the lock, so that a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Output>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The agent's stream, as the reader's response.
    pub(crate) async fn arrival(mut self, stopping: watch::Receiver<bool>) -> Result<Chunks, Status> {
        match tokio::time::timeout(AGENT_WAIT, &mut self.arrival).await {
            Ok(Ok(output)) => Ok(Chunks::new(output, stopping)),
            _ => Err(Status::unavailable(format!(
                "the task's agent was asked for this output and did not begin to send it within {} s",
                AGENT_WAIT.as_secs()
            ))),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.readers.lock().remove(&self.request);
    }
}

/// What a reader gets: the chunks of its agent's stream, checked, without the number that only the master needs. It ends well
/// only after a chunk that says so.
pub(crate) struct Chunks {
    first: Option<LogChunk>,
    rest: Streaming<LogChunk>,
    over: bool,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    _reading: oneshot::Sender<()>,
}

impl Chunks {
    fn new(output: Output, mut stopping: watch::Receiver<bool>) -> Self {
        let stopped = Box::pin(async move { drop(stopping.wait_for(|stopping| *stopping).await) });
        Self { first: Some(output.first), rest: output.rest, over: false, stopped, _reading: output._reading }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<LogChunk, Status>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if self.stopped.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(Status::unavailable("the master is stopping"))));
        }
        let next = match std::task::ready!(Pin::new(&mut self.rest).poll_next(cx)) {
            Some(Ok(chunk)) => Ok(chunk),
            Some(Err(status)) => Err(broken_off(status.message())),
            // An agent whose task is cancelled, or whose process dies, ends its stream too, and has then not said that it is whole.
            None => Err(broken_off("it ended before the output did")),
        };
        Poll::Ready(Some(next))
    }
}

impl Stream for Chunks {
    type Item = Result<LogChunk, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        let next = std::task::ready!(self.poll_chunk(cx)).map(|next| next.and_then(checked));
        // An error is the last that is said, in whichever form it comes.
        self.over = next.as_ref().is_none_or(|next| next.as_ref().map_or(true, LogChunk::is_last));
        Poll::Ready(next)
    }
}

fn broken_off(reason: &str) -> Status {
    Status::unavailable(format!("the agent's stream broke off: {reason}"))
}

fn checked(mut chunk: LogChunk) -> Result<LogChunk, Status> {
    chunk.check().map_err(|error| Status::internal(format!("the agent sent a bad chunk: {error}")))?;
    chunk.request = 0;
    Ok(chunk)
}
