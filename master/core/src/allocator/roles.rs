//! What operators decide of roles, and what they see of them.

use meros_types::{Resources, Role, RoleSettings, RoleState};

use super::Allocator;
use super::order::{millionths, share};
use super::sum::Sum;
use super::tree::{Branch, BranchIx};
use crate::table::ClientIx;

impl Allocator {
    /// Replaces a role's settings. The default ones are those of a role that nothing is known of. Which offers must end for a
    /// lowered limit says [`Allocator::offers_above_limits`].
    pub fn set_role(&mut self, role: &Role, settings: RoleSettings) {
        let branch = self.tree.role(role);
        let row = &mut self.tree.branches[branch];
        self.tree.limits -= usize::from(row.is_limited());
        self.tree.guarantees -= usize::from(!row.guarantee.is_none());
        row.guarantee = Sum::of(&settings.guarantee);
        row.settings = RoleSettings { weight: settings.weight.max(1), ..settings };
        self.tree.limits += usize::from(row.is_limited());
        self.tree.guarantees += usize::from(!row.guarantee.is_none());
        row.is_shut = self.is_recovering && row.is_limited();
        self.resettle(branch);
        self.prune(branch);
    }

    /// While recovering, every role that has a limit, or lies below one that has, is offered nothing: what it has is not known yet.
    pub fn set_recovering(&mut self, recovering: bool) {
        self.is_recovering = recovering;
        for branch in self.tree.branches.indices() {
            let row = &mut self.tree.branches[branch];
            let is_shut = recovering && row.is_limited();
            if row.is_shut != is_shut {
                row.is_shut = is_shut;
                self.resettle(branch);
            }
        }
    }

    /// Follows up new settings of a branch.
    fn resettle(&mut self, branch: BranchIx) {
        let was_shut = self.tree.branches[branch].place.is_none();
        self.renew_needs(branch);
        let row = &mut self.tree.branches[branch];
        row.holds_back |= was_shut;
        self.release(branch);
    }

    fn renew_needs(&mut self, branch: BranchIx) {
        let mut at = Some(branch);
        while let Some(branch) = at {
            self.renew_need(branch);
            self.place_branch(branch);
            at = self.tree.branches[branch].parent;
        }
    }

    /// Forgets a branch, and those around it, that nothing needs any more.
    pub(super) fn prune(&mut self, branch: BranchIx) {
        let dirty = &mut self.dirty_branches;
        self.tree.prune(branch, &mut |branch| {
            dirty.remove(branch);
        });
    }

    /// Of these offers, newest first, those that must end so that every limit holds: just enough, and none that would not help.
    pub fn offers_above_limits<'a, K>(&self, newest_first: impl Iterator<Item = (K, ClientIx, &'a Resources)>) -> Vec<K> {
        let mut above = self.excesses();
        let mut ending = Vec::new();
        for (offer, client, resources) in newest_first {
            let path = || self.tree.path(self.clients[client].leaf);
            let helps = path().any(|branch| above.get(&branch).is_some_and(|sum| sum.has_some_of(resources)));
            if helps {
                path().for_each(|branch| {
                    if let Some(sum) = above.get_mut(&branch) {
                        sum.subtract(resources);
                    }
                });
                ending.push(offer);
            }
        }
        ending
    }

    /// By how much each role is above its limit.
    fn excesses(&self) -> std::collections::BTreeMap<BranchIx, Sum> {
        let limited = self.tree.branches.iter().filter(|(_, row)| row.is_limited());
        limited.map(|(branch, row)| (branch, excess(row))).filter(|(_, sum)| !sum.is_none()).collect()
    }

    /// Every role that has clients, settings, or a role below it that does; by name.
    pub fn role_states(&self) -> Vec<RoleState> {
        self.tree.by_role.keys().filter_map(|role| self.role_state(role)).collect()
    }

    /// One of them. The frameworks that it counts are the active clients of this very role.
    pub fn role_state(&self, role: &Role) -> Option<RoleState> {
        let row = &self.tree.branches[*self.tree.by_role.get(role)?];
        let clients = row.leaf.into_iter().flat_map(|leaf| &self.tree.branches[leaf].clients);
        Some(RoleState {
            role: role.clone(),
            settings: row.settings.clone(),
            allocated: row.allocated.to_resources(),
            consumed: row.consumed().to_resources(),
            unmet: row.need.to_resources(),
            share_millionths: millionths(share(&row.allocated, &self.whole, row.settings.weight)),
            frameworks: clients.filter(|client| self.clients[**client].active).count() as u64,
        })
    }
}

fn excess(row: &Branch) -> Sum {
    let (limit, consumed) = (&row.settings.limit, row.consumed());
    let mut excess = Sum::default();
    for ((most, used), excess) in limit.common().iter().zip(consumed.common).zip(&mut excess.common) {
        *excess = most.map_or(0, |most| used.saturating_sub(u128::from(most)));
    }
    for (name, most) in limit.custom() {
        let above = consumed.custom_milli(name).saturating_sub(u128::from(*most));
        if above > 0 {
            excess.custom.insert(name.clone(), above);
        }
    }
    excess
}
