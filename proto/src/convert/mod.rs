//! Wire to domain and back, by topic. Outermost first: the messages of each stream, then what they are made of.
//!
//! Each topic has the `From` (never fails: the domain is what the wire can say) beside its `TryFrom`. A conversion names its
//! own fields; whoever calls it adds the path that leads there, so that paths are built only when something is wrong.

mod accept;
mod agent;
mod call;
mod demand;
mod enums;
mod event;
mod explanation;
pub(crate) mod fields;
pub(crate) mod operator;
mod resources;
mod state;
mod task;
mod update;
