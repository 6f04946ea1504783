//! DeclineOffers through a whole master: events in, one flush, effects out. What is above the allocator's own figure is what a
//! master does beside it: offers with ids and leases, messages, the ledger.

use std::collections::BTreeMap;
use std::time::Duration;

use meros_master_core::{Effect, Event, Master, MasterConfig, StreamId};
use meros_types::{
    AgentReport, AgentSecret, Attributes, BootId, Call, Decline, Demand, DemandCall, FAILOVER_TIMEOUT_DEFAULT, FrameworkEvent,
    FromAgent, FromFramework, IdSource, Now, OfferId, OfferPreferences, Register, Resources, Role, SessionId, Subscribe,
    SubscribeMode, Term,
};

use super::decline;
use super::measure::Stopwatch;
use super::report::{Report, Size};

/// The name of the grid.
pub const GRID: &str = "WholeMaster";
/// The part of it that answers the allocator's own pass.
pub const FLUSH: &str = "the flush that offers everything";
/// The other part.
const DECLINES: &str = "the declines' events";

/// A master, and the other ends of its frameworks' streams.
struct World {
    master: Master,
    now: Now,
    /// Of each framework that has subscribed.
    sessions: BTreeMap<StreamId, SessionId>,
    offers: BTreeMap<StreamId, Vec<OfferId>>,
}

/// Each of these numbers of agents and frameworks.
pub fn run(sizes: &[(usize, usize)], report: &mut Report) {
    for (agents, frameworks) in sizes {
        let mut world = World::start(*agents, *frameworks);
        let (mut declines, mut flushes) = (Stopwatch::default(), Stopwatch::default());
        while !flushes.is_enough() {
            let events = world.declines();
            let mut effects = Vec::new();
            declines.time(|| {
                events.into_iter().for_each(|event| world.master.handle(world.now, event, &mut effects));
                *agents
            });
            flushes.time(|| {
                world.master.flush(world.now, &mut effects);
                effects.iter().map(offers_in).sum()
            });
            world.hear(effects);
        }
        let size = Size { agents: *agents, frameworks: *frameworks, roles: 1 };
        report.add(GRID, FLUSH, size, flushes.timing());
        report.add(GRID, DECLINES, size, declines.timing());
    }
}

impl World {
    /// Everything is registered and subscribed, and every agent is on offer.
    fn start(agents: usize, frameworks: usize) -> Self {
        let master = Master::new(MasterConfig::new(Term(1), 7));
        let mut world = Self { master, now: Now::default(), sessions: BTreeMap::new(), offers: BTreeMap::new() };
        let mut ids = IdSource::seeded(7);
        let streams = (1..).map(StreamId);
        let subscriptions = (0..frameworks).map(|n| (subscription(n), Vec::new()));
        for (stream, (subscribe, mut effects)) in streams.clone().zip(subscriptions) {
            let message = FromFramework { session: None, calls: vec![subscribe] };
            world.master.handle(world.now, Event::FrameworkSaid { stream, message }, &mut effects);
            world.settle(effects);
        }
        for (stream, session) in world.sessions.clone() {
            let demand = Call::Demand(DemandCall { role: Role::default(), version: 1, demand: Demand::anything() });
            let message = FromFramework { session: Some(session), calls: vec![demand] };
            world.master.handle(world.now, Event::FrameworkSaid { stream, message }, &mut Vec::new());
        }
        let (total, used) = decline::agent();
        let free = total.saturating_sub(&used);
        let mut effects = Vec::new();
        for (stream, n) in streams.skip(frameworks).zip(0..agents) {
            let report = AgentReport::Register(Box::new(registration(n, free.clone(), &mut ids)));
            let event = Event::AgentSaid { stream, message: FromAgent { session: None, report } };
            world.master.handle(world.now, event, &mut effects);
        }
        world.settle(effects);
        world
    }

    /// Ends the batch. A disk that takes no time stores what is to be stored, and what follows from that is heard.
    fn settle(&mut self, mut effects: Vec<Effect>) {
        loop {
            self.master.flush(self.now, &mut effects);
            let stored = effects.iter().rev().find_map(|effect| match effect {
                Effect::Persist { seq, .. } => Some(*seq),
                _ => None,
            });
            self.hear(std::mem::take(&mut effects));
            let Some(seq) = stored else { return };
            self.master.handle(self.now, Event::Durable { seq }, &mut effects);
        }
    }

    fn hear(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            let Effect::ToFramework { stream, message } = effect else { continue };
            match message.event {
                FrameworkEvent::Subscribed(_) => drop(self.sessions.insert(stream, message.session)),
                FrameworkEvent::Offers(offers) => {
                    self.offers.entry(stream).or_default().extend(offers.iter().map(|offer| offer.id));
                }
                _ => {}
            }
        }
    }

    /// Every framework declines what it has, in one message.
    fn declines(&mut self) -> Vec<Event> {
        let declined = std::mem::take(&mut self.offers).into_iter();
        let events = declined.map(|(stream, offers)| {
            let calls = vec![Call::Decline(Decline { offers, filter: Duration::ZERO })];
            Event::FrameworkSaid { stream, message: FromFramework { session: self.sessions.get(&stream).copied(), calls } }
        });
        events.collect()
    }
}

fn offers_in(effect: &Effect) -> usize {
    match effect {
        Effect::ToFramework { message, .. } => match &message.event {
            FrameworkEvent::Offers(offers) => offers.len(),
            _ => 0,
        },
        _ => 0,
    }
}

fn subscription(n: usize) -> Call {
    Call::Subscribe(Subscribe {
        framework: None,
        name: format!("decliner-{n}"),
        key: None,
        roles: vec![Role::default()],
        mode: SubscribeMode::Takeover,
        failover_timeout: FAILOVER_TIMEOUT_DEFAULT,
        preferences: OfferPreferences::default(),
    })
}

fn registration(n: usize, resources: Resources, ids: &mut IdSource) -> Register {
    Register {
        agent: None,
        secret: AgentSecret::from_bytes(*ids.agent().as_bytes()),
        incarnation: ids.incarnation(),
        boot: BootId::new("one"),
        term: Term(0),
        hostname: format!("agent-{n}"),
        resources,
        attributes: Attributes::default(),
        domain: None,
        containers: Vec::new(),
    }
}
