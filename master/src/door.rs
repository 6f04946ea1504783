//! The way into the loop: one bounded queue, and the numbers of streams and requests.
//!
//! When the queue is full, whoever wants in waits, and with that the peer's own connection: that is the backpressure on peers
//! that speak faster than the master thinks. Deliberately absent: the way out, which is the outboxes'.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use meros_master_core::{Event, Reply, Request, RequestError, StreamId, Token};
use meros_types::{ToAgent, ToFramework};
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use crate::outbox::Outbox;

/// How many inputs may wait for the loop: a few batches, so that the loop never idles while peers have something to say.
pub(crate) const INPUTS_MAX: usize = 8_192;

/// Something for the loop.
pub(crate) enum Input {
    /// A framework has opened a stream; comes before anything it says.
    FrameworkOpened(StreamId, Outbox<ToFramework>),
    /// An agent has opened a stream; comes before anything it says.
    AgentOpened(StreamId, Outbox<ToAgent>),
    /// Something for the core.
    Happened(Event),
    /// A question, and who waits for the answer.
    Asked(Token, Request, oneshot::Sender<Reply>),
}

/// Everybody's handle on the loop.
#[derive(Clone)]
pub(crate) struct Door {
    inputs: mpsc::Sender<Input>,
    numbers: Arc<AtomicU64>,
}

/// The loop has ended; the master is stopping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closed;

impl Door {
    /// A door, and the queue behind it.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Input>) {
        let (inputs, queue) = mpsc::channel(INPUTS_MAX);
        (Self { inputs, numbers: Arc::default() }, queue)
    }

    /// A number for a new stream.
    pub(crate) fn next_stream(&self) -> StreamId {
        StreamId(self.next())
    }

    /// A number for a new request. Whoever has to be findable by it registers first, and then asks.
    pub(crate) fn next_token(&self) -> Token {
        Token(self.next())
    }

    fn next(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Tells the loop, waiting while its queue is full.
    pub(crate) async fn tell(&self, input: Input) -> Result<(), Closed> {
        self.inputs.send(input).await.map_err(|_| Closed)
    }

    /// Asks the core, and waits for its answer.
    pub(crate) async fn ask(&self, token: Token, request: Request) -> Result<Reply, Closed> {
        let (answer, answered) = oneshot::channel();
        self.tell(Input::Asked(token, request, answer)).await?;
        answered.await.map_err(|_| Closed)
    }
}

impl From<Closed> for Status {
    fn from(_: Closed) -> Self {
        Status::unavailable("the master is stopping")
    }
}

/// How a refusal is told to an operator's program.
pub(crate) fn refusal(error: &RequestError) -> Status {
    let message = error.to_string();
    match error {
        RequestError::UnknownTask { .. }
        | RequestError::UnknownFramework { .. }
        | RequestError::UnknownAgent { .. }
        | RequestError::UnknownWindow { .. }
        | RequestError::UnknownRole { .. } => Status::not_found(message),
        RequestError::Invalid { .. } => Status::invalid_argument(message),
        RequestError::AmbiguousTask { .. } | RequestError::AgentGone { .. } | RequestError::Contradiction { .. } => {
            Status::failed_precondition(message)
        }
        RequestError::TooManyWait { .. } | RequestError::TooMany { .. } | RequestError::TooManyChanges { .. } => {
            Status::resource_exhausted(message)
        }
        RequestError::AgentUnreachable { .. } => Status::unavailable(message),
    }
}
