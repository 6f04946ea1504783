//! What is on its way to the registry. A batch's changes leave as one transaction; what rests on them happens when it is
//! durable.
//!
//! Owned here: whose record is to be written, and that an agent, a framework, the roles together and the windows together have one
//! write under way at the most. What changes meanwhile needs no queue: a record is read off its row when it leaves, so that of any
//! number of later changes one write comes.
//! Deliberately absent: a failed write, which is the end of the process.

use std::collections::{BTreeSet, VecDeque};

use meros_types::{AgentId, Epoch, FrameworkId, Now, SubscribeMode};

use crate::registry::{AgentRecord, AgentStanding, Change, FrameworkRecord};
use crate::rows::{Agent, Framework, FrameworkStanding};
use crate::table::FrameworkIx;
use crate::{Effect, Master};

/// Whose record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entity {
    Agent(AgentId),
    /// Its tombstone, too.
    Framework(FrameworkId),
    /// All of them, so that an update is stored as a whole.
    Roles,
    /// All of them.
    Windows,
}

impl Change {
    pub(crate) fn entity(&self) -> Entity {
        match self {
            Self::Agent(record) => Entity::Agent(record.id),
            Self::ForgetAgent(id) => Entity::Agent(*id),
            Self::Framework(record) => Entity::Framework(record.id),
            Self::RemoveFramework(id) | Self::ForgetRemoved(id) => Entity::Framework(*id),
            Self::Roles { .. } => Entity::Roles,
            Self::Windows { .. } => Entity::Windows,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Writes {
    /// The number of the last transaction.
    seq: u64,
    /// Those whose record may differ from what is stored or under way.
    dirty: BTreeSet<Entity>,
    /// Those of which a write is under way.
    pending: BTreeSet<Entity>,
    under_way: VecDeque<(u64, Vec<Change>)>,
}

impl Writes {
    /// The record is to be looked at when the batch is over, and again after the write that is under way.
    pub(crate) fn touch(&mut self, entity: Entity) {
        self.dirty.insert(entity);
    }

    /// Whether something of it will be durable that is not yet.
    pub(crate) fn awaits(&self, entity: Entity) -> bool {
        self.dirty.contains(&entity) || self.pending.contains(&entity)
    }

    /// Whether it is to be looked at.
    pub(crate) fn is_dirty(&self, entity: Entity) -> bool {
        self.dirty.contains(&entity)
    }

    /// Whether a write of it is under way.
    pub(crate) fn is_under_way(&self, entity: Entity) -> bool {
        self.pending.contains(&entity)
    }

    /// Those that may be written now.
    fn take_due(&mut self) -> Vec<Entity> {
        self.dirty.extract_if(.., |entity| !self.pending.contains(entity)).collect()
    }

    fn leave(&mut self, changes: Vec<Change>) -> u64 {
        self.seq += 1;
        self.pending.extend(changes.iter().map(Change::entity));
        self.under_way.push_back((self.seq, changes));
        self.seq
    }

    /// What is durable now and was not before.
    fn arrive(&mut self, seq: u64) -> Vec<Change> {
        let mut durable = Vec::new();
        while let Some((_, changes)) = self.under_way.pop_front_if(|(number, _)| *number <= seq) {
            durable.extend(changes);
        }
        for change in &durable {
            self.pending.remove(&change.entity());
        }
        durable
    }

    pub(crate) fn check(&self) {
        let changes = self.under_way.iter().flat_map(|(_, changes)| changes);
        let mut written = BTreeSet::new();
        for entity in changes.map(Change::entity) {
            assert!(written.insert(entity), "{entity:?} has two writes under way");
        }
        assert_eq!(written, self.pending, "exactly what is under way is pending");
        let numbers = self.under_way.iter().rev().zip(0..).map(|((number, _), at)| number + at);
        assert!(numbers.into_iter().all(|number| number == self.seq), "transactions leave in order, and none is left out");
    }
}

impl Master {
    /// Sends what this batch has changed of the registry.
    pub(crate) fn persist(&mut self, effects: &mut Vec<Effect>) {
        let due = self.writes.take_due();
        let changes: Vec<Change> = due.into_iter().filter_map(|entity| self.change_of(entity)).collect();
        if !changes.is_empty() {
            let seq = self.writes.leave(changes.clone());
            effects.push(Effect::Persist { seq, changes });
        }
    }

    /// What is durable may be seen from now on.
    pub(crate) fn durable(&mut self, now: Now, seq: u64, effects: &mut Vec<Effect>) {
        for change in self.writes.arrive(seq) {
            match change {
                Change::Agent(record) => self.agent_stored(now, record, effects),
                Change::Framework(record) => self.framework_stored(now, record, effects),
                Change::RemoveFramework(id) => self.removal_stored(now, id, effects),
                Change::Roles { .. } => self.roles_stored(effects),
                Change::Windows { .. } => self.windows_stored(now, effects),
                Change::ForgetAgent(_) | Change::ForgetRemoved(_) => {}
            }
        }
    }

    /// What is to be written of it now, if anything.
    fn change_of(&mut self, entity: Entity) -> Option<Change> {
        match entity {
            Entity::Agent(id) => self.change_of_agent(id),
            Entity::Framework(id) if self.forgetting.remove(&id) => {
                // The rest comes after it.
                self.writes.touch(entity);
                Some(Change::ForgetRemoved(id))
            }
            Entity::Framework(id) => self.change_of_framework(*self.frameworks_by_id.get(&id)?),
            Entity::Roles => self.change_of_roles(),
            Entity::Windows => self.change_of_windows(),
        }
    }

    fn change_of_agent(&mut self, id: AgentId) -> Option<Change> {
        if let Some(admission) = self.admissions.get(&id) {
            return Some(Change::Agent(admission.record(id)));
        }
        if let Some(agent) = self.agents_by_id.get(&id).copied() {
            let row = &mut self.agents[agent];
            row.decision.leave();
            return Some(Change::Agent(row.record()));
        }
        // Its last record says that it is gone, and stays.
        (!self.gone.contains(&id)).then_some(Change::ForgetAgent(id))
    }

    fn change_of_framework(&mut self, framework: FrameworkIx) -> Option<Change> {
        let row = &mut self.frameworks[framework];
        if row.ending.is_some() {
            return Some(Change::RemoveFramework(row.id));
        }
        let kept = matches!(row.standing, FrameworkStanding::Registered | FrameworkStanding::Entering);
        let record = row.next_record();
        // Whoever waits is answered by a write, even by one that changes nothing.
        let is_news = row.waiting.is_some() || (kept && row.stored.as_ref() != Some(&record));
        if !is_news {
            return None;
        }
        row.stored = Some(record.clone());
        Some(Change::Framework(record))
    }
}

impl Agent {
    fn record(&self) -> AgentRecord {
        let state = match self.lost_since {
            _ if self.decision.gone => AgentStanding::Gone,
            Some(since) => AgentStanding::Unreachable { since },
            None => AgentStanding::Admitted,
        };
        let hostname = self.offered.hostname.clone();
        AgentRecord { id: self.offered.id, secret: self.secret, hostname, state, duty: self.decision.duty }
    }
}

impl Framework {
    /// The record that is to be: with whoever waits to be admitted as its scheduler, if somebody does.
    fn next_record(&mut self) -> FrameworkRecord {
        let record = FrameworkRecord {
            id: self.id,
            name: self.name.clone(),
            key: self.key.clone(),
            principal: self.principal.clone(),
            epoch: self.epoch,
            failover_timeout: self.failover_timeout,
            deadline: self.deadline,
        };
        let Some(waiting) = &mut self.waiting else { return record };
        let epoch = match waiting.subscribe.mode {
            SubscribeMode::Takeover => Epoch(self.epoch.0.saturating_add(1)),
            SubscribeMode::Resume(epoch) => epoch.max(self.epoch),
        };
        waiting.epoch = Some(epoch);
        let name = waiting.subscribe.name.clone();
        FrameworkRecord { name, epoch, failover_timeout: waiting.failover_timeout, deadline: None, ..record }
    }
}
