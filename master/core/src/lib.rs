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
mod allocator;
mod check;
pub mod config;
pub mod counters;
pub mod effect;
pub mod event;
mod judge;
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
mod rows;
mod state;
mod subscribe;
mod table;
mod tasks;
mod timers;
mod views;
mod writes;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use meros_types::{AgentId, FrameworkId, IdSource, LaunchId, Now, OfferId, Resources, SessionId, Time};

use crate::admission::{Admission, SecretKey};
use crate::allocator::{Allocator, Pool};
use crate::ledger::Part;
use crate::rows::{Agent, Framework, Offer, Task};
use crate::table::{AgentIx, FrameworkIx, Table, TaskIx};
use crate::timers::{Timer, Timers};
use crate::writes::Writes;

pub use config::MasterConfig;
pub use counters::{Counters, Metrics};
pub use effect::{Effect, Reply, RequestError};
pub use event::{Event, Request, StreamId, Token};
pub use registry::{AgentRecord, AgentStanding, Change, FrameworkRecord, Registry};

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
    /// Those that an operator has given up. They have no row.
    gone: BTreeSet<AgentId>,

    frameworks: Table<FrameworkIx, Framework>,
    frameworks_by_id: BTreeMap<FrameworkId, FrameworkIx>,
    frameworks_by_key: BTreeMap<String, FrameworkIx>,
    removed: BTreeSet<FrameworkId>,
    removed_order: VecDeque<FrameworkId>,
    /// The removed ones that there was no more room for, until the registry is told.
    forgetting: BTreeSet<FrameworkId>,

    offers: BTreeMap<OfferId, Offer>,
    tasks: Table<TaskIx, Task>,
    tasks_by_launch: BTreeMap<LaunchId, TaskIx>,
    ended: VecDeque<LaunchId>,

    streams: BTreeMap<StreamId, Stream>,
    entering: BTreeMap<StreamId, Entrant>,
    timers: Timers,
    allocator: Allocator,
    writes: Writes,
}

impl Pool for Table<AgentIx, Agent> {
    fn free(&self, agent: AgentIx) -> &Resources {
        const NONE: &Resources = &Resources::none();
        self[agent].ledger.as_ref().map_or(NONE, |ledger| ledger.free())
    }

    fn offer(&mut self, agent: AgentIx, resources: &Resources) {
        let ledger = self[agent].ledger.as_mut().expect("only registered agents are offered");
        ledger.add(Part::Offered, resources).expect("what is free has no port in common with what is offered");
    }
}

impl Master {
    /// Takes one event in. Whatever a peer sends is answered or dropped; nothing it can send makes this panic.
    pub fn handle(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::FrameworkSaid { stream, message } => self.framework_said(now, stream, message, effects),
            Event::FrameworkClosed { stream } | Event::AgentClosed { stream } => self.stream_closed(now, stream, effects),
            Event::AgentSaid { stream, message } => self.agent_said(now, stream, message, effects),
            Event::Asked { token, request } => self.asked(token, request, effects),
            Event::Durable { seq } => self.durable(now, seq, effects),
            Event::TimePassed => {}
        }
        self.time_passed(now, effects);
    }

    /// Ends a batch of events: what they changed of the registry leaves as one transaction, and one allocation pass looks at the
    /// rest.
    pub fn flush(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.persist(effects);
        if !self.allocator.is_dirty() {
            return;
        }
        self.counters.allocation_passes += 1;
        let mut grants = Vec::new();
        self.allocator.pass(&mut self.agents, &mut grants);
        self.make_offers(now, grants, effects);
    }

    /// When [`Event::TimePassed`] is due; none when nothing is waited for.
    pub fn wakeup(&self) -> Option<Time> {
        let lease = self.offers.first_key_value().map(|(_, offer)| offer.expires);
        [self.timers.next(), lease, self.allocator.wakeup()].into_iter().flatten().min()
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
