//! The facts that wait, framework by framework, in the order in which they were stated.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meros_types::{ContainerId, FactId, FrameworkId, TaskUpdate, Time};

use crate::log::Log;

/// How long after it was sent a fact is repeated for the first time.
pub(super) const RETRY_MIN: Duration = Duration::from_secs(1);
/// The longest wait between two repetitions.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// How many facts of one task may wait. Beyond that the newest that is not terminal replaces the older ones that are not.
const FACTS_PER_TASK_MAX: u32 = 16;

/// A fact that nobody has acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) container: ContainerId,
    pub(crate) update: TaskUpdate,
    /// The number of its record.
    pub(crate) seq: u64,
}

impl Waiting {
    /// Whether its record is as safe as a fact of its kind promises: what is final has to outlive even a power loss.
    pub(crate) fn is_safe(&self, log: &Log) -> bool {
        if self.update.state.is_terminal() { log.is_synced(self.seq) } else { log.is_appended(self.seq) }
    }
}

/// The facts of one framework that wait.
#[derive(Clone, Debug, Default)]
struct Queue {
    waiting: BTreeMap<u64, Waiting>,
    /// Those up to this place are safe, and may be sent.
    safe: u64,
    /// When those are repeated, and how long that was waited for; none while there are none of them.
    retry: Option<(Time, Duration)>,
}

impl Queue {
    fn has_safe(&self) -> bool {
        self.waiting.range(..=self.safe).next().is_some()
    }

    fn first_unsafe(&self) -> Option<(u64, &Waiting)> {
        self.waiting.range(self.safe + 1..).next().map(|(place, fact)| (*place, fact))
    }
}

/// Every fact that waits. Its *place* orders it among those of all lives of the agent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    newest_place: u64,
    queues: BTreeMap<FrameworkId, Queue>,
    places: BTreeMap<FactId, u64>,
    retries: BTreeSet<(Time, FrameworkId)>,
    /// The frameworks with facts that are not safe yet.
    held: BTreeSet<FrameworkId>,
}

impl Facts {
    pub(crate) fn waiting(&self) -> usize {
        self.places.len()
    }

    /// The place of the newest fact, be it still here or not.
    pub(crate) fn newest_place(&self) -> u64 {
        self.newest_place
    }

    /// Whether every fact may be sent.
    pub(crate) fn all_safe(&self) -> bool {
        self.held.is_empty()
    }

    pub(crate) fn next_retry(&self) -> Option<Time> {
        self.retries.first().map(|(at, _)| *at)
    }

    pub(crate) fn is_waiting(&self, fact: FactId) -> bool {
        self.places.contains_key(&fact)
    }

    pub(crate) fn frameworks(&self) -> Vec<FrameworkId> {
        self.queues.keys().copied().collect()
    }

