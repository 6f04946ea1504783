//! The state machine around the user's scheduler. Owned: the order in which events, callbacks and messages follow each other.
//! Absent: anything that could make two runs of the same events differ.
//!
//! `handle` takes one event and makes the callbacks that it calls for; `flush`, once per batch, gathers all that the
//! callbacks decided into one message: demand, accepts, declines, kills and acknowledgements leave together, as soon as what
//! they rest on is stored.

mod answer;
mod commit;
mod end;
mod receive;

use std::time::Duration;

use meros_types::{
    Call, Demand, DemandCall, FAILOVER_TIMEOUT_DEFAULT, FromFramework, Now, OfferId, OfferPreferences, Role, SHAPES_MAX, Subscribe,
    SubscribeMode, TaskId, TaskQuery, TaskUpdate, Time,
};

use crate::doubts::Doubts;
use crate::limits::EPHEMERAL_TIMEOUT;
use crate::link::{Link, Step};
use crate::outbox::Outbox;
use crate::{Context, Disconnection, Effect, Event, Offer, Saved, SavedFramework, Scheduler, SessionError, StateChange, Task};
use commit::Sealed;
use end::Closing;

/// Who a scheduler says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What people see.
    pub name: String,
    /// The framework's identity over restarts of its process; without one it ends with the process.
    pub key: Option<String>,
    /// The roles that it wants offers for; at least one.
    pub roles: Vec<Role>,
    /// How long its tasks outlive its process. By default a week with a key, and a minute without.
    pub failover_timeout: Option<Duration>,
    /// What its offers are to be like. By default as the master has it for everybody.
    pub preferences: OfferPreferences,
}

impl Identity {
    /// A framework of this name, without a key, in the role `*`.
    pub fn new(name: impl Into<String>) -> Self {
        let (roles, preferences) = (vec![Role::default()], OfferPreferences::default());
        Self { name: name.into(), key: None, roles, failover_timeout: None, preferences }
    }
}

/// What the master was last told of one role.
#[derive(Debug)]
struct RoleDemand {
    role: Role,
    /// None when this session's master has heard nothing.
    told: Option<Demand>,
}

/// A scheduler in its session.
#[derive(Debug)]
pub struct Host<S> {
    scheduler: S,
    cx: Context,
    identity: Identity,
    link: Link,
    outbox: Outbox,
    doubts: Doubts,
    demands: Vec<RoleDemand>,
    demand_version: u64,
    /// The framework and epoch that the master gave, once it has.
    registered: Option<crate::Session>,
    /// Whether a callback was made since the last flush.
    called: bool,
    /// Launches that were refused here, to be told when the callback has returned.
    refused: Vec<TaskUpdate>,
    /// The newest offer of this session that the scheduler was lent.
    newest_offer: Option<OfferId>,
    /// The offers of one callback; kept for its capacity.
    lent: Vec<Offer>,
    closing: Option<Closing>,
    /// Who this is, as the store has it or soon will.
    known: Option<SavedFramework>,
    /// What is to be stored besides tasks and values.
    changes: Vec<StateChange>,
    sealed: Option<Sealed>,
    commits: u64,
}

impl<S: Scheduler> Host<S> {
    /// A session that has not begun: the first [`Event::TimePassed`], due at once, connects. All randomness is from `seed`.
    pub fn new(identity: Identity, seed: u64, scheduler: S) -> Self {
        let prefix = identity.key.as_ref().unwrap_or(&identity.name);
        let demands = identity.roles.iter().map(|role| RoleDemand { role: role.clone(), told: None });
        Self {
            scheduler,
            cx: Context::new(prefix, identity.key.is_some(), seed),
            link: Link::new(!seed),
            outbox: Outbox::default(),
            doubts: Doubts::default(),
            demands: demands.collect(),
            demand_version: 0,
            registered: None,
            called: false,
            refused: Vec::new(),
            newest_offer: None,
            lent: Vec::new(),
            closing: None,
            known: None,
            changes: Vec::new(),
            sealed: None,
            commits: 0,
            identity,
        }
    }

