//! Who is offered what: weighted dominant-resource fairness over clients (one framework in one role), driven by demand.
//!
//! Work follows change. When nothing is dirty, no open want can use any free resource; so a pass looks only at agents whose
//! free resources changed (with every client) and at clients whose wants changed (with every agent that has something free).
//! It owns demands, filters, shares and turns. It does not own resources: the ledger does, and hands them in.

mod check;
mod client;
mod pass;
mod set;
mod sum;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meros_types::{Demand, FILTER_DEFAULT, FILTER_MAX, Resources, Role, Time};

use crate::table::{AgentIx, ClientIx, FrameworkIx, Table};
pub(crate) use check::Recount;
pub(crate) use client::Purpose;
use client::{Client, Filter};
pub(crate) use pass::Grant;
use set::ClientSet;
use sum::{Share, Sum};

/// Where the allocator finds what is free, and notes what no longer is: one pass may look at an agent twice.
pub(crate) trait Pool {
    /// What nobody has of an agent that may be offered.
    fn free(&self, agent: AgentIx) -> &Resources;
    /// This much of what is free is on offer from now on.
    fn offer(&mut self, agent: AgentIx, resources: &Resources);
}

/// Clients by share, the one that has least first.
type Order = BTreeSet<(Share, ClientIx)>;

#[derive(Debug, Default)]
pub(crate) struct Allocator {
    clients: ClientTable,
    /// The clients that want more.
    order: Order,
    /// The agents that may be offered, each with those who declined in its current round.
    agents: BTreeMap<AgentIx, ClientSet>,
    total: Sum,
    /// The total changed, so that every share did.
    shares_stale: bool,
    dirty_agents: BTreeSet<AgentIx>,
    dirty_clients: BTreeSet<ClientIx>,
    /// The end of each filter of each client.
    filters: BTreeSet<(Time, ClientIx, AgentIx)>,
}

/// Every client, by its index.
type ClientTable = Table<ClientIx, Client>;

impl Allocator {
    /// A client with no demand yet.
    pub(crate) fn add_client(&mut self, framework: FrameworkIx, role: Role, weight: u32) -> ClientIx {
        self.clients.insert(Client::new(framework, role, weight.max(1)))
    }

    /// Forgets a client that has nothing any more.
    pub(crate) fn remove_client(&mut self, client: ClientIx) {
        self.clear_filters(client);
        self.order.remove(&(self.clients[client].share, client));
        self.dirty_clients.remove(&client);
        self.agents.values_mut().for_each(|passed| passed.remove(client));
        self.clients.remove(client);
    }

    /// Whether a client's framework has a stream. One without is offered nothing, and its filters fall.
    pub(crate) fn set_active(&mut self, client: ClientIx, active: bool) {
        self.clear_filters(client);
        self.change(client, |row| {
            row.active = active;
            row.answered();
        });
        self.dirty_clients.insert(client);
    }

    /// Replaces a client's demand; its filters fall. Every offer it holds must then be counted with [`Allocator::attribute`].
    pub(crate) fn set_demand(&mut self, client: ClientIx, demand: Demand) {
        self.clear_filters(client);
        self.change(client, |row| row.set_demand(demand));
        self.dirty_clients.insert(client);
    }

    fn clear_filters(&mut self, client: ClientIx) {
        for (agent, filter) in std::mem::take(&mut self.clients[client].filters) {
            self.filters.remove(&(filter.until, client, agent));
        }
    }

    /// Counts an offer that a client holds against its new demand.
    pub(crate) fn attribute(&mut self, client: ClientIx, resources: &Resources) -> Purpose {
        self.change(client, |row| row.attribute(resources))
    }

    /// An agent may be offered from now on.
    pub(crate) fn add_agent(&mut self, agent: AgentIx) {
        self.agents.insert(agent, ClientSet::default());
        self.dirty_agents.insert(agent);
    }

    /// An agent may not be offered any more.
    pub(crate) fn remove_agent(&mut self, agent: AgentIx) {
        self.agents.remove(&agent);
        self.dirty_agents.remove(&agent);
        for client in self.clients.indices() {
            let row = &mut self.clients[client];
            row.forget_agent(agent);
            if let Some(filter) = row.filters.remove(&agent) {
                self.filters.remove(&(filter.until, client, agent));
            }
        }
    }

    /// The cluster has this much more to share.
    pub(crate) fn add_total(&mut self, resources: &Resources) {
        self.total.add(resources);
        self.shares_stale = true;
    }

