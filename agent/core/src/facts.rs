//! Facts: stated in order, kept until acknowledged, repeated until then, for each framework at its own pace.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meros_types::{
    Acknowledged, AgentReport, ContainerId, Exit, Fact, FactId, FrameworkId, Limitation, Now, Reason, Source, TaskState,
    TaskUpdate, Time, Usage,
};

use crate::{Agent, Effect};

/// How long after it was stated a fact is repeated for the first time.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// The longest wait between two repetitions.
const RETRY_MAX: Duration = Duration::from_secs(60);

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

/// The facts of one framework that wait.
#[derive(Clone, Debug)]
struct Queue {
    waiting: BTreeMap<u64, (ContainerId, TaskUpdate)>,
    retry_at: Time,
    wait: Duration,
}

/// Every fact that waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    stated: u64,
    queues: BTreeMap<FrameworkId, Queue>,
    /// How many there are, over all queues.
    waiting: usize,
    retries: BTreeSet<(Time, FrameworkId)>,
}

impl Facts {
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(crate) fn next_retry(&self) -> Option<Time> {
        self.retries.first().map(|(at, _)| *at)
    }

    /// How many facts of a container wait, counted anew.
    pub(crate) fn waiting_of(&self, container: ContainerId) -> usize {
        self.queues.values().flat_map(|queue| queue.waiting.values()).filter(|(of, _)| *of == container).count()
    }

    /// Panics when a table contradicts another.
    pub(crate) fn check(&self) {
        let waiting: usize = self.queues.values().map(|queue| queue.waiting.len()).sum();
        assert_eq!(self.waiting, waiting, "every fact that waits is counted");
        let retries: BTreeSet<_> = self.queues.iter().map(|(framework, queue)| (queue.retry_at, *framework)).collect();
        assert_eq!(self.retries, retries, "each framework with facts has its next repetition");
        assert!(self.queues.values().all(|queue| !queue.waiting.is_empty()), "a framework without facts is forgotten");
    }

    fn state(&mut self, now: Time, framework: FrameworkId, container: ContainerId, update: TaskUpdate, n: u64) {
        let retries = &mut self.retries;
        let queue = self.queues.entry(framework).or_insert_with(|| {
            let retry_at = now.after(RETRY_MIN);
            retries.insert((retry_at, framework));
            Queue { waiting: BTreeMap::new(), retry_at, wait: RETRY_MIN }
        });
        queue.waiting.insert(n, (container, update));
        self.waiting += 1;
    }

    /// Takes an acknowledged fact out; the container that it was about.
    fn acknowledge(&mut self, now: Time, framework: FrameworkId, n: u64) -> Option<ContainerId> {
        let queue = self.queues.get_mut(&framework)?;
        let (container, _) = queue.waiting.remove(&n)?;
        self.waiting -= 1;
        self.retries.remove(&(queue.retry_at, framework));
        if queue.waiting.is_empty() {
            self.queues.remove(&framework);
        } else {
            queue.wait = RETRY_MIN;
            queue.retry_at = now.after(RETRY_MIN);
            self.retries.insert((queue.retry_at, framework));
        }
        Some(container)
    }

    /// Every waiting fact of a framework, in order; the next repetition waits `wait` and the one after twice that.
    fn repeat(&mut self, now: Time, framework: FrameworkId, wait: Duration) -> Vec<TaskUpdate> {
        let Some(queue) = self.queues.get_mut(&framework) else { return Vec::new() };
        self.retries.remove(&(queue.retry_at, framework));
        queue.retry_at = now.after(wait);
        queue.wait = wait;
        self.retries.insert((queue.retry_at, framework));
        queue.waiting.values().map(|(_, update)| update.clone()).collect()
    }

    fn due(&self, now: Time) -> Option<(FrameworkId, Duration)> {
        let (at, framework) = *self.retries.first()?;
        (at <= now).then(|| (framework, (self.queues[&framework].wait * 2).min(RETRY_MAX)))
    }
}

impl Agent {
    /// States something of a container's task: it is kept, and sent if there is a session.
    pub(crate) fn fact(&mut self, now: Now, id: ContainerId, statement: Statement, effects: &mut Vec<Effect>) {
        let Statement { state, reason, message, exit, usage, limitation } = statement;
        let Some(container) = self.containers.get_mut(&id) else { return };
        container.state = state;
        container.facts_waiting += 1;
        self.facts.stated += 1;
        let n = self.facts.stated;
        let update = TaskUpdate {
            launch: Some(container.launch),
            agent: self.id,
            exit,
            usage,
            limitation,
            fact: Some(FactId { incarnation: self.incarnation, n }),
            ..TaskUpdate::new(container.task.clone(), state, Source::Agent, reason, message, now.wall)
        };
        let framework = container.framework;
        self.facts.state(now.mono, framework, id, update.clone(), n);
        self.send(AgentReport::Fact(Box::new(Fact { framework, update })), effects);
    }

    /// The framework has a fact for good: it is forgotten here, and its container with it when that was the last.
    pub(crate) fn acknowledged(&mut self, now: Now, acknowledged: Acknowledged) {
        let Acknowledged { framework, fact } = acknowledged;
        if fact.incarnation != self.incarnation {
            return;
        }
        let Some(id) = self.facts.acknowledge(now.mono, framework, fact.n) else { return };
        if let Some(container) = self.containers.get_mut(&id) {
            container.facts_waiting -= 1;
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
        let frameworks: Vec<FrameworkId> = self.facts.queues.keys().copied().collect();
        for framework in frameworks {
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
