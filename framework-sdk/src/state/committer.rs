//! The thread that a store blocks. Owned: handing it one transaction after another, and hearing what came of each. The loop that
//! runs the scheduler goes on meanwhile.

use std::io;
use std::thread;

use meros_session::StateChange;
use tokio::sync::mpsc;

use super::{StateError, StateStore};

/// How many transactions may be handed over: the host asks for one at a time, and for a last one when it ends.
const REQUESTS_MAX: usize = 2;

#[derive(Debug)]
struct Request {
    seq: u64,
    changes: Vec<StateChange>,
}

/// What came of a transaction.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is stored.
    Committed(u64),
    /// It may be stored or not.
    Failed(String),
}

/// A store at work.
#[derive(Debug)]
pub(crate) struct Committer {
    requests: mpsc::Sender<Request>,
    outcomes: mpsc::Receiver<Outcome>,
}

impl Committer {
    pub(crate) fn start(store: Box<dyn StateStore>) -> io::Result<Self> {
        let (requests, queue) = mpsc::channel(REQUESTS_MAX);
        let (tell, outcomes) = mpsc::channel(REQUESTS_MAX);
        thread::Builder::new().name("meros-state".to_owned()).spawn(move || work(store, queue, &tell))?;
        Ok(Self { requests, outcomes })
    }

    /// Hands a transaction over; its outcome follows.
    pub(crate) fn commit(&self, seq: u64, changes: Vec<StateChange>) {
        // A thread that is gone says so by its last outcome.
        let _ = self.requests.try_send(Request { seq, changes });
    }

    /// The next outcome.
    pub(crate) async fn outcome(&mut self) -> Outcome {
        self.outcomes.recv().await.unwrap_or_else(gone)
    }

    /// The next outcome, if there is one already.
    pub(crate) fn try_outcome(&mut self) -> Option<Outcome> {
        self.outcomes.try_recv().ok()
    }

    /// Waits until all that was handed over is stored and the store is closed.
    pub(crate) async fn finish(self) -> Result<(), String> {
        let Self { requests, mut outcomes } = self;
        drop(requests);
        while let Some(outcome) = outcomes.recv().await {
            if let Outcome::Failed(reason) = outcome {
                return Err(reason);
            }
        }
        Ok(())
    }
}

fn gone() -> Outcome {
    Outcome::Failed("its thread has ended; a panic's message is where this process writes those".to_owned())
}

fn work(mut store: Box<dyn StateStore>, mut queue: mpsc::Receiver<Request>, tell: &mpsc::Sender<Outcome>) {
    while let Some(Request { seq, changes }) = queue.blocking_recv() {
        let outcome = match store.commit(&changes) {
            Ok(()) => Outcome::Committed(seq),
            Err(error) => Outcome::Failed(StateError::in_one_line(&error)),
        };
        let failed = matches!(outcome, Outcome::Failed(_));
        // Nobody may be listening; and after a failure nothing more may be stored.
        if tell.blocking_send(outcome).is_err() || failed {
            return;
        }
    }
}
