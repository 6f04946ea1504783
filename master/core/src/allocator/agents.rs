//! The agents that may be offered: what is free of each, and who was offered it lately.

use std::collections::BTreeMap;
use std::sync::Arc;

use meros_types::{OfferedAgent, Resources};

use super::Allocator;
use super::filters::Filter;
use super::floor::amounts;
use super::index::FreeIndex;
use super::set::Set;
use super::sum::Sum;
use crate::table::{AgentIx, ClientIx, Ix};

#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) about: Arc<OfferedAgent>,
    pub(super) has_gpus: bool,
    /// Whether it stands in another region than the master.
    pub(super) is_remote: bool,
    pub(super) free: Resources,
    /// Who declined in its current round, and goes last in it.
    pub(super) passed: Set<ClientIx>,
    pub(super) filters: BTreeMap<ClientIx, Filter>,
    /// Clients whose filters cover `blocked_up_to`, so that they need not be asked: perhaps not all of them.
    pub(super) blocked: Set<ClientIx>,
    /// Contains what is free whenever clients are asked.
    pub(super) blocked_up_to: Resources,
    /// What was refused last: most refuse the same.
    pub(super) refused: Arc<Resources>,
}

/// Every agent that may be offered, by the caller's index.
#[derive(Clone, Debug, Default)]
pub(super) struct Agents {
    rows: Vec<Option<Agent>>,
    /// What is free of all of them.
    pub(super) free: Sum,
    /// Those of which there may be something free that somebody could use.
    pub(super) dirty: Set<AgentIx>,
    pub(super) index: FreeIndex,
    /// Those whose free resources are other than the index says.
    pub(super) unindexed: Set<AgentIx>,
}

impl Agents {
    pub(super) fn get(&self, agent: AgentIx) -> Option<&Agent> {
        self.rows.get(agent.place())?.as_ref()
    }

    pub(super) fn get_mut(&mut self, agent: AgentIx) -> Option<&mut Agent> {
        self.rows.get_mut(agent.place())?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (AgentIx, &Agent)> {
        self.rows.iter().enumerate().filter_map(|(place, row)| Some((AgentIx::new(place), row.as_ref()?)))
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.rows.iter().flatten().count() as u64
    }

    fn insert(&mut self, agent: AgentIx, row: Agent) {
        if self.rows.len() <= agent.place() {
            self.rows.resize_with(agent.place() + 1, || None);
        }
        self.free.add(&row.free);
        self.rows[agent.place()] = Some(row);
        self.dirty.insert(agent);
        self.unindexed.insert(agent);
    }

    fn remove(&mut self, agent: AgentIx) -> Option<Agent> {
        let row = self.rows.get_mut(agent.place())?.take()?;
        self.free.subtract(&row.free);
        self.dirty.remove(agent);
        self.unindexed.insert(agent);
        Some(row)
    }

    /// Brings the index up to date.
    pub(super) fn reindex(&mut self) {
        for agent in std::mem::take(&mut self.unindexed).iter() {
            let free = self.get(agent).map_or([0; _], |row| amounts(&row.free));
            self.index.set(agent.place(), free);
        }
    }
}

impl Allocator {
    /// An agent may be offered from now on; `total` says whether it has GPUs.
    pub fn add_agent(&mut self, agent: AgentIx, about: Arc<OfferedAgent>, total: &Resources, free: &Resources) {
        self.remove_agent(agent);
        let region = about.domain.as_ref().map(|domain| &domain.region);
        let is_remote = matches!((&self.config.region, region), (Some(own), Some(region)) if own != region);
        let row = Agent {
            is_remote,
            about,
            has_gpus: total.gpu_milli() > 0,
            free: free.clone(),
            passed: Set::default(),
            filters: BTreeMap::new(),
            blocked: Set::default(),
            blocked_up_to: Resources::none(),
            refused: Arc::default(),
        };
        self.agents.insert(agent, row);
    }

    /// What is free of an agent now, as far as it is not a pass that has changed it. Nothing happens if the agent may not be
    /// offered.
    pub fn set_free(&mut self, agent: AgentIx, free: &Resources) {
        let Some(row) = self.agents.rows.get_mut(agent.place()).and_then(Option::as_mut) else { return };
        if row.free == *free {
            return;
        }
        if !row.free.contains(free) {
            self.agents.dirty.insert(agent);
        }
        self.agents.free.subtract(&row.free);
        self.agents.free.add(free);
        row.free.clone_from(free);
        self.agents.unindexed.insert(agent);
    }

    /// What is free of an agent; none if it may not be offered.
    pub fn free_of(&self, agent: AgentIx) -> Option<&Resources> {
        self.agents.get(agent).map(|row| &row.free)
    }

    /// An agent may not be offered any more: it is off duty, disconnected or gone. Its filters and its round are forgotten, and
    /// the leases that ran out on it.
    pub fn remove_agent(&mut self, agent: AgentIx) {
        let Some(row) = self.agents.remove(agent) else { return };
        self.ends.removed(row.filters.len());
        for client in self.clients.indices() {
            self.clients[client].forget_agent(agent);
        }
        self.compact_ends();
    }
}
