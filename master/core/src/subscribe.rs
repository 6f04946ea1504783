//! Subscribing: who a stream's framework is, whether it takes over or resumes, and what it is told first.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::{
    AgentOrder, Call, Demand, Epoch, FrameworkEvent, FrameworkId, FromFramework, Now, Role, SessionEnd, SessionEndKind, SessionId,
    Subscribe, SubscribeMode, Subscribed, ToFramework,
};

use crate::event::StreamId;
use crate::rows::{Framework, Link};
use crate::table::{AgentIx, ClientIx, FrameworkIx};
use crate::{Effect, FRAMEWORKS_MAX, Master, Peer};

impl Master {
    /// The first message of a stream must subscribe.
    pub(crate) fn first_words(&mut self, now: Now, stream: StreamId, message: FromFramework, effects: &mut Vec<Effect>) {
        if message.session.is_some() {
            // The last words of a session that is over. Whoever subscribes has none.
            return effects.push(Effect::CloseStream { stream });
        }
        let mut calls = message.calls.into_iter();
        let subscribe = match calls.next() {
            Some(Call::Subscribe(subscribe)) => subscribe,
            Some(Call::Refused(refused)) => return self.turn_away(stream, SessionEndKind::Invalid, &refused.reason, effects),
            _ => return self.turn_away(stream, SessionEndKind::Invalid, "the first call of a stream must be SUBSCRIBE", effects),
        };
        match self.subscriber(&subscribe) {
            Ok(framework) => {
                self.attach(now, stream, framework, subscribe, effects);
                self.calls(now, stream, framework, calls, effects);
            }
            Err((kind, message)) => self.turn_away(stream, kind, &message, effects),
        }
    }

    /// The framework that this is, a new one if need be, or why there can be none.
    fn subscriber(&mut self, subscribe: &Subscribe) -> Result<FrameworkIx, (SessionEndKind, String)> {
        let invalid = |message: &str| Err((SessionEndKind::Invalid, message.to_owned()));
        if subscribe.roles.is_empty() {
            return invalid("a framework subscribes with at least one role; * is the one for all");
        }
        let by_key = subscribe.key.as_ref().and_then(|key| self.frameworks_by_key.get(key).copied());
        let by_id = subscribe.framework.and_then(|id| self.frameworks_by_id.get(&id).copied());
        let ending = by_id.is_some_and(|framework| self.frameworks[framework].removed);
        if ending || subscribe.framework.is_some_and(|id| self.removed.contains(&id)) {
            let message = "this framework was torn down or its failover timeout passed; subscribe without an id as a new one";
            return Err((SessionEndKind::Removed, message.to_owned()));
        }
        match (by_id, by_key) {
            (id, Some(_)) if id != by_key && subscribe.framework.is_some() => {
                invalid("the framework's id and its key name different frameworks")
            }
            (Some(framework), None) if subscribe.key.is_some() && self.frameworks[framework].key.is_some() => {
                invalid("the framework subscribed with another key before")
            }
            (Some(framework), _) | (None, Some(framework)) => self.admit(framework, subscribe),
            (None, None) if self.frameworks.len() >= FRAMEWORKS_MAX => {
                invalid("the master has as many frameworks as it can know; end some of them")
            }
            (None, None) => Ok(self.new_framework(subscribe)),
        }
    }

    fn admit(&mut self, framework: FrameworkIx, subscribe: &Subscribe) -> Result<FrameworkIx, (SessionEndKind, String)> {
        let row = &mut self.frameworks[framework];
        match subscribe.mode {
            SubscribeMode::Takeover => row.epoch = Epoch(row.epoch.0.saturating_add(1)),
            SubscribeMode::Resume(epoch) if epoch < row.epoch => {
                let message = "another scheduler of this framework has taken over; stop this one, or restart it to take over again";
                return Err((SessionEndKind::Fenced, message.to_owned()));
            }
            SubscribeMode::Resume(epoch) => row.epoch = epoch,
        }
        if let Some(key) = &subscribe.key {
            row.key = Some(key.clone());
            self.frameworks_by_key.insert(key.clone(), framework);
        }
        Ok(framework)
    }

    fn new_framework(&mut self, subscribe: &Subscribe) -> FrameworkIx {
        let id = subscribe.framework.unwrap_or_else(|| self.ids.framework());
        let epoch = match subscribe.mode {
            SubscribeMode::Takeover => Epoch(1),
            SubscribeMode::Resume(epoch) => epoch,
        };
        let framework = self.insert_framework(id, subscribe.name.clone(), epoch);
        if let Some(key) = &subscribe.key {
            self.frameworks[framework].key = Some(key.clone());
            self.frameworks_by_key.insert(key.clone(), framework);
        }
        framework
    }

