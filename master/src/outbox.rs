//! A peer's outbox: the bounded queue between the loop, which never waits, and the task that encodes for the peer.
//!
//! The loop pushes a batch and wakes the task once; the task takes many messages under one lock. A full outbox means that the
//! peer is too slow: what waits is thrown away at once, though the peer may never read again, and its stream ends with
//! `RESOURCE_EXHAUSTED`. It loses nothing by that, since connecting again resynchronises it. Many messages alone are no fault
//! of the peer's: one reconciliation may answer with more than [`OUTBOX_MESSAGES_MAX`] at once. So that many are too many
//! only when the peer takes none of them; bytes are too many at once. Deliberately absent: encoding.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use meros_types::{AgentOrder, Command, FrameworkEvent, Offer, Program, Resources, ShapeExplanation, Time, ToAgent, ToFramework};
use tokio::sync::oneshot;
use tokio_stream::Stream;
use tonic::Status;

/// How many messages may wait for a peer that takes none for [`STALL_MAX`].
pub const OUTBOX_MESSAGES_MAX: usize = 8_192;
/// How long a peer with a long queue may take nothing of it: a heartbeat's time.
pub const STALL_MAX: Duration = Duration::from_secs(5);
/// How many bytes, about, may wait for a peer: long before a machine's memory is short.
pub const OUTBOX_BYTES_MAX: usize = 64 << 20;

/// How many messages the peer's task takes at once: they count as sent, so that they should be few.
const TAKEN_MAX: usize = 64;

/// The loop's end of an outbox.
pub(crate) struct Outbox<M>(Arc<Mutex<Queue<M>>>);

/// The peer's end: what is to be sent, as a stream that ends when the outbox is closed.
pub(crate) struct Outgoing<M> {
    queue: Arc<Mutex<Queue<M>>>,
    taken: VecDeque<M>,
    over: bool,
    // Dropped together with the stream: whoever reads from the same peer hears by it that the peer is gone.
    _hung_up: oneshot::Sender<()>,
}

/// What a push came to, when it failed: the stream is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushError {
    /// The outbox was full, and is closed by that.
    Full,
    /// The stream had ended before.
    Over,
}

struct Queue<M> {
    /// Each with its weight.
    waiting: VecDeque<(usize, M)>,
    bytes: usize,
    /// When the queue was last seen to be short, or the peer to have taken something.
    moved: Time,
    /// Whether the peer has taken something since then.
    taken: bool,
    end: End,
    waker: Option<Waker>,
}

enum End {
    Open,
    /// Nothing more comes; what waits is still sent, and then this is said.
    Closed(Option<Status>),
    /// The peer's end was dropped, or has said all.
    Over,
}

/// Makes an outbox. The receiver hears, by an error, when the peer's end is gone.
pub(crate) fn outbox<M>() -> (Outbox<M>, Outgoing<M>, oneshot::Receiver<()>) {
    let queue = Queue { waiting: VecDeque::new(), bytes: 0, moved: Time::default(), taken: true, end: End::Open, waker: None };
    let queue = Arc::new(Mutex::new(queue));
    let (hung_up, is_hung_up) = oneshot::channel();
    let outgoing = Outgoing { queue: Arc::clone(&queue), taken: VecDeque::new(), over: false, _hung_up: hung_up };
    (Outbox(queue), outgoing, is_hung_up)
}

impl<M> Clone for Outbox<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Weigh> Outbox<M> {
    /// Puts a message behind the others. The peer's task is not woken: a batch is pushed first.
    pub(crate) fn push(&self, now: Time, message: M) -> Result<(), PushError> {
        let bytes = message.weigh();
        let mut queue = lock(&self.0);
        if !matches!(queue.end, End::Open) {
            return Err(PushError::Over);
        }
        if queue.bytes + bytes > OUTBOX_BYTES_MAX || queue.is_stalled(now) {
            let dropped = queue.close(Some(Status::resource_exhausted(
                "this peer reads too slowly: its outbox at the master was full. Connect again to resynchronise",
            )));
            drop(queue);
            drop(dropped);
            return Err(PushError::Full);
        }
        queue.bytes += bytes;
        queue.waiting.push_back((bytes, message));
        Ok(())
    }
}

impl<M> Outbox<M> {
    /// Has the peer's task look at what was pushed.
    pub(crate) fn wake(&self) {
        let waker = lock(&self.0).waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the stream once what waits has been sent: well, or with this status.
    pub(crate) fn close(&self, status: Option<Status>) {
        let mut queue = lock(&self.0);
        if matches!(queue.end, End::Open) {
            queue.end = End::Closed(status);
        }
        drop(queue);
        self.wake();
    }
}

impl<M> Queue<M> {
    /// Whether the queue is long and the peer takes nothing of it.
    fn is_stalled(&mut self, now: Time) -> bool {
        if self.waiting.len() < OUTBOX_MESSAGES_MAX || std::mem::take(&mut self.taken) {
            self.moved = now;
        }
        now.since(self.moved) > STALL_MAX
    }

