//! A cluster that consists of an allocator: agents and clients by name, and the offers that its grants became.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use meros_master_core::allocator::{Allocator, AllocatorConfig, Grant, Purpose, Question, Recount, Traits};
use meros_master_core::table::{AgentIx, ClientIx, FrameworkIx, Ix};
use meros_types::{
    AgentId, Bounds, Demand, Explanation, FrameworkId, Obstacle, OfferedAgent, Resources, Role, RoleSettings, Shape, Time,
};

pub(crate) fn resources(text: &str) -> Resources {
    Resources::parse(text).unwrap()
}

pub(crate) fn role(text: &str) -> Role {
    text.parse().unwrap()
}

/// Copies without end.
pub(crate) fn each(text: &str) -> Demand {
    Demand { shapes: vec![Shape::of(resources(text))] }
}

pub(crate) fn copies(text: &str, count: u64) -> Demand {
    Demand::of(resources(text), count)
}

/// One shape with constraints, without end.
pub(crate) fn on(text: &str, constraints: &[&str]) -> Demand {
    let shape = Shape::of(resources(text));
    Demand { shapes: vec![constraints.iter().fold(shape, |shape, constraint| shape.on(constraint.parse().unwrap()))] }
}

pub(crate) fn limit(text: &str) -> RoleSettings {
    RoleSettings { limit: Bounds::parse(text).unwrap(), ..RoleSettings::default() }
}

pub(crate) fn guarantee(text: &str) -> RoleSettings {
    RoleSettings { guarantee: resources(text), ..RoleSettings::default() }
}

pub(crate) fn weight(weight: u32) -> RoleSettings {
    RoleSettings { weight, ..RoleSettings::default() }
}

#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) client: ClientIx,
    pub(crate) agent: AgentIx,
    pub(crate) resources: Resources,
    purpose: Purpose,
}

