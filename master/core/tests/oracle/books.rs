//! Who has what, written down by the tests themselves: plain maps, and sums made anew whenever they are asked for.
//!
//! Deliberately absent: everything that the allocator says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use meros_master_core::allocator::{AllocatorConfig, Purpose, Traits};
use meros_master_core::table::{AgentIx, ClientIx, FrameworkIx};
use meros_types::{OfferedAgent, Resources, Role, RoleSettings, Shape, Time};

use crate::amounts::Amounts;

#[derive(Clone, Debug)]
pub(crate) struct Agent {
    pub(crate) about: Arc<OfferedAgent>,
    pub(crate) total: Resources,
    pub(crate) on_duty: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) framework: FrameworkIx,
    pub(crate) role: Role,
    pub(crate) traits: Traits,
    pub(crate) active: bool,
    /// What it wants, `copies` being those that are neither launched nor on offer.
    pub(crate) wants: Vec<Shape>,
    /// Rises with each demand.
    pub(crate) version: u64,
    /// How many leases of each agent ran out since it last answered.
    pub(crate) expired: BTreeMap<AgentIx, u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) client: ClientIx,
    pub(crate) agent: AgentIx,
    pub(crate) resources: Resources,
    /// The allocator's own word for what it counts against; none for what the oracle gives.
    pub(crate) purpose: Option<Purpose>,
    pub(crate) expires: Time,
    /// What it counts against: the want, of which demand, and how many copies. None: against nothing.
    pub(crate) counts: Option<Counts>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) version: u64,
    pub(crate) want: usize,
    pub(crate) copies: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) client: ClientIx,
    pub(crate) agent: AgentIx,
    pub(crate) resources: Resources,
}

#[derive(Clone, Debug)]
pub(crate) struct Filter {
    pub(crate) refused: Resources,
    pub(crate) until: Time,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    pub(crate) config: AllocatorConfig,
    pub(crate) recovering: bool,
    pub(crate) settings: BTreeMap<Role, RoleSettings>,
    pub(crate) agents: BTreeMap<AgentIx, Agent>,
    pub(crate) clients: BTreeMap<ClientIx, Client>,
    pub(crate) offers: BTreeMap<u64, Offer>,
    pub(crate) tasks: BTreeMap<u64, Task>,
    pub(crate) filters: BTreeMap<(ClientIx, AgentIx), Filter>,
    /// Who gave something of an agent back, in whichever way: it, or the next client of its index, may be last in the agent's
    /// round, or not any more.
    pub(crate) passed: BTreeSet<(ClientIx, AgentIx)>,
}

impl Books {
    /// Every holding there is: of whom, where, what.
    pub(crate) fn holdings(&self) -> impl Iterator<Item = (ClientIx, AgentIx, &Resources)> {
        let offers = self.offers.values().map(|offer| (offer.client, offer.agent, &offer.resources));
        offers.chain(self.tasks.values().map(|task| (task.client, task.agent, &task.resources)))
    }

    /// What nobody has of an agent. Panics when more is had than there is.
    pub(crate) fn free(&self, agent: AgentIx) -> Resources {
        let had = self.holdings().filter(|(_, at, _)| *at == agent);
        had.fold(self.agents[&agent].total.clone(), |free, (client, _, resources)| {
            let short = |lacks| panic!("{client:?} has {resources} of {agent:?}, which others have already: {lacks}");
            free.checked_sub(resources).unwrap_or_else(short)
        })
    }

    pub(crate) fn held_by(&self, client: ClientIx) -> Amounts {
        let own = self.holdings().filter(|(of, _, _)| *of == client);
        own.fold(Amounts::default(), |sum, (_, _, resources)| sum.and(Amounts::of(resources)))
    }

    /// The agents that may be offered.
    pub(crate) fn offerable(&self) -> impl Iterator<Item = AgentIx> {
        self.agents.iter().filter(|(_, agent)| agent.on_duty).map(|(ix, _)| *ix)
    }

    pub(crate) fn settings_of(&self, role: &Role) -> RoleSettings {
        self.settings.get(role).cloned().unwrap_or_default()
    }
}

/// A role and those around it, outermost first.
pub(crate) fn path(role: &Role) -> Vec<Role> {
    let mut path: Vec<Role> = std::iter::successors(Some(role.clone()), Role::parent).collect();
    path.reverse();
    path
}
