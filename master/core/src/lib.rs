//! The master as a state machine: events in, effects out.
//!
//! ```text
//!   Event (a message came, a stream closed, time passed)          Effect (send, close, reply)
//!        └──> handle: agents, frameworks, tasks, offers, ledger ──────┐
//!   end of batch                                                      ├──> the shell performs
//!        └──> flush: one transaction, one allocation pass ────────────┘
//! ```
//!
//! Owned here: every decision of a master, and the allocator as a library inside. Deliberately absent: clocks, sockets,
//! threads, files and random sources (time and a seed are handed in). Who was admitted is stored by the shell as the core asks
//! for, and nobody hears of it before; tasks are not, for the agents are the truth about them, and the next master rebuilds its
//! tables from their registrations.

mod accept;
mod admission;
pub mod allocator;
mod amounts;
mod check;
pub mod config;
pub mod counters;
mod decided;
mod duty;
pub mod effect;
pub mod event;
mod explain;
mod gone;
mod judge;
mod judge_roles;
mod ledger;
mod lifecycle;
mod offers;
mod on_agent;
mod on_framework;
mod on_request;
mod on_time;
mod recover;
mod register;
pub mod registry;
mod removal;
mod roles;
mod rows;
mod state;
mod subscribe;
pub mod table;
mod tasks;
mod timers;
mod views;
mod windows;
mod writes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use meros_types::{AgentId, FrameworkId, IdSource, LaunchId, Now, OfferId, Role, RoleSettings, SessionId, Time, Window};

use crate::admission::{Admission, SecretKey};
use crate::allocator::Allocator;
use crate::decided::Decided;
use crate::rows::{Agent, Framework, Offer, Task};
use crate::table::{AgentIx, FrameworkIx, Table, TaskIx};
use crate::timers::{Timer, Timers};
use crate::writes::Writes;

pub use config::MasterConfig;
pub use counters::{Counters, Metrics};
pub use effect::{Effect, Reply, RequestError};
pub use event::{Event, Request, StreamId, Token};
pub use registry::{AgentRecord, AgentStanding, Change, FrameworkRecord, Registry, RoleRecord};

/// How many ended tasks are remembered, over all frameworks; the oldest are forgotten first. Those whose end is a fact that
/// no framework has acknowledged come on top: their agents keep each of them too, and have a limit of their own.
pub const ENDED_TASKS_MAX: usize = 10_000;
/// How many removed frameworks' ids are remembered, so that they don't return; the oldest are forgotten first.
pub const REMOVED_FRAMEWORKS_MAX: usize = 10_000;
/// How many frameworks may be subscribed or waited for; past that, new ones are turned away.
pub const FRAMEWORKS_MAX: usize = 10_000;
/// How many unreachable agents are remembered; past that the one lost first is forgotten, and its tasks become UNKNOWN.
pub const UNREACHABLE_AGENTS_MAX: usize = 10_000;
/// How many agents may be known, unreachable ones included: twice the largest cluster we speak of.
pub const AGENTS_MAX: usize = 100_000;
/// How many new agents may wait for their admission to be stored: each registration may be as large as a message. Past that,
/// they are to try again.
pub const ADMISSIONS_MAX: usize = 10_000;
/// How many operators may wait for one framework's end to be stored.
pub const TEARDOWNS_WAITING_MAX: usize = 64;
/// How many operators may wait for one thing to be stored: an agent's record, the roles, or the maintenance windows.
pub const OPERATORS_WAITING_MAX: usize = 1_000;
/// How many gone agents are remembered, so that what is asked about them is answered for certain; the oldest are forgotten first.
pub const GONE_AGENTS_MAX: usize = 100_000;
/// How many agents all maintenance windows may name together, each as often as it is named: all that there may be, twice.
pub const WINDOWED_AGENTS_MAX: usize = 200_000;
/// How far away the deadline of a drain may be, and how long it is waited for at the most, however the clock is set.
pub const DRAIN_WAIT_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long a framework is waited for after a master's start at the least, however late it is: time enough to notice the new
/// master and connect, at the longest backoff.
pub const FAILOVER_GRACE: Duration = Duration::from_secs(30);

/// Whose keys are the keys of frameworks: there is one token, and whoever has it is the same to the master.
const PRINCIPAL: &str = "token";

/// The shortest time between two heartbeats. With none, one event would never end.
const HEARTBEAT_MIN: Duration = Duration::from_millis(1);

/// Who is at the other end of a stream.
#[derive(Clone, Copy, Debug)]
enum Peer {
    Agent(AgentIx),
    Framework(FrameworkIx),
}

/// Who waits at the other end of a stream until its admission is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entrant {
    Agent(AgentId),
    Framework(FrameworkIx),
}

