//! A set of clients, as bits: asked for each candidate of each offer.

use crate::table::{ClientIx, Ix};

#[derive(Clone, Debug, Default)]
pub(super) struct ClientSet(Vec<u64>);

impl ClientSet {
    pub(super) fn insert(&mut self, client: ClientIx) {
        let (word, bit) = place(client);
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= bit;
    }

    pub(super) fn remove(&mut self, client: ClientIx) {
        let (word, bit) = place(client);
        if let Some(word) = self.0.get_mut(word) {
            *word &= !bit;
        }
    }

    pub(super) fn contains(&self, client: ClientIx) -> bool {
        let (word, bit) = place(client);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn place(client: ClientIx) -> (usize, u64) {
    (client.place() / 64, 1 << (client.place() % 64))
}
