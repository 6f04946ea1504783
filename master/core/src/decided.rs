//! What operators decide of several things that are stored as one: what is stored, what is on its way, and what waits for that.
//!
//! Owned here: the three of them, and who is told when. Deliberately absent: whether a decision can be taken, which is judged by
//! what will be once everything is stored; and what follows from it.

use std::collections::BTreeMap;

use crate::OPERATORS_WAITING_MAX;
use crate::event::Token;

/// Values by key, in the three stages of being stored.
#[derive(Debug)]
pub(crate) struct Decided<K, V> {
    stored: BTreeMap<K, V>,
    /// What the write under way changes.
    leaving: Step<K, V>,
    /// What the write after it will change.
    next: Step<K, V>,
}

/// What one write changes, and who is told when it is durable. No value: the key is forgotten.
#[derive(Debug)]
pub(crate) struct Step<K, V> {
    pub(crate) values: BTreeMap<K, Option<V>>,
    pub(crate) tokens: Vec<Token>,
}

impl<K, V> Default for Decided<K, V> {
    fn default() -> Self {
        Self { stored: BTreeMap::new(), leaving: Step::default(), next: Step::default() }
    }
}

impl<K, V> Default for Step<K, V> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), tokens: Vec::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Decided<K, V> {
    /// What an earlier master has stored.
    pub(crate) fn recover(&mut self, key: K, value: V) {
        self.stored.insert(key, value);
    }

    /// What holds: what is stored.
    pub(crate) fn stored(&self) -> &BTreeMap<K, V> {
        &self.stored
    }

    /// What is on its way or waits, the earlier first. No value: the key is about to be forgotten.
    pub(crate) fn coming(&self, key: &K) -> impl Iterator<Item = Option<&V>> {
        [&self.leaving, &self.next].into_iter().filter_map(|step| step.values.get(key)).map(Option::as_ref)
    }

    /// What there will be once everything is stored.
    pub(crate) fn all_to_be(&self) -> BTreeMap<&K, &V> {
        let mut all: BTreeMap<&K, &V> = self.stored.iter().collect();
        for (key, value) in self.leaving.values.iter().chain(&self.next.values) {
            match value {
                Some(value) => drop(all.insert(key, value)),
                None => drop(all.remove(key)),
            }
        }
        all
    }

    /// The value that there will be once everything is stored.
    pub(crate) fn to_be(&self, key: &K) -> Option<&V> {
        self.coming(key).last().unwrap_or_else(|| self.stored.get(key))
    }

    /// Whether another operator may wait.
    pub(crate) fn has_room(&self) -> bool {
        self.next.tokens.len() < OPERATORS_WAITING_MAX
    }

    /// Goes into the next write.
    pub(crate) fn decide(&mut self, key: K, value: Option<V>) {
        self.next.values.insert(key, value);
    }

    /// This operator is told when the next write is durable.
    pub(crate) fn wait(&mut self, token: Token) {
        self.next.tokens.push(token);
    }

    /// What is over by itself holds no more, and is forgotten with the next write. One that is to change is left to the change.
    pub(crate) fn lapse(&mut self, key: &K) -> Option<V> {
        if self.coming(key).next().is_some() {
            return None;
        }
        let value = self.stored.remove(key)?;
        self.next.values.insert(key.clone(), None);
        Some(value)
    }

    /// The next write leaves: what it changes, if anything. None may be under way.
    pub(crate) fn leave(&mut self) -> Option<&BTreeMap<K, Option<V>>> {
        assert!(self.leaving.values.is_empty(), "one write is under way at the most");
        self.leaving = std::mem::take(&mut self.next);
        (!self.leaving.values.is_empty()).then_some(&self.leaving.values)
    }

    /// The write under way is durable. Its keys, with the values that they had before, and who is to be told.
    pub(crate) fn arrive(&mut self) -> Step<K, V> {
        let Step { values, tokens } = std::mem::take(&mut self.leaving);
        let before = values.into_iter().map(|(key, value)| {
            let before = match value {
                Some(value) => self.stored.insert(key.clone(), value),
                None => self.stored.remove(&key),
            };
            (key, before)
        });
        Step { values: before.collect(), tokens }
    }

    /// `waits`: the next write is to be looked at; `under_way`: one is.
    pub(crate) fn check(&self, waits: bool, under_way: bool) {
        assert!(waits || self.next.values.is_empty(), "something is decided and nothing is to be written");
        assert_eq!(under_way, !self.leaving.values.is_empty(), "what is under way is what leaves");
        for step in [&self.leaving, &self.next] {
            assert!(step.tokens.is_empty() || !step.values.is_empty(), "somebody waits for a write that changes nothing");
        }
    }
}
