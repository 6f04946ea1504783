//! What is stored before anything leaves. Owned: the transaction of each batch, and what waits for it. Absent: storing.
//!
//! One transaction is under way at a time. What happens meanwhile is handled at once and gathered: it is stored with the next,
//! in which the changes of many batches are merged, and only then leaves. Heartbeats rest on nothing and never wait.

use meros_types::{Call, FromFramework};

use super::Host;
use crate::outbox::Outbox;
use crate::{Effect, Saved, SavedFramework, Scheduler, Session, SessionError, StateChange};

/// A batch that is being stored.
#[derive(Debug)]
pub(super) struct Sealed {
    seq: u64,
    /// What it came to.
    pub(super) outbox: Outbox,
    /// How the session ends with it, if it does.
    finished: Option<Result<(), SessionError>>,
}

impl<S: Scheduler> Host<S> {
    /// The batch is complete: it leaves, as soon as what it rests on is stored.
    pub(super) fn seal(&mut self, finished: Option<Result<(), SessionError>>, effects: &mut Vec<Effect>) {
        let outbox = std::mem::take(&mut self.outbox);
        let changes = self.take_changes();
        if changes.is_empty() {
            return self.release(outbox, finished, effects);
        }
        self.commit(changes, effects);
        self.sealed = Some(Sealed { seq: self.commits, outbox, finished });
        self.keep_alive(effects);
    }

    /// The transaction is stored: what waited for it leaves.
    pub(super) fn on_committed(&mut self, seq: u64, effects: &mut Vec<Effect>) {
        if let Some(sealed) = self.sealed.take_if(|sealed| sealed.seq == seq) {
            self.release(sealed.outbox, sealed.finished, effects);
        }
    }

    fn release(&mut self, mut outbox: Outbox, finished: Option<Result<(), SessionError>>, effects: &mut Vec<Effect>) {
        if let Some(session) = self.link.session() {
            outbox.heartbeat = self.link.heartbeat_is_due(self.cx.now.mono);
            let messages = outbox.pack(session);
            if !messages.is_empty() {
                self.link.sent(self.cx.now.mono);
            }
            effects.extend(messages.into_iter().map(Effect::Send));
        }
        if let Some(result) = finished {
            self.finish(result, effects);
        }
    }

    /// Says that the scheduler lives, while all else waits.
    pub(super) fn keep_alive(&mut self, effects: &mut Vec<Effect>) {
        let now = self.cx.now.mono;
        if let Some(session) = self.link.session().filter(|_| self.link.heartbeat_is_due(now)) {
            self.link.sent(now);
            effects.push(Effect::Send(FromFramework { session: Some(session), calls: vec![Call::Heartbeat] }));
        }
    }

    /// Whether the session ends with the batch that is being stored.
    pub(super) fn is_sealed_for_good(&self) -> bool {
        self.sealed.as_ref().is_some_and(|sealed| sealed.finished.is_some())
    }

    /// Acknowledges the facts that the scheduler has put off until now.
    pub(super) fn keep_promises(&mut self) {
        for ack in std::mem::take(&mut self.cx.wishes.acknowledge) {
            let Some((task, acknowledgements)) = self.cx.deferred.keep(ack) else { continue };
            self.cx.tasks.touch(task);
            // Without a session they are lost, and the facts come again.
            if self.link.session().is_some() {
                self.outbox.acknowledgements.extend(acknowledgements);
            }
        }
    }

    /// The store is to know who this is.
    pub(super) fn remember(&mut self, session: Session) {
        let framework = SavedFramework { id: session.framework, epoch: session.epoch, key: self.identity.key.clone() };
        if self.known.as_ref() != Some(&framework) {
            self.changes.push(StateChange::Framework(framework.clone()));
            self.known = Some(framework);
        }
    }

    /// The framework is torn down, and its tasks with it. Comes just before the end of the session.
    pub(super) fn forget_framework(&mut self, effects: &mut Vec<Effect>) {
        self.commit(vec![StateChange::ForgetFramework], effects);
    }

    fn take_changes(&mut self) -> Vec<StateChange> {
        let mut changes = std::mem::take(&mut self.changes);
        changes.extend(self.cx.tasks.take_changes(&self.cx.deferred));
        changes.extend(self.cx.values.take_changes());
        changes
    }

    fn commit(&mut self, changes: Vec<StateChange>, effects: &mut Vec<Effect>) {
        self.commits += 1;
        effects.push(Effect::Commit { seq: self.commits, changes });
    }

    pub(super) fn check_sealed(&self) {
        if self.sealed.is_none() {
            assert!(self.outbox.is_empty(), "a flush leaves nothing unsaid unless something is being stored");
            assert!(self.changes.is_empty(), "a flush leaves nothing unsaved unless something is being stored");
        }
    }
}

/// Everything in `saved`, to be forgotten.
pub(super) fn forget_all(saved: Saved) -> Vec<StateChange> {
    let has_framework = saved.framework.is_some() || !saved.tasks.is_empty();
    let framework = has_framework.then_some(StateChange::ForgetFramework);
    framework.into_iter().chain(saved.values.into_keys().map(|key| StateChange::Delete { key })).collect()
}
