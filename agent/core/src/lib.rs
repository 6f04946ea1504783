//! The agent as a state machine: events in, effects out.
//!
//! ```text
//!   master ── orders ──▶ link ──▶ launch, kill ──▶ effects: start, terminate, destroy a container
//!   master ◀── facts ─── ledger of facts ◀── outcome ◀── events: container started, failed, ended
//! ```
//!
//! Owned here: admission, container and task states, facts until they are acknowledged, the connection's state and backoff,
//! and a shim's decisions ([`shim`]). Deliberately absent: clocks, sockets, processes, cgroups, files (the shell performs and
//! reports), and offers, which an agent knows nothing of.

mod check;
pub mod config;
mod containers;
pub mod effect;
pub mod event;
mod facts;
mod launch;
mod link;
mod outcome;
pub mod shim;
mod uids;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use meros_types::{AgentId, ContainerId, Epoch, FrameworkId, IdSource, Incarnation, LaunchId, Now, Resources, Term, Time};

use crate::containers::Container;
use crate::facts::Facts;
use crate::link::Link;
use crate::uids::Uids;

pub use config::AgentConfig;
pub use effect::{ContainerPlan, Effect};
pub use event::{Event, StartFailure};

/// How many facts may wait for an acknowledgement before an agent starts nothing more. Each keeps its container in the
/// registration, which has to fit in one message of 4 MiB, whatever the names in it.
pub const FACTS_MAX: usize = 6_000;
/// How many frameworks' epochs are remembered beyond those with a container here.
pub const EPOCHS_MAX: usize = 10_000;

/// An agent, between two events.
#[derive(Debug)]
pub struct Agent {
    config: AgentConfig,
    ids: IdSource,
    incarnation: Incarnation,
    id: Option<AgentId>,
    /// The highest term obeyed.
    term: Term,
    link: Link,

    /// Containers that hold resources or have facts that nobody has acknowledged.
    containers: BTreeMap<ContainerId, Container>,
    /// Of these, and of those that are over and keep their directory.
    by_launch: BTreeMap<LaunchId, ContainerId>,
    /// Over, with a directory; the oldest first.
    ended: VecDeque<(LaunchId, ContainerId, Option<u32>)>,
    used: Resources,
    uids: Option<Uids>,
    /// When to destroy what was asked to end.
    deadlines: BTreeSet<(Time, ContainerId)>,
    /// Launches come in this order; one that is not above the newest is a repetition.
    newest_launch: Option<LaunchId>,
    epochs: BTreeMap<FrameworkId, Epoch>,
    facts: Facts,
}

impl Agent {
    /// An agent that has not begun.
    pub fn new(config: AgentConfig) -> Self {
        let mut ids = IdSource::seeded(config.seed);
        let incarnation = ids.incarnation();
        Self {
            uids: config.uids.clone().map(Uids::new),
            config,
            ids,
            incarnation,
            id: None,
            term: Term::default(),
            link: Link::default(),
            containers: BTreeMap::new(),
            by_launch: BTreeMap::new(),
            ended: VecDeque::new(),
            used: Resources::none(),
            deadlines: BTreeSet::new(),
            newest_launch: None,
            epochs: BTreeMap::new(),
            facts: Facts::default(),
        }
    }

    /// Takes one event in. Whatever the master sends is obeyed, answered by a fact, or dropped.
    pub fn handle(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Began => self.connect(effects),
            Event::Connected => self.connected(now, effects),
            Event::Disconnected { reason } => self.disconnected(now, &reason),
            Event::Received(message) => self.received(now, *message, effects),
            Event::ContainerStarted { container } => self.container_started(now, container, effects),
            Event::ContainerFailed { container, failure } => self.container_failed(now, container, failure, effects),
            Event::ContainerEnded { container, record } => self.container_ended(now, container, record, effects),
            Event::TimePassed => {}
        }
        self.time_passed(now, effects);
    }

    /// Ends a batch of events. Every fact leaves as it is stated, so that nothing is left to do here yet: the log's group
    /// commit will stand between.
    pub fn flush(&mut self, _now: Now, _effects: &mut Vec<Effect>) {}

    /// When [`Event::TimePassed`] is due; none when nothing is waited for.
    pub fn wakeup(&self) -> Option<Time> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let retry = self.link.is_registered().then(|| self.facts.next_retry()).flatten();
        [deadline, retry, self.link.wakeup(&self.config)].into_iter().flatten().min()
    }

    fn time_passed(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.link_time_passed(now, effects);
        self.kills_due(now, effects);
        self.retry_facts(now, effects);
    }
}