    /// The cluster has this much less to share.
    pub(crate) fn subtract_total(&mut self, resources: &Resources) {
        self.total.subtract(resources);
        self.shares_stale = true;
    }

    /// Something of an agent became free.
    pub(crate) fn freed(&mut self, agent: AgentIx) {
        if self.agents.contains_key(&agent) {
            self.dirty_agents.insert(agent);
        }
    }

    /// A client has this much more: a task. What is granted is charged by the pass itself.
    pub(crate) fn charge(&mut self, client: ClientIx, resources: &Resources) {
        let total = &self.total;
        let row = &mut self.clients[client];
        let before = row.share;
        row.allocated.add(resources);
        row.share = row.allocated.dominant_share(total, row.weight);
        Self::reorder(&mut self.order, before, client, row);
    }

    /// A client has this much less.
    pub(crate) fn discharge(&mut self, client: ClientIx, resources: &Resources) {
        let total = &self.total;
        let row = &mut self.clients[client];
        let before = row.share;
        row.allocated.subtract(resources);
        row.share = row.allocated.dominant_share(total, row.weight);
        Self::reorder(&mut self.order, before, client, row);
    }

    /// An offer is over, in whichever way. What of it was not used must be discharged too.
    pub(crate) fn offer_ended(&mut self, client: ClientIx, purpose: Purpose) {
        if self.change(client, |row| row.offer_ended(purpose)) {
            self.dirty_clients.insert(client);
        }
    }

    /// A client answered an offer, whatever it said.
    pub(crate) fn answered(&mut self, client: ClientIx) {
        self.clients[client].answered();
    }

    /// A client doesn't want what is free of an agent now: it goes last in the agent's round, and until the filter ends the
    /// same or less is not offered to it again.
    pub(crate) fn declined(&mut self, now: Time, client: ClientIx, agent: AgentIx, free: &Resources, filter: Duration) {
        let Some(passed) = self.agents.get_mut(&agent) else { return };
        passed.insert(client);
        let filter = filter.min(FILTER_MAX);
        if !filter.is_zero() {
            let until = now.after(filter);
            let earlier = self.clients[client].filters.insert(agent, Filter { refused: free.clone(), until });
            if let Some(earlier) = earlier {
                self.filters.remove(&(earlier.until, client, agent));
            }
            self.filters.insert((until, client, agent));
        }
    }

    /// A lease ran out: counts as a decline, with a filter that doubles each time in a row.
    pub(crate) fn lease_expired(&mut self, now: Time, client: ClientIx, agent: AgentIx, free: &Resources) {
        let times = self.clients[client].lease_expired(agent);
        let filter = FILTER_DEFAULT.saturating_mul(2_u32.saturating_pow(times - 1));
        self.declined(now, client, agent, free, filter);
    }

    /// When the next filter ends.
    pub(crate) fn wakeup(&self) -> Option<Time> {
        self.filters.first().map(|(until, _, _)| *until)
    }

    /// Ends the filters whose time has come.
    pub(crate) fn time_passed(&mut self, now: Time) {
        while let Some((until, client, agent)) = self.filters.first().copied().filter(|(until, _, _)| *until <= now) {
            self.filters.remove(&(until, client, agent));
            self.clients[client].filters.remove(&agent);
            self.freed(agent);
        }
    }

    /// What clients hold together, for display.
    pub(crate) fn allocated(&self, clients: impl Iterator<Item = ClientIx>) -> Resources {
        clients.fold(Sum::default(), |sum, client| sum.and(&self.clients[client].allocated)).to_resources()
    }

    /// Changes a client, keeping its place in the order true.
    fn change<R>(&mut self, client: ClientIx, change: impl FnOnce(&mut Client) -> R) -> R {
        let row = &mut self.clients[client];
        let before = row.share;
        let result = change(row);
        Self::reorder(&mut self.order, before, client, row);
        result
    }

    fn reorder(order: &mut Order, before: Share, client: ClientIx, row: &Client) {
        order.remove(&(before, client));
        if row.wants_more() {
            order.insert((row.share, client));
        }
    }

    fn refresh_shares(&mut self) {
        self.order.clear();
        for client in self.clients.indices() {
            let row = &mut self.clients[client];
            row.share = row.allocated.dominant_share(&self.total, row.weight);
            if row.wants_more() {
                self.order.insert((row.share, client));
            }
        }
        self.shares_stale = false;
    }
}
