//! What follows along the path from a client to the root when it has more or less, or wants more or less.
//!
//! A child is in its parent's order exactly while somebody below it is hungry and its limit leaves enough for the least that
//! anybody below would take. So a role at its limit costs a pass nothing, however many frameworks it has.

use meros_types::Resources;

use super::Allocator;
use super::ceiling::{Ceiling, leaving, room};
use super::floor::Floors;
use super::order::{Key, share};
use super::sum::Sum;
use super::tree::BranchIx;
use crate::table::{ClientIx, Ix};

impl Allocator {
    /// A client has this much more: a task. What a pass grants is charged by the pass itself.
    pub fn charge(&mut self, client: ClientIx, resources: &Resources) {
        self.clients[client].allocated.add(resources);
        self.place_client(client);
        let mut at = Some(self.clients[client].leaf);
        while let Some(branch) = at {
            let row = &mut self.tree.branches[branch];
            row.allocated.add(resources);
            at = row.parent;
            self.renew_need(branch);
            self.place_branch(branch);
        }
    }

    /// A client has this much less: a task has ended, or an offer. What of an offer is used by tasks is charged again.
    pub fn discharge(&mut self, client: ClientIx, resources: &Resources) {
        self.clients[client].allocated.subtract(resources);
        self.place_client(client);
        let mut at = Some(self.clients[client].leaf);
        while let Some(branch) = at {
            let row = &mut self.tree.branches[branch];
            row.allocated.subtract(resources);
            at = row.parent;
            self.renew_need(branch);
            self.place_branch(branch);
            self.release(branch);
        }
    }

    /// Puts a client where it belongs in its leaf's order.
    pub(super) fn place_client(&mut self, client: ClientIx) {
        let row = &mut self.clients[client];
        let place = || Key { met: true, share: share(&row.allocated, &self.whole, 1), child: client.place() as u32 };
        let after = row.wants_more().then(place);
        let before = std::mem::replace(&mut row.place, after);
        if before == after {
            return;
        }
        let leaf = row.leaf;
        if before.is_none() {
            self.lower_floors(client);
        }
        self.tree.branches[leaf].siblings.replace(before, after);
        if before.is_some() != after.is_some() {
            self.count_hungry(client, after.is_some());
        }
    }

    fn count_hungry(&mut self, client: ClientIx, is_hungry: bool) {
        match is_hungry {
            true => self.hungry.insert(client),
            false => self.hungry.remove(client),
        };
        let mut at = Some(self.clients[client].leaf);
        while let Some(branch) = at {
            let row = &mut self.tree.branches[branch];
            at = row.parent;
            if is_hungry {
                row.hungry += 1;
            } else {
                row.hungry -= 1;
                row.is_exact = row.hungry == 0;
            }
            if row.hungry == 0 {
                row.floors = Floors::default();
                row.asked_in_vain = 0;
            }
            self.place_branch(branch);
        }
    }

    /// Puts a branch where it belongs in its parent's order.
    pub(super) fn place_branch(&mut self, branch: BranchIx) {
        let row = &mut self.tree.branches[branch];
        let Some(parent) = row.parent else { return };
        let is_closed = row.is_limited() && row.hungry > 0 && !row.floors.claim.met_by(&room(&row.headroom()));
        row.holds_back |= is_closed;
        let is_asked = row.hungry > 0 && !is_closed && !row.is_shut;
        let place = || Key {
            met: row.need.is_none(),
            share: share(&row.allocated, &self.whole, row.settings.weight),
            child: branch.place() as u32,
        };
        let after = is_asked.then(place);
        let before = std::mem::replace(&mut row.place, after);
        if before != after {
            self.tree.branches[parent].siblings.replace(before, after);
        }
    }

    /// Looks again at everybody below a branch whose limit has kept something from them, once it leaves more.
    pub(super) fn release(&mut self, branch: BranchIx) {
        let row = &mut self.tree.branches[branch];
        if row.holds_back && row.place.is_some() {
            row.holds_back = false;
            self.dirty_branches.insert(branch);
        }
    }

    /// Recomputes what a branch is owed, and what its parent's children are. Those who were held back may have more if that has grown.
    pub(super) fn renew_need(&mut self, branch: BranchIx) {
        if self.tree.guarantees == 0 && self.tree.branches[branch].need.is_none() {
            return;
        }
        let row = &mut self.tree.branches[branch];
        let own_before = std::mem::take(&mut row.own_need);
        let need = row.guarantee.clone().without(row.consumed()).larger(&row.children_need);
        row.own_need = need.clone().without(&row.children_need);
        let has_grown = row.own_need.exceeds(&own_before);
        let before = std::mem::replace(&mut row.need, need);
        if let Some(parent) = row.parent {
            let need = row.need.clone();
            let above = &mut self.tree.branches[parent];
            above.children_need = std::mem::take(&mut above.children_need).without(&before).and(&need);
        }
        if has_grown && self.is_held_by_guarantees {
            self.dirty_branches.insert(branch);
        }
    }

    /// Lets the floors on a client's path know what it would take.
    pub(super) fn lower_floors(&mut self, client: ClientIx) {
        let row = &self.clients[client];
        let floors = row.floors();
        let mut at = Some(row.leaf);
        while let Some(branch) = at {
            let row = &mut self.tree.branches[branch];
            row.floors.add_all(&floors);
            at = row.parent;
            if row.is_limited() && row.place.is_none() {
                self.place_branch(branch);
            }
        }
    }

    /// Notes that a client on this path may take less than the floors say, or nothing.
    pub(super) fn loosen_floors(&mut self, client: ClientIx) {
        let mut at = Some(self.clients[client].leaf);
        while let Some(branch) = at {
            let row = &mut self.tree.branches[branch];
            row.is_exact = row.hungry == 0;
            at = row.parent;
        }
    }

    /// What everybody below a branch may have at the most.
    pub(super) fn ceiling(&self, branch: BranchIx) -> Ceiling {
        let mut ceiling = Ceiling::default();
        if self.tree.limits > 0 {
            let limited = self.tree.path(branch).map(|branch| &self.tree.branches[branch]).filter(|row| row.is_limited());
            ceiling.limit = limited.fold(ceiling.limit, |limit, row| limit.stricter(&row.headroom()));
        }
        let kept = &self.tree.branches[self.tree.root].need;
        if !kept.is_none() {
            ceiling.slack = leaving(&self.slack().and(&self.owed(branch)), kept);
        }
        ceiling
    }

    /// What guarantees owe to everybody below a branch.
    pub(super) fn owed(&self, branch: BranchIx) -> Sum {
        self.tree.path(branch).fold(Sum::default(), |owed, branch| owed.and(&self.tree.branches[branch].own_need))
    }

    /// What is free and not kept back for anybody.
    pub(super) fn slack(&self) -> Sum {
        self.agents.free.clone().without(&self.tree.branches[self.tree.root].need)
    }
}
