//! What the master says. Owned: which of it counts, and what each message means for the scheduler.

use meros_types::{Acknowledge, FrameworkEvent, Reason, RefusedCall, SessionId, Subscribed, TaskState, TaskUpdate, ToFramework};

use super::Host;
use crate::context::FactTold;
use crate::deferred::Heard;
use crate::{Effect, Offer, Scheduler, Session, SessionKind};

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
            FrameworkEvent::Explained(explanation) => self.call(|scheduler, cx| scheduler.explained(&explanation, cx)),
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
            None if subscribed.epoch.0 > 1 || self.known.is_some() => SessionKind::TakenOver,
            None => SessionKind::New,
        };
        let session = Session { framework: subscribed.framework, epoch: subscribed.epoch, id, kind };
        tracing::info!(framework = %session.framework, session = %id, ?kind, "registered with the master");
        self.registered = Some(session);
        self.cx.session = Some(session);
        self.remember(session);
        if self.closing.is_some() {
            self.outbox.teardown = true;
            return;
        }
        self.begin_session(session);
    }

    /// Nothing that was said in an earlier session counts in this one: it is all said again.
    fn begin_session(&mut self, session: Session) {
        let now = self.cx.now.mono;
        self.newest_offer = None;
        for demand in &mut self.demands {
            demand.told = None;
        }
        self.cx.tasks.repeat_kills(now);
        self.doubts.restart(self.cx.tasks.iter().map(|(id, _)| id.clone()).collect(), now);
        self.outbox.reconcile_all = session.kind == SessionKind::TakenOver;
        self.call(|scheduler, cx| scheduler.registered(&session, cx));
    }

    fn on_offers(&mut self, mut offers: Vec<meros_types::Offer>) {
        if self.is_ending() {
            return;
        }
        // Their ids rise within a session. What comes a second time was answered, or is held.
        let newest = self.newest_offer;
        offers.retain(|offer| newest.is_none_or(|newest| offer.id > newest));
        self.newest_offer = offers.iter().map(|offer| offer.id).max().max(newest);
        if offers.is_empty() {
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
        if update.fact.is_some_and(|fact| self.cx.deferred.holds_fact(&update.task, fact)) {
            return; // It is with the scheduler still.
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
        self.tell(&update);
    }

    /// Tells the scheduler what is news to it. A fact is acknowledged then, unless the scheduler will do that itself.
    fn tell(&mut self, update: &TaskUpdate) {
        let acknowledge = acknowledgement(update);
        let before = self.cx.tasks.saved(&update.task);
        if !self.cx.tasks.take_in(update) {
            return self.outbox.acknowledgements.extend(acknowledge);
        }
        self.cx.fact = acknowledge.as_ref().map(|_| FactTold::Open);
        self.call(|scheduler, cx| scheduler.update(update, cx));
        let promise = match self.cx.fact.take() {
            Some(FactTold::Promised(promise)) => Some(promise),
            Some(FactTold::Open) | None => None,
        };
        if promise.is_none() && !self.cx.deferred.holds(&update.task) {
            return self.outbox.acknowledgements.extend(acknowledge);
        }
        let after = self.cx.tasks.saved(&update.task);
        self.cx.deferred.push(update.task.clone(), before, Heard { promise, acknowledge, after });
    }

    /// The master doesn't know the task: either that proves that it is over, or it is asked again later.
    fn resolve_unknown(&mut self, update: TaskUpdate) -> TaskUpdate {
        let Some((task, known)) = self.cx.task(&update.task).map(|task| (task, update.launch)) else { return update };
        let (state, message) = match known {
            None if self.link.session().is_some_and(|session| task.is_unconfirmed_since(session.term)) => {
                (TaskState::Dropped, "the launch was lost with a connection; it never reached the master, and never will")
            }
            None if task.agent().is_some_and(|agent| self.doubts.has_registered(agent)) => {
                (TaskState::Gone, "its agent is registered and doesn't have it: it was lost with a connection or a machine")
            }
            _ => {
                self.doubts.unknown(update.task.clone(), self.cx.now.mono);
                return update;
            }
        };
        let agent = task.agent();
        let mut over = self.view(update.task, state, Reason::LaunchLost, message);
        over.agent = agent;
        over
    }

    /// A call was refused. If it was an accept, its tasks are unknown to the master: asking says which they are.
    fn on_refused(&mut self, refused: &RefusedCall) {
        tracing::warn!(call = refused.call, reason = refused.reason, "the master refused a call");
        let unconfirmed = self.cx.tasks.iter().filter(|(_, task)| task.is_unconfirmed());
        let unconfirmed: Vec<_> = unconfirmed.map(|(id, _)| id.clone()).collect();
        self.doubts.ask_now(unconfirmed.into_iter(), self.cx.now.mono);
    }
}

/// The acknowledgement that a fact asks for.
fn acknowledgement(update: &TaskUpdate) -> Option<Acknowledge> {
    let fact = update.fact?;
    let (Some(agent), Some(launch)) = (update.agent, update.launch) else {
        tracing::warn!(task = %update.task, "a fact without agent or launch can't be acknowledged");
        return None;
    };
    Some(Acknowledge { agent, launch, fact })
}

/// Whether the master can say this only of a task whose agent has registered in its term: masters keep no tasks, and asked about
/// one that its agent doesn't have, they name that agent.
fn shows_registration(update: &TaskUpdate) -> bool {
    use TaskState::{Killing, Running, Staging, Starting, Unknown};
    match update.state {
        Staging | Starting | Running | Killing => true,
        // The master may also have forgotten an agent that was lost, with a launch that it knew.
        Unknown => update.launch.is_none() && update.reason == Reason::Reconciliation,
        _ => update.fact.is_some(),
    }
}
