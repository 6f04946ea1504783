//! A cluster as an allocator sees it, and the part of its master: who has what, what frameworks say of offers. Its books are its
//! own, so that what an allocator does is measured and checked apart from what a master does beside it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use meros_master_core::allocator::{Allocator, AllocatorConfig, Grant, Traits};
use meros_master_core::table::{AgentIx, ClientIx, FrameworkIx, Ix};
use meros_types::{Demand, IdSource, OfferedAgent, Resources, Role, RoleSettings, Time};

use super::report::Size;

/// An allocator, and what a master would know.
pub struct Cluster {
    allocator: Allocator,
    ids: IdSource,
    free: Vec<Resources>,
    clients: Vec<ClientIx>,
    roles: BTreeSet<Role>,
    granted: Vec<Grant>,
    offers: Vec<Grant>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            allocator: Allocator::new(AllocatorConfig::default()),
            ids: IdSource::seeded(7),
            free: Vec::new(),
            clients: Vec::new(),
            roles: BTreeSet::new(),
            granted: Vec::new(),
            offers: Vec::new(),
        }
    }
}

impl Cluster {
    /// How large it is.
    pub fn size(&self) -> Size {
        Size { agents: self.free.len(), frameworks: self.clients.len(), roles: self.roles.len() }
    }

    /// The frameworks, each in one role, in the order in which they came.
    pub fn clients(&self) -> &[ClientIx] {
        &self.clients
    }

    /// The agents, likewise.
    pub fn agents(&self) -> impl Iterator<Item = AgentIx> + Clone + use<> {
        (0..self.free.len()).map(AgentIx::new)
    }

    /// Gives a role its settings.
    pub fn set_role(&mut self, role: &Role, settings: RoleSettings) {
        self.allocator.set_role(role, settings);
    }

    /// One more framework.
    pub fn add_framework(&mut self, role: &Role, demand: Demand) -> ClientIx {
        let client = self.allocator.add_client(FrameworkIx::new(self.clients.len()), role.clone(), Traits::default());
        self.allocator.set_active(client, true);
        self.allocator.set_demand(client, demand);
        self.roles.insert(role.clone());
        self.clients.push(client);
        client
    }

    /// A framework wants something else; it must hold no offers.
    pub fn set_demand(&mut self, client: ClientIx, demand: Demand) {
        self.allocator.set_demand(client, demand);
    }

    /// One more agent, of which a framework has this much.
    pub fn add_agent(&mut self, total: &Resources, user: ClientIx, used: &Resources) {
        let about = OfferedAgent::new(self.ids.agent(), format!("agent-{}", self.free.len()));
        let free = total.saturating_sub(used);
        self.allocator.add_total(total);
        self.allocator.charge(user, used);
        self.allocator.add_agent(AgentIx::new(self.free.len()), Arc::new(about), total, &free);
        self.free.push(free);
    }

    /// An allocation pass and nothing else: what is measured. How many offers it makes; [`Cluster::book`] must follow.
    pub fn pass(&mut self) -> usize {
        self.allocator.pass(&mut self.granted);
        self.granted.len()
    }

    /// Enters what the pass granted into the books: offers that stand.
    pub fn book(&mut self) {
        for grant in &self.granted {
            let free = &mut self.free[grant.agent.place()];
            *free = free.checked_sub(&grant.resources).expect("an allocator grants nothing that is not free");
        }
        self.offers.append(&mut self.granted);
    }

    /// The offers that stand, none afterwards: the caller ends each.
    pub fn take_offers(&mut self) -> Vec<Grant> {
        std::mem::take(&mut self.offers)
    }

    /// One of the offers that stand, no more afterwards.
    pub fn take_offer(&mut self, place: usize) -> Grant {
        self.offers.swap_remove(place)
    }

    /// Books these offers as over, and nothing of them as used.
    pub fn unbook(&mut self, offers: &[Grant]) {
        for offer in offers {
            self.put_back(offer.agent, &offer.resources);
        }
    }

    /// What the allocator hears when these offers, which are out of the books, are declined in one batch.
    pub fn decline(&mut self, now: Time, offers: &[Grant], filter: Duration) {
        for offer in offers {
            self.end(offer);
            self.allocator.declined(now, offer.client, offer.agent, &self.free[offer.agent.place()], filter);
        }
        let mut last = None;
        for agent in offers.iter().map(|offer| offer.agent).filter(|agent| last.replace(*agent) != Some(*agent)) {
            self.allocator.set_free(agent, &self.free[agent.place()]);
        }
    }

    /// What the allocator hears when a task uses this much of an offer, and the rest is given back without a filter.
    pub fn accept(&mut self, now: Time, offer: &Grant, used: &Resources) {
        let rest = offer.resources.checked_sub(used).expect("a task uses no more than it is offered");
        self.put_back(offer.agent, &rest);
        self.end(offer);
        self.allocator.charge(offer.client, used);
        let free = &self.free[offer.agent.place()];
        self.allocator.declined(now, offer.client, offer.agent, free, Duration::ZERO);
        if !rest.is_none() {
            self.allocator.set_free(offer.agent, free);
        }
    }

    /// What the allocator hears when a task ends.
    pub fn end_task(&mut self, client: ClientIx, agent: AgentIx, used: &Resources) {
        self.put_back(agent, used);
        self.allocator.discharge(client, used);
        self.allocator.set_free(agent, &self.free[agent.place()]);
    }

    /// An agent has another amount free, for whatever reason.
    pub fn set_free(&mut self, agent: AgentIx, free: &Resources) {
        self.free[agent.place()].clone_from(free);
        self.allocator.set_free(agent, free);
    }

    /// What is free of an agent.
    pub fn free(&self, agent: AgentIx) -> &Resources {
        &self.free[agent.place()]
    }

    /// A framework doesn't want what is free of an agent, without an offer: how many pairs are filtered in little time.
    pub fn filter(&mut self, now: Time, client: ClientIx, agent: AgentIx, filter: Duration) {
        self.allocator.declined(now, client, agent, &self.free[agent.place()], filter);
    }

    /// The filters whose time has come end.
    pub fn time_passed(&mut self, now: Time) {
        self.allocator.time_passed(now);
    }

    /// Panics when the allocator's books are not these: what it then did would be no measure of anything.
    pub fn check(&self) {
        for agent in self.agents() {
            assert_eq!(self.allocator.free_of(agent), Some(self.free(agent)), "the books of {agent:?} differ");
        }
    }

    fn end(&mut self, offer: &Grant) {
        self.allocator.discharge(offer.client, &offer.resources);
        self.allocator.offer_ended(offer.client, offer.purpose);
        self.allocator.answered(offer.client);
    }

    fn put_back(&mut self, agent: AgentIx, resources: &Resources) {
        let free = &mut self.free[agent.place()];
        *free = free.checked_add(resources).expect("what was free before is so again");
    }
}
