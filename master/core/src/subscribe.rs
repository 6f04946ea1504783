//! Subscribing: who a stream's framework is, whether it takes over or resumes, what that waits for, and what it is told first.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meros_types::{
    AgentOrder, Call, Demand, Epoch, FrameworkEvent, FrameworkId, FromFramework, LEASE_MAX, LEASE_MIN, LEAST_MAX, Now,
    OfferPreferences, Role, SessionEnd, SessionEndKind, SessionId, Subscribe, SubscribeMode, Subscribed, ToFramework,
};

use crate::allocator::Traits;
use crate::event::StreamId;
use crate::registry::FrameworkRecord;
use crate::rows::{Framework, FrameworkStanding, Link, Waiting};
use crate::table::{AgentIx, ClientIx, FrameworkIx};
use crate::writes::Entity;
use crate::{Effect, Entrant, FRAMEWORKS_MAX, Master, PRINCIPAL, Peer};

/// What a scheduler is told whose place another takes.
const FENCED: &str = "another scheduler of this framework has subscribed";

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
        self.subscribe(now, stream, subscribe, calls.collect(), effects);
    }

    /// Whoever resumes what is stored has its session at once; others wait until it is.
    fn subscribe(&mut self, now: Now, stream: StreamId, subscribe: Subscribe, calls: Vec<Call>, effects: &mut Vec<Effect>) {
        match self.subscriber(&subscribe) {
            Ok(framework) if self.may_attach(framework, subscribe.mode) => {
                self.attach(now, stream, framework, subscribe, effects);
                self.calls(now, stream, framework, calls.into_iter(), effects);
            }
            Ok(framework) => self.await_admission(stream, framework, subscribe, calls, effects),
            Err((kind, message)) => self.turn_away(stream, kind, &message, effects),
        }
    }

    /// The same subscriber is judged anew: what it waited for has come, and was not its own admission.
    pub(crate) fn subscribe_again(&mut self, now: Now, waiting: Waiting, effects: &mut Vec<Effect>) {
        self.entering.remove(&waiting.stream);
        self.subscribe(now, waiting.stream, waiting.subscribe, waiting.calls, effects);
    }

    /// The framework that this is, a new one if need be, or why there can be none.
    fn subscriber(&mut self, subscribe: &Subscribe) -> Result<FrameworkIx, (SessionEndKind, String)> {
        let invalid = |message: &str| Err((SessionEndKind::Invalid, message.to_owned()));
        if let Err(message) = judge_preferences(&subscribe.preferences) {
            return Err((SessionEndKind::Invalid, message));
        }
        if subscribe.roles.is_empty() {
            return invalid("a framework subscribes with at least one role; * is the one for all");
        }
        let by_key = subscribe.key.as_ref().and_then(|key| self.frameworks_by_key.get(key).copied());
        let by_id = subscribe.framework.and_then(|id| self.frameworks_by_id.get(&id).copied());
        if let Some(message) = subscribe.framework.and_then(|id| self.why_over(id, by_id)) {
            return Err((SessionEndKind::Removed, message));
        }
        match (by_id, by_key) {
            (id, Some(_)) if id != by_key && subscribe.framework.is_some() => {
                invalid("the framework's id and its key name different frameworks")
            }
            (Some(framework), None) if subscribe.key.is_some() && self.frameworks[framework].key.is_some() => {
                invalid("the framework subscribed with another key before")
            }
            (Some(framework), _) | (None, Some(framework)) => self.successor(framework, subscribe),
            (None, None) if self.is_full() => invalid("the master has as many frameworks as it can know; end some of them"),
            (None, None) => Ok(self.new_framework(subscribe)),
        }
    }

    /// Why a framework of this id can't be any more. Whatever was given an id is stored before it hears of it, so that an id
    /// which the registry doesn't have, though an agent may, is over or was never this cluster's.
    fn why_over(&self, id: FrameworkId, by_id: Option<FrameworkIx>) -> Option<String> {
        let standing = by_id.map(|framework| self.frameworks[framework].standing);
        if self.removed.contains(&id) || standing == Some(FrameworkStanding::Removed) {
            return Some(
                "this framework was torn down or its failover timeout passed; subscribe without an id as a new one".to_owned(),
            );
        }
        let is_known = matches!(standing, Some(FrameworkStanding::Registered | FrameworkStanding::Entering));
        (!is_known).then(|| {
            format!(
                "this master doesn't know framework {id}: it was removed long ago, or it is another cluster's; subscribe without an \
                 id as a new one, or at its own master"
            )
        })
    }

    /// Whether this may be the next scheduler of a framework that is known. Its key is taken from here on.
    fn successor(&mut self, framework: FrameworkIx, subscribe: &Subscribe) -> Result<FrameworkIx, (SessionEndKind, String)> {
        let row = &mut self.frameworks[framework];
        if row.key.is_some() && row.principal != PRINCIPAL {
            let message =
                format!("the framework's key belongs to {}, who is somebody else; subscribe with another key", row.principal);
            return Err((SessionEndKind::Invalid, message));
        }
        if matches!(subscribe.mode, SubscribeMode::Resume(epoch) if epoch < row.epoch) {
            let message = "another scheduler of this framework has taken over; stop this one, or restart it to take over again";
            return Err((SessionEndKind::Fenced, message.to_owned()));
        }
        if let Some(key) = &subscribe.key {
            row.key = Some(key.clone());
            self.frameworks_by_key.insert(key.clone(), framework);
        }
        Ok(framework)
    }

    fn new_framework(&mut self, subscribe: &Subscribe) -> FrameworkIx {
        let id = self.ids.framework();
        let framework = self.insert_framework(id, subscribe.name.clone(), FrameworkStanding::Entering);
        if let Some(key) = &subscribe.key {
            self.frameworks[framework].key = Some(key.clone());
            self.frameworks_by_key.insert(key.clone(), framework);
        }
        framework
    }

    /// Whether there is no room for another framework. Those of which only ended tasks are remembered take none.
    fn is_full(&self) -> bool {
        let counts = |row: &Framework| row.is_shown() || row.standing == FrameworkStanding::Entering;
        self.frameworks.len() >= FRAMEWORKS_MAX && self.frameworks.iter().filter(|(_, row)| counts(row)).count() >= FRAMEWORKS_MAX
    }

    /// Enters a framework with no stream, no role and no key.
    pub(crate) fn insert_framework(&mut self, id: FrameworkId, name: String, standing: FrameworkStanding) -> FrameworkIx {
        let framework = self.frameworks.insert(Framework {
            id,
            name,
            key: None,
            principal: PRINCIPAL.to_owned(),
            epoch: Epoch::default(),
            stored_epoch: Epoch::default(),
            link: None,
            failover_timeout: self.config.ephemeral_timeout,
            lost_at: None,
            deadline: None,
            standing,
            stored: None,
            waiting: None,
            ending: None,
            clients: BTreeMap::new(),
            subscribed: BTreeSet::new(),
            preferences: OfferPreferences::default(),
            demand_versions: BTreeMap::new(),
            offers: BTreeSet::new(),
            tasks: BTreeMap::new(),
            live_tasks: 0,
        });
        self.frameworks_by_id.insert(id, framework);
        framework
    }

    /// Whether nothing needs to be stored before this: it is the subscription that is stored, and the framework isn't ending.
    fn may_attach(&self, framework: FrameworkIx, mode: SubscribeMode) -> bool {
        let row = &self.frameworks[framework];
        let has_stored_key = row.stored.as_ref().is_some_and(|stored| stored.key == row.key);
        let is_stored = row.standing == FrameworkStanding::Registered && row.stored_epoch == row.epoch && has_stored_key;
        is_stored && row.ending.is_none() && matches!(mode, SubscribeMode::Resume(epoch) if epoch == row.epoch)
    }

    /// Lets a subscriber wait until its admission is stored. It is the framework's newest: one that waits already is fenced.
    fn await_admission(
        &mut self,
        stream: StreamId,
        framework: FrameworkIx,
        subscribe: Subscribe,
        calls: Vec<Call>,
        effects: &mut Vec<Effect>,
    ) {
        self.framework_found(framework);
        self.entering.insert(stream, Entrant::Framework(framework));
        let failover_timeout = self.failover_timeout(framework, &subscribe);
        let row = &mut self.frameworks[framework];
        self.writes.touch(Entity::Framework(row.id));
        let waiting = Waiting { stream, subscribe, calls, failover_timeout, epoch: None };
        if let Some(before) = row.waiting.replace(waiting) {
            self.entering.remove(&before.stream);
            self.turn_away(before.stream, SessionEndKind::Fenced, FENCED, effects);
        }
    }

    fn failover_timeout(&self, framework: FrameworkIx, subscribe: &Subscribe) -> Duration {
        match self.frameworks[framework].key {
            Some(_) => subscribe.failover_timeout,
            None => self.config.ephemeral_timeout,
        }
    }

    /// A record of a framework is stored, and with it perhaps a new epoch: whoever has a lower one is fenced, and whoever waited
    /// for this one is admitted.
    pub(crate) fn framework_stored(&mut self, now: Now, record: FrameworkRecord, effects: &mut Vec<Effect>) {
        let Some(framework) = self.frameworks_by_id.get(&record.id).copied() else { return };
        let row = &mut self.frameworks[framework];
        (row.standing, row.stored_epoch) = (FrameworkStanding::Registered, record.epoch);
        let is_newest = record.epoch >= row.epoch;
        if record.epoch > row.epoch {
            row.epoch = record.epoch;
            if row.is_connected() {
                self.fence(framework, effects);
                self.framework_lost(now, framework);
            }
        }
        let row = &mut self.frameworks[framework];
        if let Some(waiting) = row.waiting.take() {
            if is_newest && waiting.epoch == Some(record.epoch) && row.ending.is_none() {
                self.entering.remove(&waiting.stream);
                self.attach(now, waiting.stream, framework, waiting.subscribe, effects);
                self.calls(now, waiting.stream, framework, waiting.calls.into_iter(), effects);
            } else {
                self.subscribe_again(now, waiting, effects);
            }
        }
        self.framework_lost_unless_served(now, framework);
        // It may have changed again since the record left.
        self.writes.touch(Entity::Framework(record.id));
    }

    fn attach(&mut self, now: Now, stream: StreamId, framework: FrameworkIx, subscribe: Subscribe, effects: &mut Vec<Effect>) {
        self.fence(framework, effects);
        self.framework_found(framework);
        let session = self.new_session();
        self.open_stream(now, stream, Peer::Framework(framework));
        let failover_timeout = self.failover_timeout(framework, &subscribe);
        let row = &mut self.frameworks[framework];
        row.name = subscribe.name;
        row.failover_timeout = failover_timeout;
        row.preferences = subscribe.preferences.clone();
        row.link = Some(Link { stream, session });
        row.demand_versions.clear();
        let (id, epoch) = (row.id, row.epoch);
        self.writes.touch(Entity::Framework(id));
        let OfferPreferences { least, gpu_agents, remote_regions, .. } = subscribe.preferences;
        let traits = Traits { least, gpu_agents, remote_regions };
        self.take_roles(framework, subscribe.roles.into_iter().collect(), &traits);
        let subscribed = Subscribed { framework: id, epoch, heartbeat: self.config.heartbeat };
        self.tell(framework, FrameworkEvent::Subscribed(subscribed), effects);
        self.repeat_views(framework, effects);
        self.ask_for_facts(framework, effects);
    }

    /// Ends the session that a framework has, since another takes its place.
    pub(crate) fn fence(&mut self, framework: FrameworkIx, effects: &mut Vec<Effect>) {
        let Some(link) = self.frameworks[framework].link.take() else { return };
        self.streams.remove(&link.stream);
        self.take_back_framework_offers(framework);
        let event = FrameworkEvent::Ended(SessionEnd { kind: SessionEndKind::Fenced, message: FENCED.to_owned() });
        effects.push(Effect::ToFramework { stream: link.stream, message: ToFramework { session: link.session, event } });
        effects.push(Effect::CloseStream { stream: link.stream });
    }

    /// Makes the framework a client in each role that it subscribed with, and in no other. Nothing is wanted before it says.
    fn take_roles(&mut self, framework: FrameworkIx, roles: BTreeSet<Role>, traits: &Traits) {
        for role in &roles {
            self.client(framework, role);
        }
        self.frameworks[framework].subscribed = roles;
        self.drop_idle_clients(framework);
        let row = &self.frameworks[framework];
        for (role, client) in &row.clients {
            self.allocator.set_traits(*client, traits.clone());
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
        let client = self.allocator.add_client(framework, role.clone(), Traits::default());
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

/// Whether offers can be like this.
fn judge_preferences(preferences: &OfferPreferences) -> Result<(), String> {
    if let Some(lease) = preferences.lease.filter(|lease| !(LEASE_MIN..=LEASE_MAX).contains(lease)) {
        return Err(format!(
            "a lease is from {LEASE_MIN:?} to {LEASE_MAX:?}, and not {lease:?}; leave it out for the master's own"
        ));
    }
    match preferences.least.len() {
        0..=LEAST_MAX => Ok(()),
        count => Err(format!("a framework names {LEAST_MAX} least offers at the most, and not {count}")),
    }
}
