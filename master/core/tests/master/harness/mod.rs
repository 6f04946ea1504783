//! A master, its peers by name, and the time. `check` is the one way in: it lets something happen, flushes, lets the master
//! check itself after each step, and compares everything that the master wants done, so that nothing unexpected stays unseen.

mod call;
mod disk;
mod operator;
mod show;
mod step;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meros_master_core::{Effect, Event, Master, MasterConfig, Metrics, Reply, Request, StreamId, Token};
use meros_types::*;

pub(crate) use call::*;
pub(crate) use disk::Disk;
pub(crate) use operator::*;
pub(crate) use step::*;

/// The other end of a stream: what the test knows of it.
#[derive(Clone, Debug)]
struct Peer {
    stream: StreamId,
    open: bool,
    session: Option<SessionId>,
    secret: AgentSecret,
    agent: Option<AgentId>,
    framework: Option<FrameworkId>,
    epoch: Epoch,
}

pub(crate) struct World {
    pub(crate) master: Master,
    pub(crate) now: Now,
    peers: BTreeMap<String, Peer>,
    names: BTreeMap<StreamId, String>,
    streams: u64,
    config: MasterConfig,
    pub(crate) disk: Disk,
    tokens: u64,
    /// The requests that have no answer yet.
    pub(crate) unanswered: BTreeSet<Token>,
    /// Whether heartbeats are among what is compared.
    pub(crate) shows_heartbeats: bool,
    /// The epoch of each launch order, in order.
    pub(crate) launched_epochs: Vec<u64>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::configured(|_| {})
    }

    pub(crate) fn configured(change: impl FnOnce(&mut MasterConfig)) -> Self {
        let mut config = MasterConfig::new(Term(1), 7);
        change(&mut config);
        Self {
            master: Master::new(config.clone()),
            now: Now { mono: Time(1_000_000_000_000), wall: WallTime(1_000_000) },
            peers: BTreeMap::new(),
            names: BTreeMap::new(),
            streams: 0,
            config,
            disk: Disk::default(),
            tokens: 0,
            unanswered: BTreeSet::new(),
            shows_heartbeats: false,
            launched_epochs: Vec::new(),
        }
    }

    /// The same with an agent.
    pub(crate) fn with_agent(mut self, name: &str, has: &str) -> Self {
        self.run(registers(name).with(has));
        self
    }

    /// The same with a framework in role `*` that wants nothing yet.
    pub(crate) fn with_framework(mut self, name: &str) -> Self {
        self.run(subscribes(name));
        self
    }

    /// The same with a framework that takes anything.
    pub(crate) fn with_taker(self, name: &str) -> Self {
        let mut world = self.with_framework(name);
        world.run(says(name, [demand(1, Demand::anything())]));
        world
    }

    /// The same after this has happened, whatever came of it.
    pub(crate) fn after(mut self, step: impl Into<Step>) -> Self {
        self.run(step);
        self
    }

    /// Lets something happen and compares what the master wants done.
    #[track_caller]
    pub(crate) fn check(&mut self, step: impl Into<Step>, expected: &[&str]) {
        let step = step.into();
        let said = format!("{step:?}");
        assert_eq!(self.run(step), expected, "after {said}");
    }

    /// Lets something happen; what the master wants done, one line each.
    pub(crate) fn run(&mut self, step: impl Into<Step>) -> Vec<String> {
        let mut effects = Vec::new();
        match step.into() {
            Step::Passes(time) => self.pass(time, &mut effects),
            Step::Ends(name) => self.end(&name, &mut effects),
            Step::Batch(steps) => steps.into_iter().for_each(|step| self.take(step, &mut effects)),
            Step::Restarts => self.restart_master(),
            Step::Holds => self.disk.holds = true,
            Step::Stores(count) => self.store(count, &mut effects),
            Step::Releases => self.disk.holds = false,
            step => self.take(step, &mut effects),
        }
        self.flush(&mut effects);
        self.check_books();
        effects.iter().filter_map(|effect| self.show(effect)).collect()
    }

    /// Lets something happen that a framework is told one update of, and nothing else comes of; the update.
    pub(crate) fn answered(&mut self, step: Step) -> TaskUpdate {
        let event = self.event(step).unwrap();
        let mut effects = Vec::new();
        self.handle(event, &mut effects);
        match effects.as_slice() {
            [Effect::ToFramework { message: ToFramework { event: FrameworkEvent::Update(update), .. }, .. }] => (**update).clone(),
            other => panic!("{other:?} is not one update"),
        }
    }

    fn take(&mut self, step: Step, effects: &mut Vec<Effect>) {
        if let Some(event) = self.event(step) {
            self.handle(event, effects);
        }
    }

    /// Lets something happen and looks at nothing: for what must happen thousands of times.
    pub(crate) fn quietly(&mut self, step: impl Into<Step>) {
        let event = self.event(step.into()).unwrap();
        let mut effects = Vec::new();
        self.master.handle(self.now, event, &mut effects);
        self.master.flush(self.now, &mut effects);
        self.hear(&effects);
        while !self.disk.holds
            && let Some(seq) = self.disk.store(usize::MAX)
        {
            effects.clear();
            self.master.handle(self.now, Event::Durable { seq }, &mut effects);
            self.master.flush(self.now, &mut effects);
            self.hear(&effects);
        }
    }

    fn handle(&mut self, event: Event, effects: &mut Vec<Effect>) {
        let before = effects.len();
        self.master.handle(self.now, event, effects);
        self.master.check();
        self.hear(&effects[before..]);
    }

    /// Ends the batch. A disk that doesn't hold back stores at once what is written, and what follows from that is part of it.
    fn flush(&mut self, effects: &mut Vec<Effect>) {
        let before = effects.len();
        self.master.flush(self.now, effects);
        self.master.check();
        self.hear(&effects[before..]);
        assert!(effects[before..].iter().filter(|effect| matches!(effect, Effect::Persist { .. })).count() <= 1);
        if !self.disk.holds && self.disk.waiting() > 0 {
            self.store(usize::MAX, effects);
            self.flush(effects);
        }
    }

    /// Stores the oldest transactions that are under way.
    fn store(&mut self, count: usize, effects: &mut Vec<Effect>) {
        if let Some(seq) = self.disk.store(count) {
            self.handle(Event::Durable { seq }, effects);
        }
    }

    fn end(&mut self, name: &str, effects: &mut Vec<Effect>) {
        let streams: Vec<StreamId> = self.names.iter().filter(|(_, other)| *other == name).map(|(stream, _)| *stream).collect();
        for stream in streams {
            self.handle(Event::AgentClosed { stream }, effects);
        }
        self.peers.remove(name);
    }

    /// Goes on to `time` later, and stops at each moment that the master waits for.
    fn pass(&mut self, time: Duration, effects: &mut Vec<Effect>) {
        let end = self.now.mono.after(time);
        while let Some(at) = self.master.wakeup().filter(|at| *at <= end) {
            assert!(at > self.now.mono, "the master waits for a moment that it has dealt with");
            self.go_to(at);
            self.handle(Event::TimePassed, effects);
            self.flush(effects);
            self.keep_alive();
        }
        self.go_to(end);
    }

    fn go_to(&mut self, at: Time) {
        self.now.wall.0 += u64::try_from(at.since(self.now.mono).as_millis()).unwrap();
        self.now.mono = at;
    }

    /// Every peer that has not been silenced says that it is alive.
    fn keep_alive(&mut self) {
        let names: Vec<String> = self.peers.keys().filter(|name| !name.starts_with("silent")).cloned().collect();
        for name in names {
            let beat = if self.peers[&name].agent.is_some() { beats(&name) } else { says(&name, [Call::Heartbeat]) };
            if self.peers[&name].open && self.peers[&name].session.is_some() {
                let event = self.event(beat).unwrap();
                self.master.handle(self.now, event, &mut Vec::new());
            }
        }
    }

    /// The process is killed and the next one begins, from what was stored; peers' ids stay what they were.
    fn restart_master(&mut self) {
        self.config.term.0 += 1;
        self.config.seed += 1;
        self.master = Master::recovered(self.config.clone(), self.disk.restart(), self.now);
        self.master.check();
        self.unanswered.clear();
        self.peers.values_mut().for_each(|peer| peer.open = false);
    }

    fn open(&mut self, name: &str) -> StreamId {
        self.streams += 1;
        let stream = StreamId(self.streams);
        let secret = secret_of(name);
        let peer = Peer { stream, open: true, session: None, secret, agent: None, framework: None, epoch: Epoch(0) };
        self.peers.insert(name.to_owned(), peer);
        self.names.insert(stream, name.to_owned());
        stream
    }

    /// Remembers the sessions and ids that the master gives. What comes over an earlier stream than the peer's own is lost.
    fn hear(&mut self, effects: &[Effect]) {
        for effect in effects {
            let stream = match effect {
                Effect::ToAgent { stream, .. } | Effect::ToFramework { stream, .. } | Effect::CloseStream { stream } => {
                    Some(*stream)
                }
                Effect::Persist { .. } | Effect::Reply { .. } => None,
            };
            let name = stream.and_then(|stream| self.names.get(&stream));
            let peer = name.and_then(|name| self.peers.get_mut(name)).filter(|peer| Some(peer.stream) == stream);
            self.disk.witness(effect, peer.as_ref().and_then(|peer| peer.framework));
            if let Effect::ToAgent { message: ToAgent { order: AgentOrder::Launch(launch), .. }, .. } = effect {
                self.launched_epochs.push(launch.epoch.0);
            }
            if let Effect::Reply { token, .. } = effect {
                assert!(self.unanswered.remove(token), "a request is answered twice");
            }
            match (effect, peer) {
                (Effect::Persist { seq, changes }, _) => self.disk.write(*seq, changes),
                (Effect::ToAgent { message, .. }, Some(peer)) => {
                    if let AgentOrder::Registered(registered) = &message.order {
                        (peer.session, peer.agent) = (Some(message.session), Some(registered.agent));
                    }
                }
                (Effect::ToFramework { message, .. }, Some(peer)) => {
                    if let FrameworkEvent::Subscribed(subscribed) = &message.event {
                        (peer.session, peer.framework) = (Some(message.session), Some(subscribed.framework));
                        peer.epoch = subscribed.epoch;
                    }
                }
                (Effect::CloseStream { .. }, Some(peer)) => peer.open = false,
                (Effect::ToAgent { .. } | Effect::ToFramework { .. } | Effect::CloseStream { .. } | Effect::Reply { .. }, _) => {}
            }
        }
    }

    /// The peer over whose open stream this agent, if any, speaks.
    pub(crate) fn speaker(&self, agent: AgentId) -> Option<String> {
        let mut open = self.peers.iter().filter(|(_, peer)| peer.open && peer.session.is_some());
        open.find(|(_, peer)| peer.agent == Some(agent)).map(|(name, _)| name.clone())
    }

    /// The name under which this framework subscribed.
    pub(crate) fn subscriber(&self, framework: FrameworkId) -> Option<String> {
        self.peers.iter().find(|(_, peer)| peer.framework == Some(framework)).map(|(name, _)| name.clone())
    }

    /// Whether this name has been an agent's.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.peers.get(name).is_some_and(|peer| peer.agent.is_some())
    }

    pub(crate) fn agent_id(&self, name: &str) -> AgentId {
        self.peers[name].agent.unwrap()
    }

    /// The same, or one of its own for a name that was never an agent's.
    pub(super) fn some_agent_id(&self, name: &str) -> AgentId {
        let known = self.peers.get(name).and_then(|peer| peer.agent);
        known.unwrap_or_else(|| AgentId::from_bytes([name.as_bytes()[0]; 16]))
    }

    /// The number of the next request.
    pub(super) fn token(&mut self) -> Token {
        self.tokens += 1;
        self.unanswered.insert(Token(self.tokens));
        Token(self.tokens)
    }

    /// The id of the framework that subscribed under this name, or one of its own for a name that never did.
    pub(crate) fn framework_id(&self, name: &str) -> FrameworkId {
        let known = self.peers.get(name).and_then(|peer| peer.framework);
        known.unwrap_or_else(|| FrameworkId::from_bytes([name.as_bytes()[0]; 16]))
    }

    pub(crate) fn epoch(&self, name: &str) -> Epoch {
        self.peers[name].epoch
    }

    /// Lets a peer believe in another's session.
    pub(crate) fn forge_session(&mut self, name: &str, other: &str) {
        self.peers.get_mut(name).unwrap().session = self.peers[other].session;
    }

    /// The agent's row of the state.
    pub(crate) fn agent_state(&self, name: &str) -> AgentState {
        let id = self.agent_id(name);
        self.master.state().agents.into_iter().find(|agent| agent.id == id).unwrap()
    }

    pub(crate) fn metrics(&mut self) -> Metrics {
        let mut effects = Vec::new();
        self.master.handle(self.now, Event::Asked { token: Token(0), request: Request::Metrics }, &mut effects);
        let metrics = effects.into_iter().find_map(|effect| match effect {
            Effect::Reply { reply: Reply::Metrics(metrics), .. } => Some(*metrics),
            _ => None,
        });
        metrics.unwrap()
    }

    /// What people are shown must add up, counted apart from the master's own recount.
    fn check_books(&self) {
        let state = self.master.state();
        self.disk.check_shown(&state, &self.config);
        let sum =
            |resources: Vec<&Resources>| resources.into_iter().fold(Resources::none(), |sum, add| sum.checked_add(add).unwrap());
        for agent in &state.agents {
            let offered = sum(state.offers.iter().filter(|offer| offer.agent == agent.id).map(|offer| &offer.resources).collect());
            assert_eq!(agent.offered, offered);
            let live = state.tasks.iter().filter(|task| task.agent == agent.id && !task.update.state.is_terminal());
            let held = sum(live.map(|task| &task.resources).collect());
            if agent.total.is_none() {
                continue; // Unreachable, and in no sum.
            }
            assert_eq!(sum(vec![&agent.used, &agent.releasing]), held);
            assert!(agent.total.saturating_sub(&held).contains(&offered), "{} is given to two", agent.hostname);
            assert_eq!(agent.free, agent.total.saturating_sub(&held).saturating_sub(&offered));
        }
    }
}
