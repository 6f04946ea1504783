//! The loop that runs a scheduler: gather a batch of events, handle them, perform the effects. Nothing else happens on its
//! thread, and nothing of the host happens elsewhere.

use std::time::{Duration, Instant};

use meros_session::{Calling, Disconnection, Effect, Event, Host, Scheduler, SessionError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::address::Master;
use crate::clock::Clock;
use crate::connection::{Connection, News};
use crate::state::{Committer, Outcome};

/// How many events one batch may have: enough to share a message, few enough that an answer doesn't wait long.
const BATCH_MAX: usize = 256;
/// A batch that takes longer is worth a warning: heartbeats wait for it.
const SLOW_BATCH: Duration = Duration::from_secs(1);

pub(crate) struct Driver<S> {
    host: Host<S>,
    clock: Clock,
    master: Master,
    calls: mpsc::Receiver<Calling<S>>,
    /// Whether some handle is left that could call.
    callable: bool,
    connection: Option<Connection>,
    /// Without one, nothing outlives the process.
    committer: Option<Committer>,
    /// A connection that is sending its last words.
    closing: Option<JoinHandle<()>>,
    batch: Vec<Event<S>>,
}

/// What woke the loop.
enum Woken<S> {
    News(Option<News>),
    Called(Option<Calling<S>>),
    Stored(Outcome),
    Time,
}

impl<S: Scheduler> Driver<S> {
    pub(crate) fn new(
        host: Host<S>,
        clock: Clock,
        master: Master,
        calls: mpsc::Receiver<Calling<S>>,
        committer: Option<Committer>,
    ) -> Self {
        Self { host, clock, master, calls, callable: true, connection: None, committer, closing: None, batch: Vec::new() }
    }

    /// Runs the scheduler to its end.
    pub(crate) async fn run(mut self) -> Result<S, SessionError> {
        let mut effects = Vec::new();
        loop {
            self.gather().await;
            let began = Instant::now();
            let now = self.clock.now();
            for event in self.batch.drain(..) {
                self.host.handle(now, event, &mut effects);
            }
            self.host.flush(now, &mut effects);
            if began.elapsed() > SLOW_BATCH {
                tracing::warn!(took = ?began.elapsed(), "callbacks were slow; after 30 s the master takes a scheduler for lost");
            }
            for effect in effects.drain(..) {
                if let Some(result) = self.perform(effect) {
                    return self.finish(result).await;
                }
            }
        }
    }

    /// Lets the connection and the store come to their ends.
    async fn finish(mut self, result: Result<(), SessionError>) -> Result<S, SessionError> {
        if let Some(closing) = self.closing.take() {
            let _ = closing.await; // It logs what there is to say.
        }
        if let Some(committer) = self.committer.take() {
            let stored = committer.finish().await.map_err(SessionError::NotSaved);
            result.and(stored)?;
        } else {
            result?;
        }
        Ok(self.host.into_scheduler())
    }

    /// Waits until there is at least one event, and takes what else there is by then.
    async fn gather(&mut self) {
        if self.batch.is_empty() {
            let woken = self.wait().await;
            self.take(woken);
        }
        if let Some(outcome) = self.committer.as_mut().and_then(Committer::try_outcome) {
            self.take(Woken::Stored(outcome));
        }
        while self.batch.len() < BATCH_MAX {
            let Some(news) = self.connection.as_mut().and_then(|connection| connection.news.try_recv().ok()) else { break };
            self.take(Woken::News(Some(news)));
        }
        while self.batch.len() < BATCH_MAX
            && let Ok(calling) = self.calls.try_recv()
        {
            self.batch.push(Event::Called(calling));
        }
        // News that never ends must not keep the time from passing.
        if self.host.wakeup().is_some_and(|at| at <= self.clock.now().mono) {
            self.batch.push(Event::TimePassed);
        }
    }

    async fn wait(&mut self) -> Woken<S> {
        let wakeup = self.host.wakeup().map(|at| self.clock.instant(at));
        let time = async {
            match wakeup {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let news = async {
            match &mut self.connection {
                Some(connection) => connection.news.recv().await,
                None => std::future::pending().await,
            }
        };
        let stored = async {
            match &mut self.committer {
                Some(committer) => committer.outcome().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            news = news => Woken::News(news),
            outcome = stored => Woken::Stored(outcome),
            calling = self.calls.recv(), if self.callable => Woken::Called(calling),
            () = time => Woken::Time,
        }
    }

    fn take(&mut self, woken: Woken<S>) {
        match woken {
            Woken::News(Some(News::Connected)) => self.batch.push(Event::Connected),
            Woken::News(Some(News::Received(message))) => self.batch.push(Event::Received(message)),
            Woken::News(Some(News::Disconnected(why))) => self.lose(why),
            Woken::News(None) => self.lose(Disconnection::Lost("the connection's task ended".to_owned())),
            Woken::Called(Some(calling)) => self.batch.push(Event::Called(calling)),
            Woken::Called(None) => self.callable = false,
            Woken::Stored(Outcome::Committed(seq)) => self.batch.push(Event::Committed { seq }),
            Woken::Stored(Outcome::Failed(reason)) => self.batch.push(Event::CommitFailed { reason }),
            Woken::Time => {} // `gather` looks at the clock.
        }
    }

    fn lose(&mut self, why: Disconnection) {
        self.connection = None;
        self.batch.push(Event::Disconnected(why));
    }

    /// Does what the host wants done. Returns the result when it is over.
    fn perform(&mut self, effect: Effect) -> Option<Result<(), SessionError>> {
        match effect {
            Effect::Connect => {
                tracing::debug!(master = self.master.address(), "connecting");
                self.connection = Some(Connection::open(self.master.clone()));
            }
            Effect::Send(message) => {
                if self.connection.as_ref().is_some_and(|connection| !connection.send(message)) {
                    self.lose(Disconnection::Lost("the master reads too slowly".to_owned()));
                }
            }
            Effect::Disconnect => self.closing = self.connection.take().map(Connection::close),
            Effect::Commit { seq, changes } => match &self.committer {
                Some(committer) => committer.commit(seq, changes),
                None => self.batch.push(Event::Committed { seq }),
            },
            Effect::Finished(result) => return Some(result),
        }
        None
    }
}