    /// Every fact with its place and framework, by framework.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u64, FrameworkId, &Waiting)> {
        self.queues.iter().flat_map(|(framework, queue)| queue.waiting.iter().map(move |(place, fact)| (*place, *framework, fact)))
    }

    /// Takes a fact in at the end of its framework's queue; its place.
    pub(super) fn push(&mut self, framework: FrameworkId, id: FactId, fact: Waiting) -> u64 {
        self.newest_place += 1;
        self.queues.entry(framework).or_default().waiting.insert(self.newest_place, fact);
        self.places.insert(id, self.newest_place);
        self.held.insert(framework);
        self.newest_place
    }

    /// Takes a fact out that this framework has; with its place.
    pub(super) fn take(&mut self, now: Time, framework: FrameworkId, id: FactId) -> Option<(u64, Waiting)> {
        let place = *self.places.get(&id)?;
        let fact = self.queues.get_mut(&framework)?.waiting.remove(&place)?;
        self.places.remove(&id);
        self.settle(now, framework);
        Some((place, fact))
    }

    /// Whether it may have been sent: only then can anybody have it.
    pub(super) fn is_safe(&self, framework: FrameworkId, id: FactId) -> bool {
        let place = self.places.get(&id);
        place.is_some_and(|place| self.queues.get(&framework).is_some_and(|queue| *place <= queue.safe))
    }

    /// Takes out what a task's newest fact makes needless when too many of it wait; how many that were.
    pub(super) fn supersede(&mut self, now: Time, framework: FrameworkId, container: ContainerId, waiting: u32) -> u32 {
        let Some(queue) = self.queues.get_mut(&framework).filter(|_| waiting > FACTS_PER_TASK_MAX) else { return 0 };
        let is_passing = |fact: &Waiting| fact.container == container && !fact.update.state.is_terminal();
        let passing: Vec<u64> = queue.waiting.iter().filter(|(_, fact)| is_passing(fact)).map(|(place, _)| *place).collect();
        let Some((_, older)) = passing.split_last() else { return 0 };
        let mut count = 0;
        for id in older.iter().filter_map(|place| queue.waiting.remove(place)).filter_map(|fact| fact.update.fact) {
            count += 1;
            self.places.remove(&id);
        }
        self.settle(now, framework);
        count
    }

    /// The facts that have become safe, in order for each framework: one that is not holds up those behind it.
    pub(super) fn release(&mut self, now: Time, log: &Log) -> Vec<(u64, FrameworkId, Waiting)> {
        let mut released = Vec::new();
        for framework in self.held.clone() {
            let Some(queue) = self.queues.get_mut(&framework) else { continue };
            let before = released.len();
            while let Some((place, fact)) = queue.first_unsafe().filter(|(_, fact)| fact.is_safe(log)) {
                released.push((place, framework, fact.clone()));
                queue.safe = place;
            }
            if queue.first_unsafe().is_none() {
                self.held.remove(&framework);
            }
            if released.len() > before && queue.retry.is_none() {
                self.set_retry(framework, Some((now.after(RETRY_MIN), RETRY_MIN)));
            }
        }
        released
    }

    /// Every fact of a framework that may be sent, in order; the next repetition waits `wait`, the one after twice that.
    pub(super) fn repeat(&mut self, now: Time, framework: FrameworkId, wait: Duration) -> Vec<TaskUpdate> {
        let Some(queue) = self.queues.get(&framework).filter(|queue| queue.has_safe()) else { return Vec::new() };
        let facts = queue.waiting.range(..=queue.safe).map(|(_, fact)| fact.update.clone()).collect();
        self.set_retry(framework, Some((now.after(wait), wait)));
        facts
    }

    pub(super) fn due(&self, now: Time) -> Option<(FrameworkId, Duration)> {
        let (at, framework) = *self.retries.first()?;
        let wait = self.queues.get(&framework).and_then(|queue| queue.retry).map_or(RETRY_MIN, |(_, wait)| wait);
        (at <= now).then(|| (framework, (wait * 2).min(RETRY_MAX)))
    }

    /// Facts of a framework were taken out: what is left is repeated soon, and of an empty queue nothing stays.
    fn settle(&mut self, now: Time, framework: FrameworkId) {
        let Some(queue) = self.queues.get(&framework) else { return };
        let (is_empty, has_safe, has_unsafe) = (queue.waiting.is_empty(), queue.has_safe(), queue.first_unsafe().is_some());
        self.set_retry(framework, has_safe.then(|| (now.after(RETRY_MIN), RETRY_MIN)));
        if !has_unsafe {
            self.held.remove(&framework);
        }
        if is_empty {
            self.queues.remove(&framework);
        }
    }

    fn set_retry(&mut self, framework: FrameworkId, retry: Option<(Time, Duration)>) {
        let Some(queue) = self.queues.get_mut(&framework) else { return };
        if let Some((at, _)) = std::mem::replace(&mut queue.retry, retry) {
            self.retries.remove(&(at, framework));
        }
        self.retries.extend(retry.map(|(at, _)| (at, framework)));
    }

    /// Panics when a table contradicts another, or when a fact may be sent whose record is not as safe as it promises.
    pub(crate) fn check(&self, log: &Log) {
        let waiting: usize = self.queues.values().map(|queue| queue.waiting.len()).sum();
        assert_eq!(self.places.len(), waiting, "every fact that waits is found by its id");
        let due = |(framework, queue): (&FrameworkId, &Queue)| queue.retry.map(|(at, _)| (at, *framework));
        assert_eq!(self.retries, self.queues.iter().filter_map(due).collect(), "each repetition is known");
        for (framework, queue) in &self.queues {
            assert!(!queue.waiting.is_empty(), "framework {framework}, of which no fact waits, is forgotten");
            assert_eq!(queue.retry.is_some(), queue.has_safe(), "framework {framework}: what may be sent is repeated");
            assert_eq!(self.held.contains(framework), queue.first_unsafe().is_some(), "framework {framework}: what is held back");
            let safe = queue.waiting.range(..=queue.safe).all(|(_, fact)| fact.is_safe(log));
            assert!(safe, "framework {framework}: a fact may be sent whose record a crash could lose");
        }
        assert!(self.held.iter().all(|framework| self.queues.contains_key(framework)), "only what waits is held back");
    }
}
