//! A framework's session with the master, as a pure state machine around the user's scheduler.
//!
//! ```text
//!   Event (past tense)          ┌──────────────────────────── Host<S> ───────────────────────────┐   Effect (imperative)
//!   Connected, Disconnected ──▶ │ link: backoff, subscribe, heartbeats    outbox: one message    │ ──▶ Connect, Disconnect
//!   Received(ToFramework)   ──▶ │ S: Scheduler ◀──callbacks──▶ Context    per batch of events    │ ──▶ Send(FromFramework)
//!   Called, TimePassed      ──▶ │ tasks, kills, doubts, held offers, timers                      │ ──▶ Finished(result)
//!   Committed, CommitFailed ──▶ │ commit: what is stored before a batch leaves                   │ ──▶ Commit(changes)
//!                               └────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Owned here: the [`Scheduler`] trait and what its callbacks may do ([`Context`], [`Offer`]); subscribing, fencing by
//! session, deduplication and acknowledgement of facts, versions of the demand, repeated kills, reconciliation, leases of
//! held offers, backoff, and what of all this must outlive the process. Deliberately absent: clocks, sockets, channels, threads,
//! random sources, and where state is stored. The `meros` crate drives a [`Host`] over gRPC; the simulator drives the same one in
//! virtual time.
//!
//! # What is stored
//! One transaction per batch of events, and none when nothing has changed: the tasks that are about to be launched, with their
//! agents and the master's term; what was heard of tasks; the wishes to kill; what the scheduler saved; who the framework is. Only
//! when it is stored does the batch's message leave. So, whenever the process dies:
//! - A task that may have been launched is in the store. The next process has it in [`Context::tasks`] from the beginning and
//!   asks about it; its id is not launched again.
//! - A fact that was acknowledged is in the store, together with what the scheduler made of it. One that is not in the store is
//!   told to the next process, as if for the first time.
//! - What was stored and never sent does no harm: the next process finds out as below that the launch never happened.
//!
//! While a transaction is under way, events are handled and callbacks are made; what they come to is stored with the next one.
//! A transaction that fails ends the session, since nobody knows whether it is stored: nothing is rolled back.
//!
//! A framework without a key can't be taken over. A store holds its state all the same, and the next process clears it first.
//!
//! # What a launch can come to
//! A task that was launched is in [`Context::tasks`] until an update with a terminal state ends it, and every launch gets
//! one. The launches that a lost connection or a lost process leaves in doubt are settled so, after every (re)connection, by
//! asking the master about each task with its agent:
//! - Its accept never left this process, which is alive: the SDK reports DROPPED, at once.
//! - The master says UNKNOWN of a task that no master ever confirmed, and it has the term for which the accept was meant: the
//!   launch never happened and never will, since a master drops what belongs to an older session. The SDK reports DROPPED.
//! - A master of another term says UNKNOWN of a task and names its agent, which says that this agent has registered and doesn't
//!   have it; or the SDK has heard of the agent otherwise in that term. The SDK reports GONE: the task doesn't run and never
//!   will. It may have run, on a machine that lost power before its log was on the disk. (Both rest on masters and agents that
//!   forget a task only when its end was acknowledged, and on acknowledgements that leave when the end is stored.)
//! - Any other UNKNOWN is no end, and neither is silence: a new master may not have heard of the agent yet. The scheduler is told
//!   once, and the SDK goes on asking (1 s doubling to 60 s) until there is a better answer.

mod context;
mod deadlines;
mod deferred;
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
mod state;
mod tasks;
mod values;

pub use context::{Context, TimerId};
pub use deferred::Ack;
pub use error::{LaunchError, SessionError};
pub use event::{Calling, Disconnection, Effect, Event};
pub use host::{Host, Identity};
pub use offer::Offer;
pub use scheduler::{Scheduler, Session, SessionKind};
pub use state::{Saved, SavedFramework, SavedKill, SavedLive, SavedTask, StateChange};
pub use tasks::Task;
