//! Facts that the scheduler will acknowledge later itself. Owned: which they are, and what follows behind them. Absent: when
//! that is, and what is stored of tasks otherwise.
//!
//! The facts of one task are acknowledged and stored in their order: behind one that waits, later ones wait as well. So a
//! process that ends leaves a stored state to which all that was not acknowledged is news.

use std::collections::{BTreeMap, VecDeque};

use meros_types::{Acknowledge, FactId, TaskId};

use crate::state::SavedTask;

/// The promise to acknowledge one fact, made by [`crate::Context::defer_ack`] and kept by [`crate::Context::acknowledge`]. Good
/// for this process only. The fact of one that is dropped is told again to the next process.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[must_use = "a fact that is never acknowledged is kept by its agent for ever"]
pub struct Ack(u64);

#[derive(Debug, Default)]
pub(crate) struct Deferred {
    queues: BTreeMap<TaskId, Queue>,
    open: BTreeMap<u64, TaskId>,
    made: u64,
}

/// The statements about one task since the first that waits.
#[derive(Debug)]
struct Queue {
    /// What is to be in the store meanwhile: the task as it was before them.
    stored: Option<SavedTask>,
    heard: VecDeque<Heard>,
}

#[derive(Debug)]
pub(crate) struct Heard {
    /// Its promise, until that is kept.
    pub(crate) promise: Option<u64>,
    /// None for a view.
    pub(crate) acknowledge: Option<Acknowledge>,
    /// What is to be in the store after it.
    pub(crate) after: Option<SavedTask>,
}

impl Deferred {
    /// Makes a promise, of a fact that is yet to be put in the queue.
    pub(crate) fn promise(&mut self) -> (Ack, u64) {
        self.made += 1;
        (Ack(self.made), self.made)
    }

    /// How many promises there are to keep.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether something about the task waits, so that what follows must wait as well.
    pub(crate) fn holds(&self, task: &TaskId) -> bool {
        self.queues.contains_key(task)
    }

    /// Whether this very fact waits.
    pub(crate) fn holds_fact(&self, task: &TaskId, fact: FactId) -> bool {
        let is_it = |heard: &Heard| heard.acknowledge.as_ref().is_some_and(|acknowledge| acknowledge.fact == fact);
        self.queues.get(task).is_some_and(|queue| queue.heard.iter().any(is_it))
    }

    /// What is to be in the store of a task about which something waits.
    pub(crate) fn stored(&self, task: &TaskId) -> Option<&Option<SavedTask>> {
        self.queues.get(task).map(|queue| &queue.stored)
    }

    /// A statement waits; before it the task was as `before` says.
    pub(crate) fn push(&mut self, task: TaskId, before: Option<SavedTask>, heard: Heard) {
        if let Some(promise) = heard.promise {
            self.open.insert(promise, task.clone());
        }
        self.queues.entry(task).or_insert_with(|| Queue { stored: before, heard: VecDeque::new() }).heard.push_back(heard);
    }

    /// A promise is kept: the task, and the facts that are to be acknowledged for it now.
    pub(crate) fn keep(&mut self, Ack(promise): Ack) -> Option<(TaskId, Vec<Acknowledge>)> {
        let task = self.open.remove(&promise)?;
        let queue = self.queues.get_mut(&task)?;
        if let Some(kept) = queue.heard.iter_mut().find(|heard| heard.promise == Some(promise)) {
            kept.promise = None;
        }
        let mut acknowledgements = Vec::new();
        while let Some(heard) = queue.heard.pop_front_if(|heard| heard.promise.is_none()) {
            acknowledgements.extend(heard.acknowledge);
            queue.stored = heard.after;
        }
        if queue.heard.is_empty() {
            self.queues.remove(&task);
        }
        Some((task, acknowledgements))
    }

    pub(crate) fn check(&self) {
        let promises = |queue: &Queue| queue.heard.iter().filter(|heard| heard.promise.is_some()).count();
        assert_eq!(self.queues.values().map(promises).sum::<usize>(), self.open.len(), "every open promise waits in its queue");
        let first = |queue: &Queue| queue.heard.front().is_some_and(|heard| heard.promise.is_some());
        assert!(self.queues.values().all(first), "a queue begins with a promise that is to be kept");
    }
}
