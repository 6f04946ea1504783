//! Who gets how much, and how soon, when others behave badly.
//!
//! - `over_time`: in a saturated cluster every sibling has what its weight says: roles under one parent, and the frameworks of one role.
//!   A bad framework beside them costs the others no more than its own part of the cluster.
//! - `starvation`: whoever wants what fits gets it within a time that follows from leases and running times.
//!
//! Everything is in virtual time and follows from the seed. A failure prints it, with the command that runs it alone.

mod measure;
mod over_time;
mod player;
mod scene;
mod starvation;
