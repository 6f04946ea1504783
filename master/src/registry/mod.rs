//! The registry: what must outlive a master's process, and where it is kept.
//!
//! ```text
//!  start:  store.begin() ──> (term, records) ──> core
//!  loop ── Effect::Persist ──> [desk: changes that wait] ──> REGISTRY THREAD: one transaction, on the disk ──> Event::Durable ──> loop
//! ```
//!
//! Owned here: what a store has to promise, the store in a file beside the token, the thread that writes, and a look into the
//! file while no master has it. Deliberately absent: what is recorded and what waits for it, which is the core's; and offers,
//! tasks and reconnections, which nobody records, so that none of them ever waits for a disk.
//!
//! **Invariant:** a write whose outcome is unknown ends the process. There is no rollback and no second attempt, since the core
//! could not say what others may have seen of it.

mod entry;
mod error;
mod file;
mod inspect;
mod load;
#[cfg(test)]
mod tests;
mod writer;

use meros_master_core::{Change, Registry};
use meros_types::Term;

pub use error::RegistryError;
pub(crate) use file::RegistryFile;
pub use inspect::{StoredAgent, StoredRegistry, inspect};
pub use meros_master_core::{AgentStanding, FrameworkRecord, RoleRecord};
pub(crate) use writer::{RegistryCounts, RegistryWriter};

/// Where a master keeps its registry. Its calls block, and are made by one thread at a time.
///
/// A store that several masters share is such a store too: there, `begin` waits to be elected and takes the election's revision
/// for the term, and every commit is guarded by the leader's key, so that one that comes too late fails, and ends its master.
pub(crate) trait RegistryStore: Send + 'static {
    /// Begins a leadership: a term above every one before, on the disk when this returns, and all that is stored.
    fn begin(&mut self) -> Result<(Term, Registry), RegistryError>;

    /// Makes these changes in their order, all or none. They are on the disk when this returns.
    fn commit(&mut self, changes: &[Change]) -> Result<(), RegistryError>;
}
