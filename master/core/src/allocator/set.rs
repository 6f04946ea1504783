//! A set of rows of one table, as bits: asked for each candidate of each offer, and walked in ascending order.

use std::marker::PhantomData;

use crate::table::Ix;

#[derive(Clone, Debug)]
pub(super) struct Set<I> {
    words: Vec<u64>,
    len: usize,
    /// The words before this one are empty.
    low: usize,
    kind: PhantomData<I>,
}

impl<I> Default for Set<I> {
    fn default() -> Self {
        Self { words: Vec::new(), len: 0, low: 0, kind: PhantomData }
    }
}

impl<I: Ix> Set<I> {
    /// Says whether it was not in it before.
    pub(super) fn insert(&mut self, ix: I) -> bool {
        let (at, bit) = place(ix);
        if self.words.len() <= at {
            self.words.resize(at + 1, 0);
        }
        self.low = if self.len == 0 { at } else { self.low.min(at) };
        let is_new = self.words[at] & bit == 0;
        self.words[at] |= bit;
        self.len += usize::from(is_new);
        is_new
    }

    /// Says whether it was in it.
    pub(super) fn remove(&mut self, ix: I) -> bool {
        let (at, bit) = place(ix);
        let was_in = self.contains(ix);
        if was_in {
            self.words[at] &= !bit;
            self.len -= 1;
        }
        was_in
    }

    pub(super) fn contains(&self, ix: I) -> bool {
        let (at, bit) = place(ix);
        self.words.get(at).is_some_and(|word| word & bit != 0)
    }

    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.len = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether all of these are in the other, word by word.
    pub(super) fn is_subset(&self, other: &Self) -> bool {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        self.len <= other.len && self.words.iter().zip(others).all(|(mine, other)| mine & !other == 0)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = I> {
        let words = self.words.iter().enumerate().skip(self.low);
        words.flat_map(|(at, word)| Bits(*word).map(move |bit| I::new(at * 64 + bit))).take(self.len)
    }
}

/// The places of the bits of one word.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;
    fn next(&mut self) -> Option<usize> {
        let bit = (self.0 != 0).then(|| self.0.trailing_zeros() as usize);
        self.0 &= self.0.wrapping_sub(1);
        bit
    }
}

fn place<I: Ix>(ix: I) -> (usize, u64) {
    (ix.place() / 64, 1 << (ix.place() % 64))
}
