//! Moments that something waits for, by what waits. Owned: the two indexes and that they agree. Absent: what to do then.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::Time;

/// At most one moment per key, and the earliest of all at hand.
#[derive(Debug)]
pub(crate) struct Deadlines<K> {
    by_key: BTreeMap<K, Time>,
    by_time: BTreeSet<(Time, K)>,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self { by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }
}

impl<K: Ord + Clone> Deadlines<K> {
    /// `key` waits for `at`, and no more for what it waited for before.
    pub(crate) fn set(&mut self, key: K, at: Time) {
        if let Some(before) = self.by_key.insert(key.clone(), at) {
            self.by_time.remove(&(before, key.clone()));
        }
        self.by_time.insert((at, key));
    }

    /// `key` waits no more. Says whether it did.
    pub(crate) fn clear(&mut self, key: &K) -> bool {
        let Some(at) = self.by_key.remove(key) else { return false };
        self.by_time.remove(&(at, key.clone()));
        true
    }

    /// The earliest moment that anything waits for.
    pub(crate) fn first(&self) -> Option<Time> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes out all that has waited long enough, the earliest first.
    pub(crate) fn take_due(&mut self, now: Time) -> Vec<K> {
        let mut due = Vec::new();
        while let Some((at, key)) = self.by_time.first()
            && *at <= now
        {
            self.by_key.remove(key);
            due.extend(self.by_time.pop_first().map(|(_, key)| key));
        }
        due
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// What waits, in the order of keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.by_key.keys()
    }

    /// Panics when the two indexes differ.
    pub(crate) fn check(&self) {
        assert_eq!(self.by_key.len(), self.by_time.len(), "the two indexes of deadlines have the same size");
        for (at, key) in &self.by_time {
            assert_eq!(self.by_key.get(key), Some(at), "a deadline is the same in both indexes");
        }
    }
}