/// A stream whose peer has said who it is.
#[derive(Clone, Copy, Debug)]
struct Stream {
    peer: Peer,
    heard: Time,
}

/// A master, between two events.
#[derive(Debug)]
pub struct Master {
    config: MasterConfig,
    ids: IdSource,
    sessions: u64,
    launches: u64,
    last_offer: u64,
    counters: Counters,

    agents: Table<AgentIx, Agent>,
    agents_by_id: BTreeMap<AgentId, AgentIx>,
    /// New agents too, whose record is not stored yet.
    agents_by_secret: BTreeMap<SecretKey, AgentId>,
    admissions: BTreeMap<AgentId, Admission>,
    /// The one lost first comes first.
    unreachable: VecDeque<AgentId>,
    /// Those that an operator has given up. No row is found by their ids.
    gone: BTreeSet<AgentId>,
    gone_order: VecDeque<AgentId>,
    /// How many agents of an earlier master have neither registered with this one nor timed out.
    awaited: u64,

    frameworks: Table<FrameworkIx, Framework>,
    frameworks_by_id: BTreeMap<FrameworkId, FrameworkIx>,
    frameworks_by_key: BTreeMap<String, FrameworkIx>,
    removed: BTreeSet<FrameworkId>,
    removed_order: VecDeque<FrameworkId>,
    /// The removed ones that there was no more room for, until the registry is told.
    forgetting: BTreeSet<FrameworkId>,

    roles: Decided<Role, RoleSettings>,
    windows: Decided<String, Window>,
    windows_by_agent: BTreeMap<AgentId, BTreeSet<String>>,
    /// When the window that ends first is over.
    window_over_at: Option<Time>,

    offers: BTreeMap<OfferId, Offer>,
    /// The end of each offer's lease.
    leases: BTreeSet<(Time, OfferId)>,
    tasks: Table<TaskIx, Task>,
    tasks_by_launch: BTreeMap<LaunchId, TaskIx>,
    ended: VecDeque<LaunchId>,

    streams: BTreeMap<StreamId, Stream>,
    entering: BTreeMap<StreamId, Entrant>,
    timers: Timers,
    allocator: Allocator,
    /// Agents whose ledgers changed since the allocator was told what is free of them.
    unsettled: BTreeSet<AgentIx>,
    writes: Writes,
}

impl Master {
    /// Takes one event in. Whatever a peer sends is answered or dropped; nothing it can send makes this panic.
    pub fn handle(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::FrameworkSaid { stream, message } => self.framework_said(now, stream, message, effects),
            Event::FrameworkClosed { stream } | Event::AgentClosed { stream } => self.stream_closed(now, stream, effects),
            Event::AgentSaid { stream, message } => self.agent_said(now, stream, message, effects),
            Event::Asked { token, request } => self.asked(now, token, request, effects),
            Event::Durable { seq } => self.durable(now, seq, effects),
            Event::TimePassed => {}
        }
        self.time_passed(now, effects);
    }

    /// Ends a batch of events: what they changed of the registry leaves as one transaction, and one allocation pass looks at the
    /// rest.
    pub fn flush(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.persist(effects);
        self.settle_free();
        if !self.allocator.is_dirty() {
            return;
        }
        self.counters.allocation_passes += 1;
        let mut grants = Vec::new();
        self.allocator.pass(&mut grants);
        self.make_offers(now, grants, effects);
    }

    /// When [`Event::TimePassed`] is due; none when nothing is waited for.
    pub fn wakeup(&self) -> Option<Time> {
        let lease = self.leases.first().map(|(expires, _)| *expires);
        [self.timers.next(), lease, self.allocator.wakeup()].into_iter().flatten().min()
    }

    /// Tells the allocator what is free of the agents that this batch changed: each once, however often it changed.
    pub(crate) fn settle_free(&mut self) {
        for agent in std::mem::take(&mut self.unsettled) {
            if let Some(ledger) = &self.agents[agent].ledger {
                self.allocator.set_free(agent, ledger.free());
            }
        }
    }

    fn new_session(&mut self) -> SessionId {
        self.sessions += 1;
        SessionId { term: self.config.term, n: self.sessions }
    }

    /// Knows a stream's peer from now on: heartbeats go out, and silence is noticed.
    fn open_stream(&mut self, now: Now, stream: StreamId, peer: Peer) {
        self.streams.insert(stream, Stream { peer, heard: now.mono });
        self.timers.set(now.mono.after(self.config.heartbeat), Timer::Heartbeat(stream));
        self.timers.set(now.mono.after(self.config.unreachable_after), Timer::Silence(stream));
    }
}
