//! The rest of the program's side of a running scheduler.

use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll};

use meros_session::{Calling, Context};
use tokio::sync::{mpsc, oneshot};

use crate::Error;

/// How many calls may wait for a scheduler that is busy; then callers wait.
pub(crate) const CALLS_MAX: usize = 1_024;

/// A way to a scheduler that runs. Cloned freely; the scheduler runs on without any.
pub struct Handle<S> {
    pub(crate) calls: mpsc::Sender<Calling<S>>,
}

impl<S> Clone for Handle<S> {
    fn clone(&self) -> Self {
        Self { calls: self.calls.clone() }
    }
}

impl<S> fmt::Debug for Handle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

impl<S: 'static> Handle<S> {
    /// Does something with the scheduler between two of its callbacks, as if it were one: requests, queries.
    ///
    /// # Errors
    /// [`Error::Over`] when the scheduler has ended, or is about to.
    pub async fn call<R: Send + 'static>(&self, act: impl FnOnce(&mut S, &mut Context) -> R + Send + 'static) -> Result<R, Error> {
        let (answer, answered) = oneshot::channel();
        let calling = move |scheduler: &mut S, cx: &mut Context| {
            // Whoever asked may have gone away meanwhile.
            let _ = answer.send(act(scheduler, cx));
        };
        self.calls.send(Box::new(calling)).await.map_err(|_| Error::Over)?;
        answered.await.map_err(|_| Error::Over)
    }
}

/// A scheduler that runs: a future of its end. The scheduler runs on when this is dropped.
#[derive(Debug)]
#[must_use = "the scheduler's errors come out here"]
pub struct Running<S> {
    pub(crate) ended: oneshot::Receiver<Result<S, Error>>,
}

impl<S> Future for Running<S> {
    type Output = Result<S, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        // The sender is dropped without a word only by a panic.
        Pin::new(&mut self.ended).poll(cx).map(|ended| ended.unwrap_or(Err(Error::Panicked)))
    }
}