pub(crate) struct World {
    pub(crate) allocator: Allocator,
    agents: BTreeMap<String, (AgentIx, Resources, Resources)>,
    clients: BTreeMap<String, ClientIx>,
    /// By number, the newest last.
    pub(crate) offers: BTreeMap<usize, Offer>,
    made: usize,
    now: Time,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::configured(AllocatorConfig::default())
    }

    pub(crate) fn configured(config: AllocatorConfig) -> Self {
        let allocator = Allocator::new(config);
        Self { allocator, agents: BTreeMap::new(), clients: BTreeMap::new(), offers: BTreeMap::new(), made: 0, now: Time(0) }
    }

    pub(crate) fn agent(&mut self, name: &str, total: &str) -> &mut Self {
        self.agent_like(name, total, "", None)
    }

    pub(crate) fn agent_like(&mut self, name: &str, total: &str, attributes: &str, domain: Option<&str>) -> &mut Self {
        let (ix, total) = (AgentIx::new(self.agents.len()), resources(total));
        let about = OfferedAgent {
            attributes: attributes.parse().unwrap(),
            domain: domain.map(|domain| domain.parse().unwrap()),
            ..OfferedAgent::new(AgentId::from_bytes([ix.place() as u8; 16]), name)
        };
        self.allocator.add_total(&total);
        self.allocator.add_agent(ix, Arc::new(about), &total, &total);
        self.agents.insert(name.to_owned(), (ix, total.clone(), total));
        self
    }

    pub(crate) fn role(&mut self, name: &str, settings: RoleSettings) -> &mut Self {
        self.allocator.set_role(&role(name), settings);
        self
    }

    /// A client with a stream.
    pub(crate) fn client(&mut self, name: &str, of: &str) -> &mut Self {
        self.client_like(name, of, Traits::default())
    }

    pub(crate) fn client_like(&mut self, name: &str, of: &str, traits: Traits) -> &mut Self {
        let ix = self.allocator.add_client(FrameworkIx::new(self.clients.len()), role(of), traits);
        self.allocator.set_active(ix, true);
        self.clients.insert(name.to_owned(), ix);
        self
    }

    /// It wants this from now on; its offers count against it.
    pub(crate) fn wants(&mut self, name: &str, demand: Demand) -> &mut Self {
        let client = self.clients[name];
        self.allocator.set_demand(client, demand);
        for offer in self.offers.values_mut().filter(|offer| offer.client == client) {
            offer.purpose = self.allocator.attribute(client, &offer.resources);
        }
        self
    }

    /// What a pass grants, as `client agent resources`.
    pub(crate) fn pass(&mut self) -> Vec<String> {
        let mut grants = Vec::new();
        self.allocator.pass(&mut grants);
        let lines = grants.into_iter().map(|grant| self.enter(grant)).collect();
        assert!(!self.allocator.is_dirty(), "a pass leaves nothing dirty");
        self.check();
        lines
    }

    fn enter(&mut self, grant: Grant) -> String {
        let Grant { client, agent, resources, purpose } = grant;
        let (agent_name, row) = self.agents.iter_mut().find(|(_, row)| row.0 == agent).unwrap();
        row.2 = row.2.checked_sub(&resources).unwrap();
        let name = self.clients.iter().find(|(_, ix)| **ix == client).unwrap().0;
        let line = format!("{name} {agent_name} {resources}");
        self.made += 1;
        self.offers.insert(self.made, Offer { client, agent, resources, purpose });
        line
    }

    /// Recounts everything that the allocator can't.
    pub(crate) fn check(&self) {
        let mut held: BTreeMap<ClientIx, (Recount, usize)> = BTreeMap::new();
        for offer in self.offers.values() {
            let row = held.entry(offer.client).or_default();
            row.0.add(&offer.resources);
            row.1 += 1;
        }
        let mut total = Recount::default();
        for (name, (ix, all, free)) in &self.agents {
            total.add(all);
            assert_eq!(self.allocator.free_of(*ix), Some(free), "what is free of {name}");
        }
        self.allocator.check(&held, &total);
    }

    /// Takes these offers back, as a task that ends does, or an operator.
    pub(crate) fn end(&mut self, numbers: &[usize]) -> &mut Self {
        for number in numbers {
            let offer = self.offers.remove(number).unwrap();
            self.allocator.discharge(offer.client, &offer.resources);
            self.allocator.offer_ended(offer.client, offer.purpose);
            let row = self.agents.values_mut().find(|row| row.0 == offer.agent).unwrap();
            row.2 = row.2.checked_add(&offer.resources).unwrap();
            self.allocator.set_free(offer.agent, &row.2);
        }
        self
    }

    /// A client declines all of its offers.
    pub(crate) fn declines(&mut self, name: &str, seconds: u64) -> &mut Self {
        let client = self.clients[name];
        let mine: Vec<_> = self.offers.iter().filter(|(_, offer)| offer.client == client).map(|(number, _)| *number).collect();
        for number in mine {
            let agent = self.offers[&number].agent;
            self.end(&[number]);
            let free = self.allocator.free_of(agent).unwrap().clone();
            self.allocator.answered(client);
            self.allocator.declined(self.now, client, agent, &free, Duration::from_secs(seconds));
        }
        self
    }

    pub(crate) fn passes(&mut self, seconds: u64) -> &mut Self {
        self.now = self.now.after(Duration::from_secs(seconds));
        self.allocator.time_passed(self.now);
        self
    }

    pub(crate) fn client_ix(&self, name: &str) -> ClientIx {
        self.clients[name]
    }

    pub(crate) fn agent_ix(&self, name: &str) -> AgentIx {
        self.agents[name].0
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.clients.keys().cloned().collect()
    }

    /// What a client holds.
    pub(crate) fn held(&self, name: &str) -> Resources {
        self.allocator.allocated([self.clients[name]].into_iter())
    }

    pub(crate) fn explain(&self, name: &str) -> Explanation {
        let question = Question { shape: None, now: self.now, off_duty: 0 };
        self.allocator.explain(self.clients[name], &question, |framework| FrameworkId::from_bytes([framework.place() as u8; 16]))
    }

    /// What stands between the first open shape of a client and an offer.
    pub(crate) fn obstacles(&self, name: &str) -> Vec<Obstacle> {
        self.explain(name).shapes.swap_remove(0).obstacles
    }
}
