//! Plays the master: turns grants into offers, keeps the books and tells the allocator what a master would, in its order.
//!
//! Agents' indices are given again after they went, the lowest first, so that what outlives an agent shows.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use meros_master_core::allocator::{Allocator, AllocatorConfig, Grant, Recount, Traits};
use meros_master_core::table::{AgentIx, ClientIx, FrameworkIx, Ix};
use meros_types::{AgentId, Demand, OfferedAgent, Resources, Role, RoleSettings, Shape, Time};

use crate::books::{Agent, Books, Client, Counts, Offer};

/// How long an offer stands.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) allocator: Allocator,
    pub(crate) books: Books,
    pub(crate) now: Time,
    /// Whose free resources changed since the last pass, in this order.
    pub(crate) changed: Vec<AgentIx>,
    last_number: u64,
    frameworks: usize,
}

impl World {
    pub(crate) fn new(config: AllocatorConfig) -> Self {
        let books = Books { config: config.clone(), ..Books::default() };
        Self { allocator: Allocator::new(config), books, now: Time(0), changed: Vec::new(), last_number: 0, frameworks: 0 }
    }

    // ---- agents

    pub(crate) fn add_agent(&mut self, total: Resources, about: &str) -> AgentIx {
        let ix = (0..).map(AgentIx::new).find(|ix| !self.books.agents.contains_key(ix)).unwrap();
        let (attributes, region) = about.split_once('@').unwrap_or((about, ""));
        let domain = (!region.is_empty()).then(|| format!("{region}/z").parse().unwrap());
        let plain = OfferedAgent::new(AgentId::from_bytes([ix.place() as u8; 16]), format!("h{}", ix.place()));
        let about = Arc::new(OfferedAgent { attributes: attributes.parse().unwrap(), domain, ..plain });
        self.allocator.add_total(&total);
        self.allocator.add_agent(ix, about.clone(), &total, &total);
        self.books.agents.insert(ix, Agent { about, total, on_duty: true });
        ix
    }

    /// An agent is unreachable: whatever is on it is nobody's any more.
    pub(crate) fn remove_agent(&mut self, agent: AgentIx) {
        self.off_duty(agent);
        for number in self.tasks_where(|_, at| at == agent) {
            self.end_task(number);
        }
        self.allocator.subtract_total(&self.books.agents[&agent].total);
        self.books.agents.remove(&agent);
        self.changed.retain(|changed| *changed != agent);
    }

    /// Its offers end, its tasks go on.
    pub(crate) fn off_duty(&mut self, agent: AgentIx) {
        for number in self.offers_where(|_, at| at == agent) {
            self.end_offer(number);
        }
        if std::mem::take(&mut self.books.agents.get_mut(&agent).unwrap().on_duty) {
            self.allocator.remove_agent(agent);
        }
        self.books.filters.retain(|(_, at), _| *at != agent);
        self.books.passed.retain(|(_, at)| *at != agent);
        self.books.clients.values_mut().for_each(|row| row.expired.retain(|at, _| *at != agent));
    }

    pub(crate) fn on_duty(&mut self, agent: AgentIx) {
        let free = self.books.free(agent);
        let row = self.books.agents.get_mut(&agent).unwrap();
        if !std::mem::replace(&mut row.on_duty, true) {
            self.allocator.add_agent(agent, row.about.clone(), &row.total, &free);
        }
    }

    // ---- roles and clients

    pub(crate) fn set_role(&mut self, role: &Role, settings: RoleSettings) {
        self.allocator.set_role(role, settings.clone());
        if settings == RoleSettings::default() {
            self.books.settings.remove(role);
        } else {
            self.books.settings.insert(role.clone(), settings);
        }
    }

    /// Takes back the offers that a lowered limit leaves no room for, as the allocator says; they are returned in its order.
    pub(crate) fn rescind_above_limits(&mut self) -> Vec<u64> {
        let newest_first = self.books.offers.iter().rev().map(|(number, offer)| (*number, offer.client, &offer.resources));
        let above = self.allocator.offers_above_limits(newest_first);
        above.iter().for_each(|number| self.end_offer(*number));
        above
    }

    pub(crate) fn set_recovering(&mut self, recovering: bool) {
        self.allocator.set_recovering(recovering);
        self.books.recovering = recovering;
    }

    /// A client with a stream, of a framework of its own.
    pub(crate) fn add_client(&mut self, role: Role, traits: Traits) -> ClientIx {
        self.frameworks += 1;
        let framework = FrameworkIx::new(self.frameworks);
        let ix = self.allocator.add_client(framework, role.clone(), traits.clone());
        let row = Client { framework, role, traits, active: true, wants: Vec::new(), version: 0, expired: BTreeMap::new() };
        let before = self.books.clients.insert(ix, row);
        assert!(before.is_none(), "{ix:?} was given to a new client and is an old one's");
        self.allocator.set_active(ix, true);
        ix
    }

    pub(crate) fn remove_client(&mut self, client: ClientIx) {
        self.set_active(client, false);
        for number in self.tasks_where(|of, _| of == client) {
            self.end_task(number);
        }
        self.allocator.remove_client(client);
        self.books.clients.remove(&client);
    }

    /// A client's stream opens or closes; with it go its offers.
    pub(crate) fn set_active(&mut self, client: ClientIx, active: bool) {
        for number in self.offers_where(|of, _| of == client) {
            self.end_offer(number);
        }
        self.allocator.set_active(client, active);
        self.forget_filters(client);
        let row = self.books.clients.get_mut(&client).unwrap();
        row.active = active;
        row.expired.clear();
    }

