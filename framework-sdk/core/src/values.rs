//! What the scheduler saved itself, under names of its own. Owned: the values, their limits, and which are not yet stored.
//! Absent: what they mean.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits::{SAVED_BYTES_MAX, SAVED_KEY_BYTES_MAX, SAVED_KEYS_MAX, SAVED_VALUE_BYTES_MAX};
use crate::{SessionError, StateChange};

#[derive(Debug, Default)]
pub(crate) struct Values {
    values: BTreeMap<String, Vec<u8>>,
    /// Of all names and values together.
    bytes: usize,
    unsaved: BTreeSet<String>,
}

impl Values {
    pub(crate) fn recovered(values: BTreeMap<String, Vec<u8>>) -> Self {
        let bytes = values.iter().map(|(key, value)| key.len() + value.len()).sum();
        Self { values, bytes, unsaved: BTreeSet::new() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// The names that begin with `prefix`, in order.
    pub(crate) fn keys<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let from = self.values.range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded));
        from.map(|(key, _)| key.as_str()).take_while(move |key| key.starts_with(prefix))
    }

    /// Sets a value, unless that breaks a limit.
    pub(crate) fn save(&mut self, key: &str, value: Vec<u8>) -> Result<(), SessionError> {
        let before = self.values.get(key);
        if before == Some(&value) {
            return Ok(());
        }
        let bytes = match before {
            Some(before) => self.bytes - before.len() + value.len(),
            None => self.bytes + key.len() + value.len(),
        };
        let keys = self.values.len() + usize::from(before.is_none());
        check_limit("bytes in the name of a saved value", key.len(), SAVED_KEY_BYTES_MAX)?;
        check_limit("bytes in one saved value", value.len(), SAVED_VALUE_BYTES_MAX)?;
        check_limit("saved values", keys, SAVED_KEYS_MAX)?;
        check_limit("bytes of saved values", bytes, SAVED_BYTES_MAX)?;
        self.bytes = bytes;
        self.values.insert(key.to_owned(), value);
        self.unsaved.insert(key.to_owned());
        Ok(())
    }

    /// Removes a value. Says whether there was one.
    pub(crate) fn forget(&mut self, key: &str) -> bool {
        let Some(before) = self.values.remove(key) else { return false };
        self.bytes -= key.len() + before.len();
        self.unsaved.insert(key.to_owned())
    }

    /// What is to be stored.
    pub(crate) fn take_changes(&mut self) -> impl Iterator<Item = StateChange> {
        std::mem::take(&mut self.unsaved).into_iter().map(|key| match self.values.get(&key) {
            Some(value) => StateChange::Put { value: value.clone(), key },
            None => StateChange::Delete { key },
        })
    }

    pub(crate) fn check(&self) {
        let bytes: usize = self.values.iter().map(|(key, value)| key.len() + value.len()).sum();
        assert_eq!(self.bytes, bytes, "the bytes of saved values are counted right");
    }
}

fn check_limit(what: &'static str, has: usize, limit: usize) -> Result<(), SessionError> {
    if has > limit { Err(SessionError::LimitExceeded { what, limit }) } else { Ok(()) }
}
