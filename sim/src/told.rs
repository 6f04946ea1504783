//! What a scheduler knows of each of its tasks: now, and as of its newest saved state. Owned: forgetting, when its process dies,
//! what it had not saved. Absent: what is known, which each invariant chooses.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::TaskId;

/// A framework's task.
type Key = (usize, TaskId);

/// Something known per framework and task.
#[derive(Debug)]
pub(crate) struct Told<T> {
    now: BTreeMap<Key, T>,
    saved: BTreeMap<Key, T>,
    /// What has changed since the newest transaction was begun.
    changed: BTreeSet<Key>,
    /// What the transactions hold that are not on the disk yet, in their order.
    saving: Vec<(u64, Key, T)>,
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self { now: BTreeMap::new(), saved: BTreeMap::new(), changed: BTreeSet::new(), saving: Vec::new() }
    }
}

impl<T: Clone + Default> Told<T> {
    /// What the scheduler knows, if it was ever told anything.
    pub(crate) fn now(&self, framework: usize, task: &TaskId) -> Option<&T> {
        self.now.get(&(framework, task.clone()))
    }

    /// What every process after this one will know.
    pub(crate) fn saved(&self, framework: usize, task: &TaskId) -> Option<&T> {
        self.saved.get(&(framework, task.clone()))
    }

    /// What the scheduler knows, to be changed.
    pub(crate) fn change(&mut self, framework: usize, task: &TaskId) -> &mut T {
        let key = (framework, task.clone());
        self.changed.insert(key.clone());
        self.now.entry(key).or_default()
    }

    /// All that the scheduler was told until now is in this transaction, or in an earlier one.
    pub(crate) fn saving(&mut self, framework: usize, seq: u64) {
        for key in self.changed.extract_if(.., |(of, _)| *of == framework) {
            if let Some(known) = self.now.get(&key) {
                self.saving.push((seq, key, known.clone()));
            }
        }
    }

    /// The transaction is on the disk.
    pub(crate) fn is_saved(&mut self, framework: usize, seq: u64) {
        let is_it = |(of, (whose, _), _): &mut (u64, Key, T)| *whose == framework && *of <= seq;
        self.saved.extend(self.saving.extract_if(.., is_it).map(|(_, key, known)| (key, known)));
    }

    /// The process is dead: what it had not saved is forgotten.
    pub(crate) fn forget_unsaved(&mut self, framework: usize) {
        let in_transactions = self.saving.extract_if(.., |(_, (whose, _), _)| *whose == framework).map(|(_, key, _)| key);
        let mut keys: BTreeSet<Key> = in_transactions.collect();
        keys.extend(self.changed.extract_if(.., |(whose, _)| *whose == framework));
        for key in keys {
            match self.saved.get(&key) {
                Some(known) => drop(self.now.insert(key, known.clone())),
                None => drop(self.now.remove(&key)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_process_knows_what_its_newest_saved_transaction_held() {
        let task = TaskId::new("t").unwrap();
        let mut told: Told<u32> = Told::default();
        *told.change(0, &task) = 1;
        told.saving(0, 7);
        // Told while the transaction was under way, so that it is not in there.
        *told.change(0, &task) = 2;
        *told.change(1, &task) = 9;
        told.is_saved(0, 7);
        assert_eq!((told.now(0, &task), told.saved(0, &task)), (Some(&2), Some(&1)));
        told.forget_unsaved(0);
        assert_eq!((told.now(0, &task), told.now(1, &task)), (Some(&1), Some(&9)));
        told.forget_unsaved(1);
        assert_eq!(told.now(1, &task), None);
    }
}
