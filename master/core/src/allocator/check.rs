//! What must hold of the allocator between two events.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::Resources;

use super::client::Client;
use super::floor::{Amounts, Floor, amounts};
use super::order::{Key, share};
use super::sum::Sum;
use super::tree::{Branch, BranchIx};
use super::{Allocator, ceiling};
use crate::table::{ClientIx, Ix};

/// A sum that the caller of [`Allocator::check`] builds from offers and tasks.
#[derive(Clone, Debug, Default)]
pub struct Recount(Sum);

impl Recount {
    /// Counts this too.
    pub fn add(&mut self, resources: &Resources) {
        self.0.add(resources);
    }
}

impl Allocator {
    /// Panics on a broken invariant, naming it. What each client holds, and how many offers, and the cluster's total are recounted
    /// by the caller; the rest is recounted here, and when nothing is dirty, that nobody could use anything that is free.
    pub fn check(&self, held: &BTreeMap<ClientIx, (Recount, usize)>, total: &Recount) {
        assert_eq!(self.total, total.0, "the allocator's total is not the sum of the agents that count");
        for (client, row) in self.clients.iter() {
            let (allocated, offers) = held.get(&client).cloned().unwrap_or_default();
            assert_eq!(row.allocated, allocated.0, "client {client:?} is charged other than what it holds");
            assert_eq!(row.offers, offers, "client {client:?} has another number of offers than it is said to");
        }
        self.check_alone();
    }

    /// What of [`Allocator::check`] needs nothing from the caller.
    pub fn check_alone(&self) {
        self.check_agents();
        for (client, row) in self.clients.iter() {
            let place = row.wants_more().then(|| self.key(&row.allocated, 1, true, client.place()));
            self.check_place(row.place, place, row.leaf);
            assert_eq!(self.hungry.contains(client), row.place.is_some(), "client {client:?} is hungry, or is not");
            assert!(self.tree.branches[row.leaf].clients.contains(&client), "client {client:?} is not in its leaf");
            if row.place.is_some() {
                self.check_floors(client, row);
            }
        }
        self.tree.branches.iter().for_each(|(branch, row)| self.check_branch(branch, row));
        assert_eq!(self.tree.limits, self.tree.branches.iter().filter(|(_, row)| row.is_limited()).count(), "limits");
        assert_eq!(
            self.tree.guarantees,
            self.tree.branches.iter().filter(|(_, row)| !row.guarantee.is_none()).count(),
            "guarantees"
        );
        if !self.is_dirty() {
            self.check_nothing_missed();
        }
    }

    pub(super) fn key(&self, allocated: &Sum, weight: u32, met: bool, place: usize) -> Key {
        Key { met, share: share(allocated, &self.whole, weight), child: place as u32 }
    }

    /// The share may be old until the next pass, if the cluster's total has changed.
    fn check_place(&self, place: Option<Key>, should: Option<Key>, parent: BranchIx) {
        let fresh = |key: Option<Key>| {
            key.map(|key| if self.shares_stale { (key.met, 0, key.child) } else { (key.met, key.share, key.child) })
        };
        assert_eq!(fresh(place), fresh(should), "a place in the order of {parent:?} is not what it should be");
        if let Some(place) = place {
            assert!(self.tree.branches[parent].siblings.order.contains(&place), "{place:?} is not in the order of {parent:?}");
        }
    }