    /// The same for a process that may follow another: with all that its store holds. A framework with a key takes over where
    /// the other was: the tasks are live from the start, and what was heard of them is not told again. Without a key nobody
    /// can come back, so that the state of the other begins anew: all of it is forgotten with the first transaction.
    ///
    /// # Errors
    /// [`SessionError::ForeignState`] when the state is of a framework with another key, or with none.
    pub fn recovered(identity: Identity, seed: u64, scheduler: S, saved: Saved) -> Result<Self, SessionError> {
        if let Some(framework) = &saved.framework
            && framework.key != identity.key
        {
            return Err(SessionError::ForeignState { stored: framework.key.clone(), given: identity.key });
        }
        let mut host = Self::new(identity, seed, scheduler);
        if host.identity.key.is_some() {
            host.known = saved.framework.clone();
            host.cx.recover(saved);
        } else {
            host.changes = commit::forget_all(saved);
        }
        Ok(host)
    }

    /// The user's scheduler.
    pub fn scheduler(&self) -> &S {
        &self.scheduler
    }

    /// What the scheduler sees of its surroundings.
    pub fn context(&self) -> &Context {
        &self.cx
    }

    /// The user's scheduler, when its session is over.
    pub fn into_scheduler(self) -> S {
        self.scheduler
    }

    /// Takes one event in, with its callbacks.
    pub fn handle(&mut self, now: Now, event: Event<S>, effects: &mut Vec<Effect>) {
        if self.link.is_over() {
            return;
        }
        self.cx.now = now;
        match event {
            Event::Connected => self.on_connected(effects),
            // Told late, of a connection that was given up: nothing is lost by it.
            Event::Disconnected(_) if !self.link.is_connected() => {}
            Event::Disconnected(Disconnection::Lost(reason)) => self.on_lost(&reason),
            Event::Disconnected(Disconnection::Refused(reason)) => {
                self.link.lost(now.mono);
                self.finish(Err(SessionError::Refused(reason)), effects);
            }
            Event::Received(message) => self.on_received(message, effects),
            Event::Called(calling) => self.call(calling),
            Event::Committed { seq } => self.on_committed(seq, effects),
            Event::CommitFailed { reason } => self.finish(Err(SessionError::NotSaved(reason)), effects),
            Event::TimePassed => self.on_time(effects),
        }
        self.tell_refused();
    }

    /// Ends the batch: what it changed is stored, and then what it came to is sent. When there is nothing to store it is sent
    /// at once; while an earlier batch is being stored it waits for its own turn.
    pub fn flush(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.link.is_over() {
            return;
        }
        self.cx.now = now;
        self.keep_promises();
        if let Some(error) = self.failure() {
            return self.finish(Err(error), effects);
        }
        if self.sealed.is_some() {
            return self.keep_alive(effects);
        }
        if self.link.session().is_some() && self.closing.is_none() {
            self.gather();
        }
        let finished = self.cx.wishes.end.take().and_then(|end| self.begin_end(end));
        self.seal(finished, effects);
    }

    /// When [`Event::TimePassed`] is wanted next; never again when the session is over.
    pub fn wakeup(&self) -> Option<Time> {
        if self.link.is_over() {
            return None;
        }
        let mut first = self.link.wakeup();
        let mut consider = |at: Option<Time>| first = first.into_iter().chain(at).min();
        if let Some(closing) = &self.closing {
            consider(Some(closing.until));
            return first;
        }
        consider(self.cx.timers.first());
        consider(self.cx.held.wakeup());
        // What is said of these waits for the batch that is being stored.
        if self.link.session().is_some() && self.sealed.is_none() {
            consider(self.cx.tasks.wakeup());
            consider(self.doubts.wakeup());
        }
        first
    }

    /// Panics when the state contradicts itself. For tests, after a flush.
    pub fn check(&self) {
        if self.link.is_over() {
            return;
        }
        self.link.check();
        self.cx.check();
        self.doubts.check(|task| self.cx.task(task).is_some());
        assert_eq!(self.cx.session.map(|session| session.id), self.link.session(), "the scheduler sees the open session");
        self.check_sealed();
        assert!(self.refused.is_empty() && self.lent.is_empty(), "nothing is left of a callback");
    }

