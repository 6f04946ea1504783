//! The users that tasks run as: each container has one of its own for as long as anything of it is left, files included.

use std::collections::BTreeSet;
use std::ops::Range;

#[derive(Clone, Debug)]
pub(crate) struct Uids {
    range: Range<u32>,
    next: u32,
    taken: BTreeSet<u32>,
}

impl Uids {
    pub(crate) fn new(range: Range<u32>) -> Self {
        Self { next: range.start, range, taken: BTreeSet::new() }
    }

    /// The next free one, going round the range so that one is used again as late as can be.
    pub(crate) fn take(&mut self) -> Option<u32> {
        if !self.has_free() {
            return None;
        }
        while self.taken.contains(&self.next) {
            self.next = self.after(self.next);
        }
        let uid = self.next;
        self.taken.insert(uid);
        self.next = self.after(uid);
        Some(uid)
    }

    /// Notes that a container of an earlier life has this one. Of another range, it is nobody else's anyway.
    pub(crate) fn remember(&mut self, uid: u32) {
        if self.range.contains(&uid) {
            self.taken.insert(uid);
            self.next = self.after(uid);
        }
    }

    pub(crate) fn has_free(&self) -> bool {
        self.taken.len() < self.range.len()
    }

    pub(crate) fn give_back(&mut self, uid: u32) {
        self.taken.remove(&uid);
    }

    pub(crate) fn taken(&self) -> &BTreeSet<u32> {
        &self.taken
    }

    /// Whether nobody else can be given this one.
    pub(crate) fn is_taken(&self, uid: u32) -> bool {
        !self.range.contains(&uid) || self.taken.contains(&uid)
    }

    fn after(&self, uid: u32) -> u32 {
        if uid + 1 < self.range.end { uid + 1 } else { self.range.start }
    }
}
