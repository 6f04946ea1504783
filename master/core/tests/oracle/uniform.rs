//! Uniform worlds: every task is one CPU and every agent has whole CPUs, so that copies can be counted and any agent will do.

use std::collections::BTreeMap;

use meros_master_core::allocator::{AllocatorConfig, Grant, Traits};
use meros_master_core::table::ClientIx;
use meros_types::{Bounds, Demand, Resources, RoleSettings, Shape};
use proptest::prelude::*;

use crate::acts::{ROLES, resources, role};
use crate::amounts::Amounts;
use crate::view::View;
use crate::world::World;

/// A role's weight, limit and guarantee, the last two in copies.
pub(crate) type Terms = (u32, Option<u64>, u64);

#[derive(Clone, Debug)]
pub(crate) struct Uniform {
    /// How many CPUs each has, and its rack.
    pub(crate) agents: Vec<(u64, &'static str)>,
    /// By place in [`ROLES`].
    pub(crate) terms: BTreeMap<usize, Terms>,
    /// The place of each client's role, and what it wants.
    pub(crate) clients: Vec<(usize, Demand)>,
}

/// So many copies of one CPU; none: without end.
pub(crate) fn cpus(copies: Option<u64>) -> Shape {
    Shape { copies, ..Shape::of(resources("cpus:1")) }
}

pub(crate) fn demands() -> impl Strategy<Value = Demand> {
    prop_oneof![3 => Just(None), 2 => (0..12_u64).prop_map(Some)].prop_map(|copies| Demand { shapes: vec![cpus(copies)] })
}

/// Worlds with agents of up to so many CPUs.
pub(crate) fn uniform(cpus_max: u64) -> impl Strategy<Value = Uniform> {
    let limit = prop_oneof![2 => Just(None), 1 => (0..12_u64).prop_map(Some)];
    let guarantee = prop_oneof![2 => Just(0), 1 => 1..6_u64];
    let terms = proptest::collection::btree_map(0..ROLES.len(), (1..5_u32, limit, guarantee), 0..5);
    let clients = proptest::collection::vec((0..ROLES.len(), demands()), 1..8);
    let agents = proptest::collection::vec((1..=cpus_max).prop_map(|cpus| (cpus, "")), 1..4);
    (agents, terms, clients).prop_map(|(agents, terms, clients)| Uniform { agents, terms, clients })
}

impl Uniform {
    /// How many CPUs there are.
    pub(crate) fn size(&self) -> u64 {
        self.agents.iter().map(|(cpus, _)| cpus).sum()
    }

    /// The world with its agents, roles and clients; nobody wants anything yet. Guarantees that the cluster couldn't meet
    /// all at once are left out, the last first.
    pub(crate) fn world(&self) -> World {
        let mut world = World::new(AllocatorConfig::default());
        for (cpus, rack) in &self.agents {
            world.add_agent(Resources::none().with_cpu_milli(cpus * 1_000), rack);
        }
        for (of, (weight, limit, guarantee)) in &self.terms {
            let milli = guarantee * 1_000;
            let settings = RoleSettings {
                weight: *weight,
                limit: Bounds::none().with_common(0, limit.map(|limit| limit * 1_000)),
                guarantee: Resources::none().with_cpu_milli(milli),
            };
            world.set_role(&role(ROLES[*of]), settings.clone());
            if View::new(&world.books).all_unmet().0[0] > u128::from(self.size() * 1_000) {
                world.set_role(&role(ROLES[*of]), RoleSettings { guarantee: Resources::none(), ..settings });
            }
        }
        for (of, _) in &self.clients {
            world.add_client(role(ROLES[*of]), Traits::default());
        }
        world
    }

    /// The clients of that world, each with what it is to want.
    pub(crate) fn demands(&self, world: &World) -> Vec<(ClientIx, Demand)> {
        let wanted = self.clients.iter().map(|(_, demand)| demand.clone());
        world.books.clients.keys().copied().zip(wanted).collect()
    }
}

impl World {
    /// Makes each copy on offer a task of its own.
    pub(crate) fn launch_all(&mut self) {
        for number in self.offers_where(|_, _| true) {
            let offer = self.books.offers[&number].clone();
            let one = self.books.clients[&offer.client].wants[offer.counts.unwrap().want].clone();
            let row = &self.books.clients[&offer.client];
            let standing = self.books.offers.iter().filter(|(other, held)| **other != number && held.client == offer.client);
            let counted: u64 = standing.filter_map(|(_, held)| held.counts).map(|counts| counts.copies).sum();
            let left = row.wants[0].copies.map(|left| left + counted);
            self.end_offer(number);
            for _ in 0..offer.counts.unwrap().copies {
                self.launch(offer.client, offer.agent, one.resources.clone());
            }
            if left.is_some() {
                self.set_demand(offer.client, Demand { shapes: vec![Shape { copies: left, ..one }] });
            }
        }
    }
}

/// How many copies each client was granted.
pub(crate) fn copies(grants: &[Grant]) -> BTreeMap<ClientIx, u64> {
    let mut copies = BTreeMap::new();
    for grant in grants {
        *copies.entry(grant.client).or_default() += grant.resources.cpu_milli() / 1_000;
    }
    copies
}

/// How many copies each client has.
pub(crate) fn had(held: &BTreeMap<ClientIx, Amounts>) -> BTreeMap<ClientIx, u64> {
    held.iter().map(|(client, held)| (*client, u64::try_from(held.0[0] / 1_000).unwrap())).collect()
}
