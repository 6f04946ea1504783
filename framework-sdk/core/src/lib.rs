//! A framework's session with the master, as a pure state machine around the user's scheduler.
//!
//! ```text
//!   Event (past tense)          ┌──────────────────────────── Host<S> ───────────────────────────┐   Effect (imperative)
//!   Connected, Disconnected ──▶ │ link: backoff, subscribe, heartbeats    outbox: one message    │ ──▶ Connect, Disconnect
//!   Received(ToFramework)   ──▶ │ S: Scheduler ◀──callbacks──▶ Context    per batch of events    │ ──▶ Send(FromFramework)
//!   Called, TimePassed      ──▶ │ tasks, kills, doubts, held offers, timers                      │ ──▶ Finished(result)
//!                               └────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Owned here: the [`Scheduler`] trait and what its callbacks may do ([`Context`], [`Offer`]); subscribing, fencing by
//! session, deduplication and acknowledgement of facts, versions of the demand, repeated kills, reconciliation, leases of
//! held offers, backoff. Deliberately absent: clocks, sockets, channels, threads, random sources and storage. The `meros`
//! crate drives a [`Host`] over gRPC; the simulator drives the same one in virtual time.
//!
//! # What a launch can come to
//! A task that was launched is in [`Context::tasks`] until an update with a terminal state ends it, and every launch gets
//! one. The launches that a lost connection leaves in doubt are settled so:
//! - Its accept never left this process: the SDK reports DROPPED, at once.
//! - The master says UNKNOWN of a task that it never confirmed, and it has the term in which the accept was sent, or the
//!   task's agent has been heard of in its term: the launch never happened and never will, since a master drops what
//!   belongs to an older session, and a launch that is absent from an agent's registration can't happen. The SDK reports
//!   DROPPED. (This rests on masters and agents that forget a task only when its end was acknowledged.)
//! - Any other UNKNOWN is no end: a new master may not have heard of the agent yet. The scheduler is told once, and the SDK
//!   goes on asking (1 s doubling to 60 s) until there is a better answer.

mod context;
mod deadlines;
mod doubts;
mod error;
mod event;
mod held;
mod host;
pub mod limits;
mod link;
mod offer;
mod outbox;
mod scheduler;
mod spec;
mod tasks;

pub use context::{Context, TimerId};
pub use error::{LaunchError, SessionError};
pub use event::{Calling, Disconnection, Effect, Event};
pub use host::{Host, Identity};
pub use offer::Offer;
pub use scheduler::{Scheduler, Session, SessionKind};
pub use tasks::Task;
