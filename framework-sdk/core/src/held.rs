//! The offers that a scheduler keeps beyond a callback. Owned: the offers, their leases, and which were touched.

use std::collections::BTreeMap;

use meros_types::{OfferId, Time};

use crate::Offer;
use crate::deadlines::Deadlines;

#[derive(Debug, Default)]
pub(crate) struct Held {
    offers: BTreeMap<OfferId, Offer>,
    leases: Deadlines<OfferId>,
    /// Those lent to the scheduler since the last callback returned, with repetitions.
    touched: Vec<OfferId>,
}

impl Held {
    pub(crate) fn len(&self) -> usize {
        self.offers.len()
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = OfferId> {
        self.offers.keys().copied()
    }

    pub(crate) fn keep(&mut self, offer: Offer, now: Time) {
        self.leases.set(offer.id(), now.after(offer.lease()));
        self.offers.insert(offer.id(), offer);
    }

    /// Lends one to the scheduler.
    pub(crate) fn lend(&mut self, id: OfferId) -> Option<&mut Offer> {
        let offer = self.offers.get_mut(&id)?;
        self.touched.push(id);
        Some(offer)
    }

    /// Takes out those that the scheduler has decided on.
    pub(crate) fn take_answered(&mut self) -> Vec<Offer> {
        let mut answered = Vec::new();
        for id in std::mem::take(&mut self.touched) {
            if self.offers.get(&id).is_some_and(Offer::is_answered) {
                self.leases.clear(&id);
                answered.extend(self.offers.remove(&id));
            }
        }
        answered
    }

    /// Takes out those of `ids` that are held, and says which they were.
    pub(crate) fn rescind(&mut self, mut ids: Vec<OfferId>) -> Vec<OfferId> {
        ids.retain(|id| self.leases.clear(id) && self.offers.remove(id).is_some());
        ids
    }

    /// Takes out those whose lease has run out.
    pub(crate) fn expire(&mut self, now: Time) -> Vec<OfferId> {
        let due = self.leases.take_due(now);
        for id in &due {
            self.offers.remove(id);
        }
        due
    }

    /// Takes out all.
    pub(crate) fn clear(&mut self) -> Vec<OfferId> {
        let ids = self.ids().collect();
        *self = Self::default();
        ids
    }

    pub(crate) fn wakeup(&self) -> Option<Time> {
        self.leases.first()
    }

    pub(crate) fn check(&self) {
        self.leases.check();
        assert!(self.leases.keys().eq(self.offers.keys()), "every held offer has a lease and every lease an offer");
        assert!(self.touched.is_empty(), "what a callback touched is collected when it returns");
        assert!(!self.offers.values().any(Offer::is_answered), "an offer that is decided on is not held");
    }
}
