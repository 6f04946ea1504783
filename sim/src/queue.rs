//! What is to happen, by time. Owned: the heap of (time, sequence, delivery). Two deliveries of one moment happen in the order
//! in which they were put in, so that every run is the same.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use meros_types::Time;

/// A heap of things that are to happen.
#[derive(Debug)]
pub(crate) struct Queue<D> {
    heap: BinaryHeap<Entry<D>>,
    sequence: u64,
}

#[derive(Debug)]
struct Entry<D> {
    at: Time,
    sequence: u64,
    delivery: D,
}

impl<D> Default for Queue<D> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0 }
    }
}

impl<D> Queue<D> {
    pub(crate) fn push(&mut self, at: Time, delivery: D) {
        self.sequence += 1;
        self.heap.push(Entry { at, sequence: self.sequence, delivery });
    }

    pub(crate) fn pop(&mut self) -> Option<(Time, D)> {
        self.heap.pop().map(|entry| (entry.at, entry.delivery))
    }

    /// When the next delivery is due.
    pub(crate) fn next(&self) -> Option<Time> {
        self.heap.peek().map(|entry| entry.at)
    }
}

impl<D> PartialEq for Entry<D> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<D> Eq for Entry<D> {}

impl<D> PartialOrd for Entry<D> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<D> Ord for Entry<D> {
    /// Reversed: the standard heap gives the greatest first, and the earliest is wanted.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_equals_keep_their_order() {
        let mut queue = Queue::default();
        for (at, name) in [(5, "c"), (1, "a"), (5, "d"), (3, "b")] {
            queue.push(Time(at), name);
        }
        assert_eq!(queue.next(), Some(Time(1)));
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, name)| name).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
    }
}