    fn check_branch(&self, branch: BranchIx, row: &Branch) {
        let clients: Vec<_> = row.clients.iter().map(|client| &self.clients[*client]).collect();
        let branches: Vec<_> = row.branches.iter().map(|child| &self.tree.branches[*child]).collect();
        let allocated = clients.iter().map(|row| &row.allocated).chain(branches.iter().map(|row| &row.allocated));
        assert_eq!(row.allocated, allocated.fold(Sum::default(), Sum::and), "what is held below {branch:?}");
        let hungry =
            clients.iter().filter(|row| row.place.is_some()).count() + branches.iter().map(|row| row.hungry).sum::<usize>();
        assert_eq!(row.hungry, hungry, "how many are hungry below {branch:?}");
        let placed = clients.iter().map(|row| row.place).chain(branches.iter().map(|row| row.place)).flatten();
        assert_eq!(row.siblings.order, placed.collect::<BTreeSet<_>>(), "the order of {branch:?}");
        let children_need = branches.iter().map(|row| &row.need).fold(Sum::default(), Sum::and);
        assert_eq!(row.children_need, children_need, "what the children of {branch:?} are owed");
        let need = row.guarantee.clone().without(row.consumed()).larger(&children_need);
        assert_eq!(row.need, need, "what {branch:?} is owed");
        assert_eq!(row.own_need, need.without(&children_need), "what {branch:?} itself is owed");
        if let Some(parent) = row.parent {
            let is_closed = row.is_limited() && !row.floors.claim.met_by(&ceiling::room(&row.headroom()));
            assert_eq!(row.is_shut, self.is_recovering && row.is_limited(), "{branch:?} is shut while recovering");
            let is_asked = row.hungry > 0 && !is_closed && !row.is_shut;
            let place = self.key(&row.allocated, row.settings.weight, row.need.is_none(), branch.place());
            self.check_place(row.place, is_asked.then_some(place), parent);
        }
    }

    /// Nobody takes less than the floors around it say. Each want is compared, since the floors of many are melted into less than
    /// any of them takes.
    fn check_floors(&self, client: ClientIx, row: &Client) {
        for branch in self.tree.path(row.leaf) {
            let floors = &self.tree.branches[branch].floors;
            let check = |floor: &Floor, least: Amounts| {
                assert!(
                    floor.met_by(&least),
                    "the floors of {branch:?} are too high for {client:?}: {floor:?}, and it takes {least:?}"
                );
            };
            row.each_floor(|least| check(&floors.free, least), |least| check(&floors.claim, least));
        }
    }

    fn check_agents(&self) {
        let mut free = Sum::default();
        let mut filters = Vec::new();
        for (agent, row) in self.agents.iter() {
            free.add(&row.free);
            for (client, filter) in &row.filters {
                filters.push((filter.until, *client, agent));
                assert!(self.clients[*client].filtered.contains(agent), "client {client:?} doesn't know its filter for {agent:?}");
            }
            for client in row.blocked.iter() {
                let filter = row.filters.get(&client);
                let covers = filter.is_some_and(|filter| filter.refused.contains(&row.blocked_up_to));
                assert!(covers, "client {client:?} is not asked about {agent:?}, though it has not declined that");
            }
            let indexed = self.agents.index.get(agent.place()) == amounts(&row.free);
            assert!(indexed || self.agents.unindexed.contains(agent), "the index is wrong about {agent:?}");
        }
        assert_eq!(self.agents.free, free, "what is free of all agents");
        assert_eq!(
            filters.len(),
            self.clients.iter().map(|(_, row)| row.filtered.len()).sum(),
            "each filter is known to its client"
        );
        self.ends.check(&filters);
    }

    /// The promise that lets a pass look only at what is dirty.
    fn check_nothing_missed(&self) {
        for (client, row) in self.clients.iter().filter(|(_, row)| row.place.is_some()) {
            if self.is_waiting_for_recovery(row.leaf) {
                continue;
            }
            let ceiling = self.ceiling(row.leaf);
            for (agent, row) in self.agents.iter().filter(|(_, row)| !row.free.is_none()) {
                let want = self.first_want(client, row, &ceiling);
                assert!(want.is_err(), "nothing is dirty, and {client:?} could use {} of {agent:?}", row.free);
            }
        }
    }

    /// Whether a role around this branch is closed until the master knows what it has.
    pub(super) fn is_waiting_for_recovery(&self, branch: BranchIx) -> bool {
        self.tree.path(branch).any(|branch| self.tree.branches[branch].is_shut)
    }
}
