//! Facts: stated in order, kept until acknowledged, repeated until then, for each framework at its own pace.
//!
//! A fact is sent when its record is safe. Facts of earlier lives keep their ids and leave before those of this one.

mod queues;

use meros_types::{
    Acknowledged, AgentReport, ContainerId, Exit, Fact, FactId, FrameworkId, Limitation, Now, Reason, Source, TaskState,
    TaskUpdate, Time, Usage,
};

use crate::{Agent, Effect, Record};

pub(crate) use queues::Facts;
use queues::{RETRY_MIN, Waiting};

/// What is to be stated of a task.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) state: TaskState,
    pub(crate) reason: Reason,
    pub(crate) message: String,
    pub(crate) exit: Option<Exit>,
    pub(crate) usage: Option<Usage>,
    pub(crate) limitation: Option<Limitation>,
}

impl Statement {
    /// With nothing measured.
    pub(crate) fn new(state: TaskState, reason: Reason, message: impl Into<String>) -> Self {
        Self { state, reason, message: message.into(), exit: None, usage: None, limitation: None }
    }
}

impl Agent {
    /// States something of a container's task: it is recorded, and sent when the record is safe and there is a session.
    pub(crate) fn fact(&mut self, now: Now, id: ContainerId, statement: Statement, effects: &mut Vec<Effect>) {
        let Statement { state, reason, message, exit, usage, limitation } = statement;
        let Some(container) = self.containers.get(&id) else { return };
        self.facts_stated += 1;
        let update = TaskUpdate {
            launch: Some(container.launch),
            agent: self.id,
            exit,
            usage,
            limitation,
            fact: Some(FactId { incarnation: self.incarnation, n: self.facts_stated }),
            ..TaskUpdate::new(container.task.clone(), state, Source::Agent, reason, message, now.wall)
        };
        let record = Record::Fact { container: id, framework: container.framework, update: update.clone() };
        let seq = if state.is_terminal() { self.append_synced(record, effects) } else { self.append(record, effects) };
        self.keep_fact(now.mono, id, update, seq);
    }

    /// Keeps a fact about a container that is known, now or when the log is read.
    pub(crate) fn keep_fact(&mut self, now: Time, id: ContainerId, update: TaskUpdate, seq: u64) {
        let (Some(container), Some(fact)) = (self.containers.get_mut(&id), update.fact) else { return };
        let (framework, state) = (container.framework, update.state);
        let place = self.facts.push(framework, fact, Waiting { container: id, update, seq });
        container.state = state;
        container.newest_fact = place;
        container.newest_seq = seq;
        container.acknowledged = None;
        container.facts_waiting += 1;
        container.facts_waiting -= self.facts.supersede(now, framework, id, container.facts_waiting);
        if state.is_terminal() && container.has_directory {
            self.ended.insert(place, id);
        }
    }

    /// Sends the facts whose records have become safe; without a session, the next one hears of them.
    pub(crate) fn release_facts(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for (place, framework, Waiting { container, update, .. }) in self.facts.release(now.mono, &self.log) {
            if let Some(container) = self.containers.get_mut(&container).filter(|container| container.told_fact < place) {
                container.told_fact = place;
                container.told = update.state;
            }
            self.send(AgentReport::Fact(Box::new(Fact { framework, update })), effects);
        }
    }

    /// The framework has a fact for good: it is forgotten here, and its container with it when that was the last.
    pub(crate) fn acknowledged(&mut self, now: Now, acknowledged: Acknowledged, effects: &mut Vec<Effect>) {
        let Acknowledged { framework, fact } = acknowledged;
        if self.facts.is_safe(framework, fact) {
            self.append(Record::Acknowledged { framework, fact }, effects);
            self.drop_fact(now.mono, framework, fact);
        }
    }

    /// A fact is done with, now or when the log is read.
    pub(crate) fn drop_fact(&mut self, now: Time, framework: FrameworkId, fact: FactId) {
        let Some((place, Waiting { container: id, update, .. })) = self.facts.take(now, framework, fact) else { return };
        if let Some(container) = self.containers.get_mut(&id) {
            container.facts_waiting -= 1;
            container.acknowledged = if container.newest_fact == place { Some(update) } else { container.acknowledged.take() };
        }
        self.forget_if_done(id);
    }

    /// Repeats what a framework has not acknowledged, now, because it may have missed it.
    pub(crate) fn resend(&mut self, now: Now, framework: FrameworkId, effects: &mut Vec<Effect>) {
        for update in self.facts.repeat(now.mono, framework, RETRY_MIN) {
            self.send(AgentReport::Fact(Box::new(Fact { framework, update })), effects);
        }
    }

    /// Repeats everything that waits: a new session begins.
    pub(crate) fn resend_all(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for framework in self.facts.frameworks() {
            self.resend(now, framework, effects);
        }
    }

    pub(crate) fn retry_facts(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.link.is_registered() {
            return;
        }
        while let Some((framework, wait)) = self.facts.due(now.mono) {
            for update in self.facts.repeat(now.mono, framework, wait) {
                self.send(AgentReport::Fact(Box::new(Fact { framework, update })), effects);
            }
        }
    }
}