    pub(crate) fn set_traits(&mut self, client: ClientIx, traits: Traits) {
        self.allocator.set_traits(client, traits.clone());
        self.forget_filters(client);
        self.books.clients.get_mut(&client).unwrap().traits = traits;
    }

    /// A new demand; what stands on offer counts against it, the oldest offer first.
    pub(crate) fn set_demand(&mut self, client: ClientIx, demand: Demand) {
        self.allocator.set_demand(client, demand.clone());
        self.forget_filters(client);
        let row = self.books.clients.get_mut(&client).unwrap();
        row.wants = demand.shapes;
        row.version += 1;
        for offer in self.books.offers.values_mut().filter(|offer| offer.client == client) {
            offer.purpose = Some(self.allocator.attribute(client, &offer.resources));
            offer.counts = row.count_against(|shape| shape.is_anything() || shape.fits(&offer.resources), &offer.resources);
        }
    }

    pub(crate) fn forget_filters(&mut self, client: ClientIx) {
        self.books.filters.retain(|(of, _), _| *of != client);
    }

    // ---- what is had

    pub(crate) fn offers_where(&self, here: impl Fn(ClientIx, AgentIx) -> bool) -> Vec<u64> {
        self.books.offers.iter().filter(|(_, offer)| here(offer.client, offer.agent)).map(|(number, _)| *number).collect()
    }

    pub(crate) fn tasks_where(&self, here: impl Fn(ClientIx, AgentIx) -> bool) -> Vec<u64> {
        self.books.tasks.iter().filter(|(_, task)| here(task.client, task.agent)).map(|(number, _)| *number).collect()
    }

    pub(crate) fn end_offer(&mut self, number: u64) {
        let offer = self.books.offers.remove(&number).unwrap();
        let row = self.books.clients.get_mut(&offer.client).unwrap();
        if let Some(counts) = offer.counts.filter(|counts| counts.version == row.version) {
            let want = &mut row.wants[counts.want];
            want.copies = want.copies.map(|copies| copies + counts.copies);
        }
        self.books.passed.insert((offer.client, offer.agent));
        self.allocator.discharge(offer.client, &offer.resources);
        self.allocator.offer_ended(offer.client, offer.purpose.unwrap());
        self.change(offer.agent);
    }

    pub(crate) fn end_task(&mut self, number: u64) {
        let task = self.books.tasks.remove(&number).unwrap();
        self.allocator.discharge(task.client, &task.resources);
        self.change(task.agent);
    }

    pub(crate) fn change(&mut self, agent: AgentIx) {
        if !self.changed.contains(&agent) {
            self.changed.push(agent);
        }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    // ---- passes

    /// The end of a batch: what changed is told, and what is granted becomes offers.
    pub(crate) fn pass(&mut self) -> Vec<Grant> {
        self.tell_changes();
        let mut grants = Vec::new();
        if self.allocator.is_dirty() {
            self.allocator.pass(&mut grants);
        }
        for grant in &grants {
            let (number, expires) = (self.number(), self.now.after(LEASE));
            self.books.enter(number, expires, grant);
        }
        self.check();
        grants
    }

    pub(crate) fn tell_changes(&mut self) {
        for agent in std::mem::take(&mut self.changed) {
            self.allocator.set_free(agent, &self.books.free(agent));
        }
    }

    /// Panics when the allocator contradicts itself or says anything else than the books.
    pub(crate) fn check(&self) {
        let mut held: BTreeMap<ClientIx, (Recount, usize)> = BTreeMap::new();
        for (client, _, resources) in self.books.holdings() {
            held.entry(client).or_default().0.add(resources);
        }
        for offer in self.books.offers.values() {
            held.entry(offer.client).or_default().1 += 1;
        }
        let mut total = Recount::default();
        self.books.agents.values().for_each(|agent| total.add(&agent.total));
        self.allocator.check(&held, &total);
    }
}

impl Books {
    /// Writes a grant down as an offer. Panics when it is more than what is free, or no copy of anything that is wanted.
    pub(crate) fn enter(&mut self, number: u64, expires: Time, grant: &Grant) {
        let (client, agent, resources) = (grant.client, grant.agent, grant.resources.clone());
        assert!(self.agents.get(&agent).is_some_and(|row| row.on_duty), "{grant:?} is of an agent that may not be offered");
        let free = self.free(agent);
        assert!(!resources.is_none() && free.contains(&resources), "{grant:?} is not in what is free: {free}");
        let (row, about) = (self.clients.get_mut(&client).unwrap(), &self.agents[&agent].about);
        let is_for = |shape: &Shape| shape.is_anything() || is_copies_of(shape, &resources);
        let counts = row.count_against(|shape| shape.excluded_by(about).is_none() && is_for(shape), &resources);
        assert!(counts.is_some(), "{grant:?} is nothing that is wanted: {:?}", row.wants);
        self.offers.insert(number, Offer { client, agent, resources, purpose: Some(grant.purpose), expires, counts });
    }
}

impl Client {
    /// Counts resources against the first open want that they are for.
    fn count_against(&mut self, is_for: impl Fn(&Shape) -> bool, resources: &Resources) -> Option<Counts> {
        let version = self.version;
        let (want, shape) = self.wants.iter_mut().enumerate().find(|(_, shape)| shape.copies != Some(0) && is_for(shape))?;
        let copies = if shape.is_anything() { 1 } else { shape.fitting(resources) };
        shape.copies = shape.copies.map(|left| left - copies);
        Some(Counts { version, want, copies })
    }
}

/// Whether these are some copies of a shape and nothing besides.
fn is_copies_of(shape: &Shape, resources: &Resources) -> bool {
    let copies = shape.fitting(resources);
    copies > 0 && shape.take(resources, copies) == *resources
}