    /// Moves a few messages to the peer's task.
    fn take(&mut self, taken: &mut VecDeque<M>) {
        let count = self.waiting.len().min(TAKEN_MAX);
        self.taken |= count > 0;
        for (bytes, message) in self.waiting.drain(..count) {
            self.bytes -= bytes;
            taken.push_back(message);
        }
    }

    /// Ends the stream without what waits, which is given back to be dropped outside the lock.
    fn close(&mut self, status: Option<Status>) -> VecDeque<(usize, M)> {
        self.end = End::Closed(status);
        self.bytes = 0;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        mem::take(&mut self.waiting)
    }
}

impl<M: Unpin> Stream for Outgoing<M> {
    type Item = Result<M, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if let Some(message) = this.taken.pop_front() {
            return Poll::Ready(Some(Ok(message)));
        }
        if this.over {
            return Poll::Ready(None);
        }
        let mut queue = lock(&this.queue);
        queue.take(&mut this.taken);
        if let Some(message) = this.taken.pop_front() {
            return Poll::Ready(Some(Ok(message)));
        }
        if matches!(queue.end, End::Open) {
            queue.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        this.over = true;
        match mem::replace(&mut queue.end, End::Over) {
            End::Closed(Some(status)) => Poll::Ready(Some(Err(status))),
            End::Open | End::Closed(None) | End::Over => Poll::Ready(None),
        }
    }
}

impl<M> Drop for Outgoing<M> {
    fn drop(&mut self) {
        let mut queue = lock(&self.queue);
        queue.end = End::Over;
        let waiting = mem::take(&mut queue.waiting);
        drop(queue);
        drop(waiting);
    }
}

/// No code panics while it holds the lock, so that a poisoned one is as good as any.
fn lock<M>(queue: &Mutex<Queue<M>>) -> MutexGuard<'_, Queue<M>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

/// About how many bytes a message will be. An estimate is enough: it bounds memory, not the wire.
pub(crate) trait Weigh {
    /// The estimate.
    fn weigh(&self) -> usize;
}

/// What ids, small fields and headers come to.
const BASE_BYTES: usize = 128;

impl Weigh for ToFramework {
    fn weigh(&self) -> usize {
        BASE_BYTES
            + match &self.event {
                FrameworkEvent::Offers(offers) => offers.iter().map(offer_bytes).sum(),
                FrameworkEvent::Rescinded(offers) => offers.len() * size_of::<u64>(),
                FrameworkEvent::Update(update) => BASE_BYTES + update.message.len(),
                FrameworkEvent::CallRefused(refused) => refused.reason.len(),
                FrameworkEvent::Explained(explanation) => explanation.shapes.iter().map(explained_bytes).sum(),
                FrameworkEvent::Subscribed(_) | FrameworkEvent::Ended(_) | FrameworkEvent::Heartbeat => 0,
            }
    }
}

impl Weigh for ToAgent {
    fn weigh(&self) -> usize {
        BASE_BYTES
            + match &self.order {
                AgentOrder::Launch(launch) => {
                    BASE_BYTES + command_bytes(&launch.task.command) + resource_bytes(&launch.task.resources)
                }
                _ => 0,
            }
    }
}

/// About how many bytes the answer about one shape will be, beside its constraints' values, which its asker has said himself.
fn explained_bytes(shape: &ShapeExplanation) -> usize {
    BASE_BYTES * (1 + shape.obstacles.len() + shape.shape.constraints.len()) + resource_bytes(&shape.shape.resources)
}

/// About how many bytes one offer will be.
pub(crate) fn offer_bytes(offer: &Offer) -> usize {
    let attributes = offer.agent.attributes.iter().map(|(name, value)| name.len() + value.len() + 8).sum::<usize>();
    BASE_BYTES + attributes + resource_bytes(&offer.resources)
}

fn resource_bytes(resources: &Resources) -> usize {
    resources.custom().len() * BASE_BYTES + resources.ports().ranges().len() * 8
}

fn command_bytes(command: &Command) -> usize {
    let environment = command.environment.iter().map(|(name, value)| name.len() + value.len() + 8).sum::<usize>();
    environment
        + match &command.program {
            Program::Shell(line) => line.len(),
            Program::Words(words) => words.iter().map(|word| word.len() + 4).sum(),
        }
}

#[cfg(test)]
mod tests;
