//! The master's shell, simulated: streams in, streams out, and a registry on a disk.

use std::collections::VecDeque;

use meros_master_core::registry::{Change, Registry};
use meros_master_core::{Effect, Event, Master, MasterConfig, StreamId};
use meros_types::{Bounds, ClusterState, Term};

use super::Cluster;
use crate::disk::Disk;
use crate::failure::FailureKind;
use crate::network::{Client, Side, Transit};
use crate::options::Planted;
use crate::process::{Actor, DiskDone, Turns, guard};
use crate::truth::Seen;
use crate::wire::Payload;

/// The master's process and its disk.
#[derive(Debug)]
pub(super) struct MasterProcess {
    /// None while it is dead.
    pub(super) core: Option<Master>,
    pub(super) inbox: Vec<Event>,
    pub(super) turns: Turns,
    pub(super) doomed: bool,
    pub(super) registry: Disk<Registry>,
    /// The term of the newest life.
    pub(super) term: Term,
    /// Transactions that the storage thread has not committed yet, in order.
    pub(super) uncommitted: VecDeque<(u64, Vec<Change>)>,
}

impl MasterProcess {
    pub(super) fn new(turns: Turns, term: Term) -> Self {
        let (inbox, registry, uncommitted) = (Vec::new(), Disk::default(), VecDeque::new());
        // The first life adds one.
        let term = Term(term.0.saturating_sub(1));
        Self { core: None, inbox, turns, doomed: false, registry, term, uncommitted }
    }
}

impl Cluster {
    /// A master's process begins: it opens its registry, which raises the term.
    pub(super) fn begin_master(&mut self) -> Result<(), FailureKind> {
        let master = &mut self.master;
        if self.options.planted != Some(Planted::TermStandsStill) || master.term == Term(0) {
            master.term = Term(master.term.0 + 1);
        }
        let config = MasterConfig { seed: self.random.seeds.next_u64(), term: master.term, ..self.options.master.clone() };
        let now = master.turns.clock.now(self.now);
        let mut registry = master.registry.read().clone();
        if self.options.planted == Some(Planted::ForgetsLimits) {
            registry.roles.iter_mut().for_each(|role| role.settings.limit = Bounds::none());
        }
        let core = Master::recovered(config, registry, now);
        let wakeup = core.wakeup();
        master.core = Some(core);
        let term = self.master.term;
        self.note(Actor::Master, format_args!("begins term {term}"));
        self.oracle.see(&Seen::MasterBegan(term))?;
        self.network.set_master(self.now, true, false, &mut self.queue);
        self.await_wakeup(Actor::Master, wakeup);
        Ok(())
    }

    pub(super) fn master_turn(&mut self) -> Result<usize, FailureKind> {
        let batch = std::mem::take(&mut self.master.inbox);
        let (events, now) = (batch.len(), self.master.turns.clock.now(self.now));
        let Some(core) = &mut self.master.core else { return Ok(0) };
        let mut effects = guard("master", || {
            let mut effects = Vec::new();
            for event in batch {
                core.handle(now, event, &mut effects);
            }
            core.flush(now, &mut effects);
            effects
        })?;
        let wakeup = core.wakeup();
        self.cut_short(self.master.doomed, &mut effects);
        for effect in effects {
            self.perform_master(effect)?;
        }
        self.await_wakeup(Actor::Master, wakeup);
        if self.master.doomed {
            self.master_dies()?;
        }
        Ok(events)
    }

    fn perform_master(&mut self, effect: Effect) -> Result<(), FailureKind> {
        let (stream, payload) = match effect {
            Effect::ToFramework { stream, message } => (stream.0, Payload::ToFramework(message)),
            Effect::ToAgent { stream, message } => (stream.0, Payload::ToAgent(message)),
            Effect::CloseStream { stream } => {
                return self.close_at_master(stream.0);
            }
            Effect::Persist { seq, changes } => {
                self.persist(seq, changes);
                return Ok(());
            }
            Effect::Reply { token, reply } => return self.answered(token, reply),
        };
        match self.network.client(stream).filter(|_| self.network.is_open(stream, Side::Master)) {
            Some(client) => self.send(stream, Side::Master, client, payload),
            None => Ok(()),
        }
    }

    fn persist(&mut self, seq: u64, changes: Vec<Change>) {
        self.master.uncommitted.push_back((seq, changes));
        self.disk_works(Actor::Master, DiskDone::Committed(seq));
        if self.options.planted == Some(Planted::CommitsEarly) {
            self.master.inbox.push(Event::Durable { seq });
            self.schedule_turn(Actor::Master);
        }
    }

    /// The storage thread has committed everything up to this transaction.
    pub(super) fn master_committed(&mut self, seq: u64) -> Result<(), FailureKind> {
        while self.master.uncommitted.front().is_some_and(|(first, _)| *first <= seq) {
            self.commit_first()?;
        }
        if self.options.planted != Some(Planted::CommitsEarly) {
            self.master.inbox.push(Event::Durable { seq });
            self.schedule_turn(Actor::Master);
        }
        Ok(())
    }

    /// The oldest transaction reaches the disk.
    pub(super) fn commit_first(&mut self) -> Result<(), FailureKind> {
        let Some((_, changes)) = self.master.uncommitted.pop_front() else { return Ok(()) };
        let registry = &mut self.master.registry;
        registry.write(changes);
        registry.sync(registry.mark());
        Ok(self.oracle.see(&Seen::RegistryCommitted(registry.kept()))?)
    }

    /// The shell closes a stream once what was put on it has been sent, and hears of the close itself.
    fn close_at_master(&mut self, stream: u64) -> Result<(), FailureKind> {
        let client = self.network.client(stream).filter(|_| self.network.is_open(stream, Side::Master));
        let Some(client) = client else { return Ok(()) };
        let who = self.name(Actor::Client(client));
        self.note(Actor::Master, format_args!("closes {who}/{stream}"));
        self.network.close(self.now, stream, Side::Master, &mut self.queue);
        self.master.inbox.push(closed(stream, client));
        self.schedule_turn(Actor::Master);
        Ok(self.oracle.see(&Seen::ClosedAtMaster(client))?)
    }

    pub(super) fn bring_to_master(&mut self, stream: u64, client: Client, transit: Transit) -> Result<(), FailureKind> {
        let id = StreamId(stream);
        self.master.inbox.push(match transit {
            Transit::Arrives(_, message) => match message.payload {
                Payload::FromAgent(message) => Event::AgentSaid { stream: id, message },
                Payload::FromFramework(message) => Event::FrameworkSaid { stream: id, message },
                Payload::ToAgent(_) | Payload::ToFramework(_) => unreachable!("the master sends these"),
            },
            Transit::Opens | Transit::Closes(..) => {
                self.oracle.see(&Seen::ClosedAtMaster(client))?;
                closed(stream, client)
            }
        });
        Ok(())
    }

    /// The whole cluster as the real master sees it; nothing while there is none.
    pub(super) fn master_state(&self) -> ClusterState {
        let nothing = || ClusterState { term: self.master.term, ..ClusterState::default() };
        self.master.core.as_ref().map_or_else(nothing, Master::state)
    }
}

fn closed(stream: u64, client: Client) -> Event {
    let stream = StreamId(stream);
    match client {
        Client::Agent(_) => Event::AgentClosed { stream },
        Client::Framework(_) => Event::FrameworkClosed { stream },
    }
}
