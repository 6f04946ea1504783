//! A scheduler that runs a list of commands to their ends, and keeps a record of each.
//!
//! Owned: which command goes on which offer, retries, deliberate kills, the records. Deliberately absent: where the list comes
//! from and how the records are shown; `meros batch`, `meros demo`, the simulator and this package's own program decide that.
//!
//! Every command is run at least once to a known end. Twice only when its agent became unreachable, or a new master has not
//! known the task for a minute: the batch does not wait for an agent that may never return, and kills the first run if it does.
//!
//! A [`Batch::resumable`] one, run with a key and a state store, goes on in a new process where the one before was.

mod batch;
mod item;
mod record;

pub use batch::{Batch, LOSSES_MAX};
pub use item::Item;
pub use record::{Progress, Record, Status};
