//! Where a scheduler's state is kept: what a store has to do, and one that forgets with the process. Deliberately absent: what
//! is stored and when, which `meros-session` decides.

mod committer;
mod error;
mod file;
mod record;

use std::sync::{Arc, Mutex, PoisonError};

use meros_session::{Saved, StateChange};

pub(crate) use committer::{Committer, Outcome};
pub use error::StateError;
pub use file::FileStore;

/// Keeps a scheduler's state. It is called on a thread of its own, so that it may block.
pub trait StateStore: Send + 'static {
    /// Everything that is stored: what all transactions so far add up to. Called once, before the first of them.
    ///
    /// # Errors
    /// [`StateError`] when it can't be read; the scheduler does not start then.
    fn load(&mut self) -> Result<Saved, StateError>;

    /// Stores `changes`, in their order, all or none of them, so that they outlive this process and, if anything shall, a
    /// power loss.
    ///
    /// # Errors
    /// [`StateError`] when that is not certain. The scheduler ends then, since nobody knows what its next process will find.
    fn commit(&mut self, changes: &[StateChange]) -> Result<(), StateError>;
}

/// A state in memory, which its clones share: for tests, and for schedulers that follow each other within one process.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    saved: Arc<Mutex<Saved>>,
}

impl MemoryStore {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is stored now.
    pub fn saved(&self) -> Saved {
        // No thread leaves it half changed, whatever panicked.
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl StateStore for MemoryStore {
    fn load(&mut self) -> Result<Saved, StateError> {
        Ok(self.saved())
    }

    fn commit(&mut self, changes: &[StateChange]) -> Result<(), StateError> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner).apply(changes.iter().cloned());
        Ok(())
    }
}
