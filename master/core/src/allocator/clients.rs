//! Clients come and go, and change what they want.

use std::sync::Arc;

use meros_types::{ClientState, Demand, Resources, Role};

use super::Allocator;
use super::client::{Client, Least, Purpose, Traits};
use super::order::{millionths, share};
use super::sum::Sum;
use crate::table::{ClientIx, FrameworkIx};

impl Allocator {
    /// A client that is not active and has no demand yet.
    pub fn add_client(&mut self, framework: FrameworkIx, role: Role, traits: Traits) -> ClientIx {
        let leaf = self.tree.leaf(&role);
        let least = self.least(&traits);
        let client = self.clients.insert(Client::new(framework, role, leaf, &traits, least));
        self.tree.branches[leaf].clients.insert(client);
        client
    }

    fn least(&self, traits: &Traits) -> Arc<Least> {
        if traits.least.is_empty() { Arc::clone(&self.least) } else { Arc::new(Least::new(traits.least.clone())) }
    }

    /// Forgets a client. What it had must be discharged before; the offers it held are to be forgotten with it.
    pub fn remove_client(&mut self, client: ClientIx) {
        self.clear_filters(client);
        self.clients[client].active = false;
        self.place_client(client);
        self.dirty_clients.remove(client);
        self.pass_on(client);
        let Some(row) = self.clients.remove(client) else { return };
        self.tree.branches[row.leaf].clients.remove(&client);
        self.prune(row.leaf);
    }

    /// Whether a client's framework has a stream. One without is offered nothing. Its filters fall either way.
    pub fn set_active(&mut self, client: ClientIx, active: bool) {
        if !active {
            self.pass_on(client);
        }
        self.change(client, |row| {
            row.active = active;
            row.answered();
        });
    }

    /// Lets a client go last in the rounds of the agents that it was offered: it gives them back without an answer. Otherwise one
    /// that comes and goes would starve the others. If the client is removed, that is a turn which the next of its index waits.
    fn pass_on(&mut self, client: ClientIx) {
        for agent in std::mem::take(&mut self.clients[client].offered).iter() {
            if let Some(row) = self.agents.get_mut(agent) {
                row.passed.insert(client);
            }
        }
    }

    /// Replaces what a client's offers are to be like; its filters fall.
    pub fn set_traits(&mut self, client: ClientIx, traits: Traits) {
        let least = self.least(&traits);
        self.change(client, |row| {
            row.least = least;
            (row.gpu_agents, row.remote_regions) = (traits.gpu_agents, traits.remote_regions);
        });
    }

    /// Replaces a client's demand; its filters fall. Every offer it holds must then be counted with [`Allocator::attribute`].
    pub fn set_demand(&mut self, client: ClientIx, demand: Demand) {
        self.change(client, |row| row.set_demand(demand));
    }

    /// Changes a client so that agents may be of use to it that were of none before.
    fn change(&mut self, client: ClientIx, change: impl FnOnce(&mut Client)) {
        self.clear_filters(client);
        let was_hungry = self.clients[client].place.is_some();
        change(&mut self.clients[client]);
        self.place_client(client);
        if was_hungry && self.clients[client].place.is_some() {
            self.loosen_floors(client);
            self.lower_floors(client);
        }
        self.dirty_clients.insert(client);
    }

    /// Counts an offer that a client holds against its new demand.
    pub fn attribute(&mut self, client: ClientIx, resources: &Resources) -> Purpose {
        let purpose = self.clients[client].attribute(resources);
        self.loosen_floors(client);
        self.place_client(client);
        purpose
    }

    /// An offer is over, in whichever way. Its resources must be discharged too, and what is free of its agent set.
    pub fn offer_ended(&mut self, client: ClientIx, purpose: Purpose) {
        let was_hungry = self.clients[client].place.is_some();
        if self.clients[client].offer_ended(purpose) {
            self.place_client(client);
            if was_hungry {
                self.lower_floors(client);
            }
            self.dirty_clients.insert(client);
        }
    }

    /// Whose client it is.
    pub fn framework_of(&self, client: ClientIx) -> FrameworkIx {
        self.clients[client].framework
    }

    /// In which role.
    pub fn role_of(&self, client: ClientIx) -> &Role {
        &self.clients[client].role
    }

    /// A client, for display.
    pub fn client_state(&self, client: ClientIx) -> ClientState {
        let row = &self.clients[client];
        let shapes = row.wants.iter().map(|want| meros_types::Shape { copies: want.left, ..want.shape.clone() }).collect();
        ClientState {
            role: row.role.clone(),
            allocated: row.allocated.to_resources(),
            share_millionths: millionths(share(&row.allocated, &self.whole, 1)),
            demand: Demand { shapes },
            offers: row.offers as u64,
            filters: row.filtered.len() as u64,
        }
    }

    /// What these clients hold together, for display.
    pub fn allocated(&self, clients: impl Iterator<Item = ClientIx>) -> Resources {
        clients.fold(Sum::default(), |sum, client| sum.and(&self.clients[client].allocated)).to_resources()
    }
}
