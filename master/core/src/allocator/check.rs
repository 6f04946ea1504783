//! What must hold of the allocator between two events.

use std::collections::BTreeMap;

use meros_types::Resources;

use super::{Allocator, Pool, Sum};
use crate::table::ClientIx;

/// A sum that `check` builds from offers and tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recount(Sum);

impl Recount {
    pub(crate) fn add(&mut self, resources: &Resources) {
        self.0.add(resources);
    }
}

impl Allocator {
    /// Panics when a table contradicts another. What clients hold, and how many offers, is recounted by the caller.
    pub(crate) fn check(&self, pool: &impl Pool, recounted: &BTreeMap<ClientIx, (Recount, usize)>, total: &Recount) {
        assert_eq!(self.total, total.0, "the allocator's total is not the sum of the agents that count");
        let mut filters = 0;
        for (ix, row) in self.clients.iter() {
            let (allocated, offers) = recounted.get(&ix).cloned().unwrap_or_default();
            assert_eq!(row.allocated, allocated.0, "client {ix:?} is charged other than what it holds");
            assert_eq!(row.offers, offers, "client {ix:?} has another number of offers than it is said to");
            assert_eq!(self.order.contains(&(row.share, ix)), row.wants_more(), "client {ix:?} is misplaced in the order");
            for (agent, filter) in &row.filters {
                assert!(self.filters.contains(&(filter.until, ix, *agent)), "a filter of client {ix:?} has no end");
                assert!(self.agents.contains_key(agent), "client {ix:?} filters an agent that may not be offered");
            }
            filters += row.filters.len();
        }
        assert_eq!(self.filters.len(), filters, "every end of a filter has its filter");
        if !self.is_dirty() {
            self.check_nothing_missed(pool);
        }
    }

    /// The promise that lets a pass look only at what is dirty.
    fn check_nothing_missed(&self, pool: &impl Pool) {
        for agent in self.agents.keys() {
            let free = pool.free(*agent);
            let user = self.order.iter().find(|(_, client)| !free.is_none() && self.clients[*client].suits(*agent, free).is_some());
            assert_eq!(user, None, "nothing is dirty, and {agent:?} has {free:?} free that somebody could use");
        }
    }
}