    fn on_connected(&mut self, effects: &mut Vec<Effect>) {
        if !self.link.connected(self.cx.now.mono) {
            return;
        }
        let mode = match self.registered {
            None => SubscribeMode::Takeover,
            Some(session) => SubscribeMode::Resume(session.epoch),
        };
        let keyed = self.identity.key.is_some();
        let failover_timeout = if keyed { FAILOVER_TIMEOUT_DEFAULT } else { EPHEMERAL_TIMEOUT };
        let subscribe = Subscribe {
            framework: self.known.as_ref().map(|framework| framework.id),
            name: self.identity.name.clone(),
            key: self.identity.key.clone(),
            roles: self.identity.roles.clone(),
            mode,
            failover_timeout: self.identity.failover_timeout.unwrap_or(failover_timeout),
            preferences: self.identity.preferences.clone(),
        };
        effects.push(Effect::Send(FromFramework { session: None, calls: vec![Call::Subscribe(subscribe)] }));
    }

    /// The connection is gone. Offers and what was not yet said are gone with it; everything else waits for the next.
    fn on_lost(&mut self, reason: &str) {
        let wait = self.link.lost(self.cx.now.mono);
        // Once per outage: the rest is for those who look closely.
        match self.link.failures() {
            1 => tracing::warn!(reason, "no connection to the master; trying again until there is one"),
            failures => tracing::debug!(reason, failures, ?wait, "still no connection to the master"),
        }
        self.cx.session = None;
        self.doubts.restart(Default::default(), self.cx.now.mono);
        let held = self.cx.held.clear();
        let sealed = self.sealed.as_mut().map(|sealed| sealed.outbox.clear());
        for task in sealed.into_iter().flatten().chain(self.outbox.clear()) {
            self.report_never_sent(task);
        }
        if !held.is_empty() {
            self.call(|scheduler, cx| scheduler.rescinded(&held, cx));
        }
    }

    fn on_time(&mut self, effects: &mut Vec<Effect>) {
        let now = self.cx.now.mono;
        match self.link.step(now) {
            Some(Step::Connect) => effects.push(Effect::Connect),
            Some(Step::GiveUp(reason)) => {
                effects.push(Effect::Disconnect);
                self.on_lost(reason);
            }
            None => {}
        }
        if self.closing.is_some() {
            return self.close_if_late(effects);
        }
        let expired = self.cx.held.expire(now);
        if !expired.is_empty() {
            self.call(|scheduler, cx| scheduler.rescinded(&expired, cx));
        }
        for timer in self.cx.timers.take_due(now) {
            self.call(|scheduler, cx| scheduler.timer(timer, cx));
        }
    }

    /// Makes one callback, unless the scheduler has said that it wants to end.
    fn call(&mut self, callback: impl FnOnce(&mut S, &mut Context)) {
        if self.is_ending() {
            return;
        }
        callback(&mut self.scheduler, &mut self.cx);
        self.called = true;
        for offer in self.cx.held.take_answered() {
            self.answer(offer);
        }
    }

    /// Puts in the outbox what was not put there while handling.
    fn gather(&mut self) {
        let now = self.cx.now.mono;
        if std::mem::take(&mut self.cx.wishes.reconcile) {
            self.doubts.ask_now(self.cx.tasks.iter().map(|(id, _)| id.clone()), now);
        }
        self.outbox.explain = std::mem::take(&mut self.cx.wishes.explain);
        self.outbox.kills = self.cx.tasks.take_due_kills(now);
        let query = |task: TaskId| TaskQuery { agent: self.cx.tasks.get(&task).and_then(Task::agent), task };
        self.outbox.reconcile = self.doubts.take_due(now).into_iter().map(query).collect();
        let revive = std::mem::take(&mut self.cx.wishes.revive);
        if std::mem::take(&mut self.called) || revive {
            self.ask_for_demand(revive);
        }
    }

    /// Asks the scheduler what it wants, and tells the master what has changed.
    fn ask_for_demand(&mut self, revive: bool) {
        for entry in &mut self.demands {
            let mut demand = self.scheduler.demand(&entry.role);
            if demand.shapes.len() > SHAPES_MAX {
                tracing::warn!(role = %entry.role, shapes = demand.shapes.len(), "a demand has too many shapes; only the first {SHAPES_MAX} count");
                demand.shapes.truncate(SHAPES_MAX);
            }
            // A master that has heard nothing takes it for no demand.
            let changed = entry.told.as_ref().map_or(!demand.is_nothing(), |told| *told != demand);
            if changed || (revive && !demand.is_nothing()) {
                self.demand_version += 1;
                let (role, version) = (entry.role.clone(), self.demand_version);
                self.outbox.demands.push(DemandCall { role, version, demand: demand.clone() });
            }
            entry.told = Some(demand);
        }
    }
}
