//! What the master says. Owned: which of it counts, and what each message means for the scheduler.

use meros_types::{Acknowledge, FrameworkEvent, Reason, RefusedCall, SessionId, Subscribed, TaskState, TaskUpdate, ToFramework};

use super::Host;
use crate::{Effect, Offer, Scheduler, Session, SessionKind, Task};

impl<S: Scheduler> Host<S> {
    pub(super) fn on_received(&mut self, message: ToFramework, effects: &mut Vec<Effect>) {
        let ToFramework { session, event } = message;
        // These two can come before there is a session to belong to.
        match event {
            FrameworkEvent::Subscribed(subscribed) if self.link.is_subscribing() => {
                return self.on_subscribed(session, subscribed, effects);
            }
            FrameworkEvent::Ended(end) if self.link.is_subscribing() => return self.on_ended(end, effects),
            _ => {}
        }
        if !self.link.heard(session, self.cx.now.mono) {
            return tracing::debug!(%session, "dropped a message that is not of the open session");
        }
        match event {
            FrameworkEvent::Offers(offers) => self.on_offers(offers),
            FrameworkEvent::Rescinded(offers) => {
                let held = self.cx.held.rescind(offers);
                if !held.is_empty() {
                    self.call(|scheduler, cx| scheduler.rescinded(&held, cx));
                }
            }
            FrameworkEvent::Update(update) => self.on_update(*update),
            FrameworkEvent::CallRefused(refused) => self.on_refused(&refused),
            FrameworkEvent::Ended(end) => self.on_ended(end, effects),
            FrameworkEvent::Subscribed(_) | FrameworkEvent::Heartbeat => {}
        }
    }

    fn on_subscribed(&mut self, id: SessionId, subscribed: Subscribed, effects: &mut Vec<Effect>) {
        let now = self.cx.now.mono;
        if !self.link.subscribed(id, subscribed.heartbeat, now) {
            effects.push(Effect::Disconnect);
            return self.on_lost("the master that answered has been replaced by a newer one");
        }
        let kind = match self.registered {
            Some(_) => SessionKind::Resumed,
            None if subscribed.epoch.0 > 1 => SessionKind::TakenOver,
            None => SessionKind::New,
        };
        let session = Session { framework: subscribed.framework, epoch: subscribed.epoch, id, kind };
        tracing::info!(framework = %session.framework, session = %id, ?kind, "registered with the master");
        self.registered = Some(session);
        self.cx.session = Some(session);
        if self.closing.is_some() {
            self.outbox.teardown = true;
            return;
        }
        self.begin_session(session);
    }

    /// Nothing that was said in an earlier session counts in this one: it is all said again.
    fn begin_session(&mut self, session: Session) {
        let now = self.cx.now.mono;
        for demand in &mut self.demands {
            demand.told = None;
        }
        self.cx.tasks.repeat_kills(now);
        self.doubts.restart(self.cx.tasks.iter().map(|(id, _)| id.clone()).collect(), now);
        self.outbox.reconcile_all = session.kind == SessionKind::TakenOver;
        self.call(|scheduler, cx| scheduler.registered(&session, cx));
    }

    fn on_offers(&mut self, offers: Vec<meros_types::Offer>) {
        if self.is_ending() {
            return;
        }
        if !self.doubts.is_empty() {
            offers.iter().for_each(|offer| self.doubts.agent_is_registered(offer.agent.id));
        }
        let mut lent = std::mem::take(&mut self.lent);
        lent.extend(offers.into_iter().map(Offer::new));
        self.call(|scheduler, cx| scheduler.offers(&mut lent, cx));
        for offer in lent.drain(..) {
            self.answer(offer);
        }
        self.lent = lent;
    }

    /// Takes a statement about a task in, and acknowledges a fact once the scheduler has dealt with it, or had before.
    pub(super) fn on_update(&mut self, mut update: TaskUpdate) {
        if self.is_ending() {
            return; // Not heard, hence not acknowledged: it comes again to whoever follows.
        }
        if let Some(agent) = update.agent.filter(|_| shows_registration(&update)) {
            self.doubts.agent_is_registered(agent);
        }
        if update.state == TaskState::Unknown {
            update = self.resolve_unknown(update);
        }
        if update.state != TaskState::Unknown {
            self.doubts.settle(&update.task);
        }
        if self.cx.tasks.take_in(&update) {
            self.call(|scheduler, cx| scheduler.update(&update, cx));
        }
        match (update.fact, update.agent, update.launch) {
            (None, ..) => {}
            (Some(fact), Some(agent), Some(launch)) => self.outbox.acknowledgements.push(Acknowledge { agent, launch, fact }),
            _ => tracing::warn!(task = %update.task, "a fact without agent or launch can't be acknowledged"),
        }
    }

    /// The master doesn't know the task: either that proves that it never started, or it is asked again later.
    fn resolve_unknown(&mut self, update: TaskUpdate) -> TaskUpdate {
        let Some(task) = self.cx.task(&update.task) else { return update };
        if update.launch.is_some() || !self.never_started(task) {
            self.doubts.unknown(update.task.clone(), self.cx.now.mono);
            return update;
        }
        let agent = task.agent();
        let message = "the launch was lost with a connection; the master doesn't know it, so that it never started and never will";
        let mut dropped = self.view(update.task, TaskState::Dropped, Reason::LaunchLost, message);
        dropped.agent = agent;
        dropped
    }

    /// Whether a master that doesn't know this task proves that it never started. The crate's documentation says why.
    fn never_started(&self, task: &Task) -> bool {
        let same_term = self.link.session().is_some_and(|session| task.is_unconfirmed_since(session.term));
        same_term || (task.is_unconfirmed() && task.agent().is_some_and(|agent| self.doubts.has_registered(agent)))
    }

    /// A call was refused. If it was an accept, its tasks are unknown to the master: asking says which they are.
    fn on_refused(&mut self, refused: &RefusedCall) {
        tracing::warn!(call = refused.call, reason = refused.reason, "the master refused a call");
        let unconfirmed = self.cx.tasks.iter().filter(|(_, task)| task.is_unconfirmed());
        let unconfirmed: Vec<_> = unconfirmed.map(|(id, _)| id.clone()).collect();
        self.doubts.ask_now(unconfirmed.into_iter(), self.cx.now.mono);
    }
}

/// Whether the master can say this only of a task whose agent has registered in its term: masters keep no tasks.
fn shows_registration(update: &TaskUpdate) -> bool {
    use TaskState::{Killing, Running, Staging, Starting};
    update.fact.is_some() || matches!(update.state, Staging | Starting | Running | Killing)
}
