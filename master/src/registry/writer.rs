//! The thread that writes the registry, beside the loop: the loop leaves changes on a desk and goes on.
//!
//! What has come together on the desk while the disk was busy becomes one transaction: the slower the disk, the more of them
//! share a write. Deliberately absent: the store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use meros_master_core::Change;
use tokio::sync::mpsc;

use super::RegistryStore;
use super::error::RegistryError;

/// How many answers wait for the loop: it takes each at once, and the thread has nothing to do before it has.
const ANSWERS_MAX: usize = 1;

/// The loop's end of the registry thread. When it is dropped, the thread writes what is still on the desk, and ends.
pub(crate) struct RegistryWriter {
    desk: Arc<Desk>,
    answers: mpsc::Receiver<Result<u64, RegistryError>>,
    counts: Arc<RegistryCounts>,
}

/// What the registry thread counts, for metrics.
#[derive(Debug, Default)]
pub(crate) struct RegistryCounts {
    /// Transactions that are on the disk.
    commits: AtomicU64,
    /// How long they took, in nanoseconds.
    nanos: AtomicU64,
    /// The latest that the core has handed over, by its number.
    handed: AtomicU64,
    /// The latest of which the loop knows that it is on the disk.
    durable: AtomicU64,
}

impl RegistryCounts {
    /// Transactions that are on the disk.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// How long they took, together.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    /// What the core has handed over and the disk does not have yet.
    pub(crate) fn pending(&self) -> u64 {
        self.handed.load(Ordering::Relaxed).saturating_sub(self.durable.load(Ordering::Relaxed))
    }
}

/// Where changes wait for the thread. Bounded by the core, which has at most one change of an agent or framework under way, one of
/// roles and one of windows.
#[derive(Default)]
struct Desk {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// In the order in which the core decided them.
    changes: Vec<Change>,
    /// The number of the latest; none when nothing waits.
    latest: Option<u64>,
    /// Nothing more will come.
    closed: bool,
}

impl RegistryWriter {
    /// Starts the thread, which takes the store.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(crate) fn start(store: impl RegistryStore, counts: Arc<RegistryCounts>) -> io::Result<Self> {
        let (desk, (answer, answers)) = (Arc::<Desk>::default(), mpsc::channel(ANSWERS_MAX));
        let (of_thread, counted) = (Arc::clone(&desk), Arc::clone(&counts));
        thread::Builder::new().name("registry".to_owned()).spawn(move || write_all(store, &of_thread, &counted, &answer))?;
        Ok(Self { desk, answers, counts })
    }

    /// Has these changes written. Never waits.
    pub(crate) fn persist(&self, seq: u64, changes: Vec<Change>) {
        self.counts.handed.store(seq, Ordering::Relaxed);
        let mut waiting = self.desk.lock();
        waiting.changes.extend(changes);
        waiting.latest = Some(seq);
        drop(waiting);
        self.desk.changed.notify_one();
    }

    /// Waits for the next commit: the number of the latest change in it, or why it failed. None when the thread has panicked.
    /// Nothing is lost when the wait is given up.
    pub(crate) async fn committed(&mut self) -> Option<Result<u64, RegistryError>> {
        let answer = self.answers.recv().await;
        if let Some(Ok(seq)) = &answer {
            self.counts.durable.store(*seq, Ordering::Relaxed);
        }
        answer
    }

    /// Waits until all is written and the store is closed.
    pub(crate) async fn finish(mut self) -> Result<(), RegistryError> {
        self.desk.close();
        while let Some(answer) = self.committed().await {
            answer?;
        }
        Ok(())
    }
}

impl Drop for RegistryWriter {
    fn drop(&mut self) {
        self.desk.close();
    }
}

impl Desk {
    /// No code panics while it holds the lock, so that a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Waits for changes and takes all that are there, with the number of the latest. None when there will be no more.
    fn take(&self) -> Option<(u64, Vec<Change>)> {
        let is_idle = |waiting: &mut Waiting| waiting.latest.is_none() && !waiting.closed;
        let mut waiting = self.changed.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        let changes = std::mem::take(&mut waiting.changes);
        waiting.latest.take().map(|latest| (latest, changes))
    }
}

/// The thread: one transaction after the other, until one fails or nothing more can come. Whoever hears of the end, by an error or
/// by there being no more answers, finds the store closed.
fn write_all(
    mut store: impl RegistryStore,
    desk: &Desk,
    counts: &RegistryCounts,
    answer: &mpsc::Sender<Result<u64, RegistryError>>,
) {
    while let Some((latest, changes)) = desk.take() {
        let began = Instant::now();
        let written = store.commit(&changes);
        counts.nanos.fetch_add(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        // Without a loop nobody hears the answer, and what is on the desk is written all the same.
        match written {
            Ok(()) => {
                counts.commits.fetch_add(1, Ordering::Relaxed);
                let _ = answer.blocking_send(Ok(latest));
            }
            Err(error) => {
                drop(store);
                let _ = answer.blocking_send(Err(error));
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
