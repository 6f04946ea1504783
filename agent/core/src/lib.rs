//! The agent as a state machine: events in, effects out.
//!
//! ```text
//!   master ── orders ──▶ link ──▶ launch, kill ──▶ log ──▶ effects: start, terminate, destroy a container
//!   master ◀── facts ─── queues of facts ◀── log ◀── outcome ◀── events: container started, failed, ended
//! ```
//!
//! Nothing is started, and nothing said, whose record in the log is not as safe as it has to be ([`log`]).
//!
//! Owned here: admission, container and task states, facts until they are acknowledged, what has to outlive the process and how a
//! new one goes on from it ([`Agent::recovered`]), the connection's state and backoff, and a shim's decisions ([`shim`]). Deliberately absent: clocks, sockets, processes, cgroups, files (the shell performs and
//! reports), and offers, which an agent knows nothing of.

mod began;
mod check;
pub mod config;
mod containers;
pub mod effect;
pub mod event;
mod facts;
mod killing;
mod launch;
mod link;
pub mod log;
mod outcome;
mod recovery;
pub mod shim;
mod uids;

use std::collections::{BTreeMap, BTreeSet};

use meros_types::{AgentId, ContainerId, Epoch, FrameworkId, IdSource, Incarnation, LaunchId, Now, Resources, Term, Time};

use crate::containers::{Container, Phase};
use crate::facts::Facts;
use crate::link::Link;
use crate::log::Log;
use crate::uids::Uids;

pub use config::{AgentConfig, ConfigurationError, Remaining};
pub use effect::{ContainerPlan, Effect};
pub use event::{Event, Found, StartFailure};
pub use log::Record;
pub use meros_types::BootId;

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
    log: Log,
    boot: BootId,
    /// Whether the machine was started anew since the life before.
    was_rebooted: bool,
    /// Whether every container is to end, and the process then.
    is_ending: bool,

    /// Containers that hold resources, keep their directory, or have facts that nobody has acknowledged.
    containers: BTreeMap<ContainerId, Container>,
    by_launch: BTreeMap<LaunchId, ContainerId>,
    /// Over, with a directory, by the place of their last fact: the oldest first.
    ended: BTreeMap<u64, ContainerId>,
    /// What is to be made when its launch is recorded, by the number of that record.
    starts: BTreeMap<u64, ContainerPlan>,
    used: Resources,
    uids: Option<Uids>,
    /// When to destroy what was asked to end, or has not started.
    deadlines: BTreeSet<(Time, ContainerId)>,
    /// Launches come in this order; one that is not above the newest is a repetition.
    newest_launch: Option<LaunchId>,
    epochs: BTreeMap<FrameworkId, Epoch>,
    facts: Facts,
    /// How many facts this life has stated.
    facts_stated: u64,
}

impl Agent {
    /// A new agent that has not begun, in a boot of no name: for tests and for agents whose log is not kept.
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
            log: Log::with(0),
            boot: BootId::default(),
            was_rebooted: false,
            is_ending: false,
            containers: BTreeMap::new(),
            by_launch: BTreeMap::new(),
            ended: BTreeMap::new(),
            starts: BTreeMap::new(),
            used: Resources::none(),
            deadlines: BTreeSet::new(),
            newest_launch: None,
            epochs: BTreeMap::new(),
            facts: Facts::default(),
            facts_stated: 0,
        }
    }

    /// Whether nothing runs, and nothing that was stated waits to be sent.
    pub fn is_quiet(&self) -> bool {
        let is_over = self.containers.values().all(|container| container.phase == Phase::Over);
        is_over && self.facts.all_safe() && (self.link.is_registered() || self.facts.waiting() == 0)
    }

    /// Takes one event in. Whatever the master sends is obeyed, answered by a fact, or dropped.
    pub fn handle(&mut self, now: Now, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Began { found } => self.began(now, found, effects),
            Event::Connected => self.connected(now, effects),
            Event::Disconnected { reason } => self.disconnected(now, &reason),
            Event::Received(message) => self.received(now, *message, effects),
            Event::ContainerStarted { container } => self.container_started(now, container, effects),
            Event::ContainerFailed { container, failure } => self.container_failed(now, container, failure, effects),
            Event::ContainerEnded { container, record } => self.container_ended(now, container, record, effects),
            Event::DiskExceeded { container, limit, measured } => self.disk_exceeded(now, container, limit, measured, effects),
            Event::Appended { seq } => self.log_appended(now, seq, effects),
            Event::Synced { seq } => self.log_synced(now, seq, effects),
            Event::LogStalled { reason } => self.log_stalled(&reason, effects),
            Event::LogResumed => self.log_resumed(effects),
            Event::DestroyAsked => self.destroy_asked(now, effects),
            Event::TimePassed => {}
        }
        self.time_passed(now, effects);
    }

    /// Ends a batch of events: what it recorded goes to the disk together.
    pub fn flush(&mut self, _now: Now, effects: &mut Vec<Effect>) {
        self.flush_log(effects);
    }

    /// When [`Event::TimePassed`] is due; none when nothing is waited for.
    pub fn wakeup(&self) -> Option<Time> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let retry = self.link.is_registered().then(|| self.facts.next_retry()).flatten();
        [deadline, retry, self.link.wakeup(&self.config)].into_iter().flatten().min()
    }

    fn time_passed(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.link_time_passed(now, effects);
        self.deadlines_due(now, effects);
        self.retry_facts(now, effects);
    }
}