    /// Enters a framework with no stream, no role and no key.
    pub(crate) fn insert_framework(&mut self, id: FrameworkId, name: String, epoch: Epoch) -> FrameworkIx {
        let framework = self.frameworks.insert(Framework {
            id,
            name,
            key: None,
            epoch,
            link: None,
            failover_timeout: self.config.ephemeral_timeout,
            lost_at: None,
            removed: false,
            clients: BTreeMap::new(),
            subscribed: BTreeSet::new(),
            demand_versions: BTreeMap::new(),
            offers: BTreeSet::new(),
            tasks: BTreeMap::new(),
            live_tasks: 0,
        });
        self.frameworks_by_id.insert(id, framework);
        framework
    }

    fn attach(&mut self, now: Now, stream: StreamId, framework: FrameworkIx, subscribe: Subscribe, effects: &mut Vec<Effect>) {
        self.fence(framework, effects);
        self.framework_found(framework);
        let session = self.new_session();
        self.open_stream(now, stream, Peer::Framework(framework));
        let row = &mut self.frameworks[framework];
        row.name = subscribe.name;
        row.failover_timeout = if row.key.is_some() { subscribe.failover_timeout } else { self.config.ephemeral_timeout };
        row.link = Some(Link { stream, session });
        row.demand_versions.clear();
        let (id, epoch) = (row.id, row.epoch);
        self.take_roles(framework, subscribe.roles.into_iter().collect());
        let subscribed = Subscribed { framework: id, epoch, heartbeat: self.config.heartbeat };
        self.tell(framework, FrameworkEvent::Subscribed(subscribed), effects);
        self.ask_for_facts(framework, effects);
    }

    /// Ends the session that a framework has, since another takes its place.
    pub(crate) fn fence(&mut self, framework: FrameworkIx, effects: &mut Vec<Effect>) {
        let Some(link) = self.frameworks[framework].link.take() else { return };
        self.streams.remove(&link.stream);
        self.take_back_framework_offers(framework);
        let message = "another scheduler of this framework has subscribed".to_owned();
        let event = FrameworkEvent::Ended(SessionEnd { kind: SessionEndKind::Fenced, message });
        effects.push(Effect::ToFramework { stream: link.stream, message: ToFramework { session: link.session, event } });
        effects.push(Effect::CloseStream { stream: link.stream });
    }

    /// Makes the framework a client in each role that it subscribed with, and in no other. Nothing is wanted before it says.
    fn take_roles(&mut self, framework: FrameworkIx, roles: BTreeSet<Role>) {
        for role in &roles {
            self.client(framework, role);
        }
        self.frameworks[framework].subscribed = roles;
        self.drop_idle_clients(framework);
        let row = &self.frameworks[framework];
        for (role, client) in &row.clients {
            self.allocator.set_demand(*client, Demand::nothing());
            self.allocator.set_active(*client, row.subscribed.contains(role));
        }
    }

    /// Forgets the roles that the framework doesn't subscribe with any more, but for those that live tasks are charged to.
    fn drop_idle_clients(&mut self, framework: FrameworkIx) {
        let charged: BTreeSet<ClientIx> = self.live_tasks_of(framework).into_iter().map(|ix| self.tasks[ix].client).collect();
        let row = &mut self.frameworks[framework];
        for (_, client) in row.clients.extract_if(.., |role, client| !row.subscribed.contains(role) && !charged.contains(client)) {
            self.allocator.remove_client(client);
        }
    }

    /// The framework's client in a role; a new one, if it was none there.
    pub(crate) fn client(&mut self, framework: FrameworkIx, role: &Role) -> ClientIx {
        if let Some(client) = self.frameworks[framework].clients.get(role) {
            return *client;
        }
        let weight = self.config.weights.get(role).copied().unwrap_or(1);
        let client = self.allocator.add_client(framework, role.clone(), weight);
        self.frameworks[framework].clients.insert(role.clone(), client);
        client
    }

    /// Its agents state again what the framework may have missed.
    fn ask_for_facts(&self, framework: FrameworkIx, effects: &mut Vec<Effect>) {
        let row = &self.frameworks[framework];
        let agents: BTreeSet<AgentIx> = row.tasks.values().map(|ix| self.tasks[*ix].agent).collect();
        for agent in agents {
            self.order(agent, AgentOrder::Resend(row.id), effects);
        }
    }

    fn turn_away(&mut self, stream: StreamId, kind: SessionEndKind, message: &str, effects: &mut Vec<Effect>) {
        self.counters.calls_refused += 1;
        let session = SessionId { term: self.config.term, n: 0 };
        let event = FrameworkEvent::Ended(SessionEnd { kind, message: message.to_owned() });
        effects.push(Effect::ToFramework { stream, message: ToFramework { session, event } });
        effects.push(Effect::CloseStream { stream });
    }
}
