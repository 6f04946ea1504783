//! The tree of roles: `eng/backend` lies below `eng`, and what is at the top below a root.
//!
//! Each role has a *leaf* besides the roles below it, as soon as it has frameworks of its own: they share as one child of weight 1.
//! Clients are the leaves' children. Owned here: which branches there are, and what they know. What happens along a path is in
//! `account`.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::{Bounds, Role, RoleSettings};

use super::floor::Floors;
use super::order::Key;
use super::sum::{Sum, quantity};
use crate::table::{ClientIx, Ix, Table};

/// A row of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BranchIx(u32);

impl Ix for BranchIx {
    fn new(place: usize) -> Self {
        Self(u32::try_from(place).expect("a table has fewer than 2^32 rows: each takes over a hundred bytes"))
    }
    fn place(self) -> usize {
        self.0 as usize
    }
}

/// The children of one branch that want something and may have it, by their places.
#[derive(Clone, Debug, Default)]
pub(super) struct Siblings {
    pub(super) order: BTreeSet<Key>,
    /// Those that a pass doesn't ask, while it serves only what is dirty.
    aside: BTreeSet<Key>,
    is_narrowed: bool,
}

impl Siblings {
    /// Moves a child from one place to another; none is no place at all.
    pub(super) fn replace(&mut self, before: Option<Key>, after: Option<Key>) {
        let was_aside = before.is_some_and(|before| !self.order.remove(&before) && self.aside.remove(&before));
        if let Some(after) = after {
            let siblings = if was_aside { &mut self.aside } else { &mut self.order };
            siblings.insert(after);
        }
    }

    /// From now on only those are asked that [`Siblings::ask`] names. Says whether it was otherwise before.
    pub(super) fn narrow(&mut self) -> bool {
        if self.is_narrowed {
            return false;
        }
        (self.order, self.aside) = (BTreeSet::new(), std::mem::take(&mut self.order));
        self.is_narrowed = true;
        true
    }

    pub(super) fn ask(&mut self, child: Key) {
        if self.aside.remove(&child) {
            self.order.insert(child);
        }
    }

    /// Everybody is asked again.
    pub(super) fn widen(&mut self) {
        let asked = std::mem::take(&mut self.order);
        self.order = std::mem::take(&mut self.aside);
        self.order.extend(asked);
        self.is_narrowed = false;
    }

    /// Those to whom guarantees owe something, by share.
    pub(super) fn owed(&self) -> impl Iterator<Item = &Key> {
        self.order.iter().take_while(|key| !key.met)
    }

    /// All that are asked, by share alone.
    pub(super) fn by_share(&self) -> impl Iterator<Item = &Key> {
        let mut owed = self.owed().peekable();
        let first_met = Key { met: true, share: 0, child: 0 };
        let met = if owed.peek().is_some() { self.order.range(first_met..) } else { self.order.range(..) };
        let mut met = met.peekable();
        let place = |key: &&Key| (key.share, key.child);
        std::iter::from_fn(move || match (owed.peek(), met.peek()) {
            (Some(one), Some(other)) if place(one) < place(other) => owed.next(),
            (Some(_), None) => owed.next(),
            _ => met.next(),
        })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Key> {
        self.order.iter().chain(&self.aside)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Branch {
    /// None for the root.
    pub(super) parent: Option<BranchIx>,
    /// A role's own branch, or the leaf of its own frameworks.
    pub(super) is_leaf: bool,
    /// None for the root.
    pub(super) role: Option<Role>,
    /// Of the leaf, the default ones.
    pub(super) settings: RoleSettings,
    pub(super) guarantee: Sum,
    /// The branches below it, its leaf included.
    pub(super) branches: BTreeSet<BranchIx>,
    /// The clients of a leaf, hungry or not.
    pub(super) clients: BTreeSet<ClientIx>,
    /// A role's leaf, if it has one.
    pub(super) leaf: Option<BranchIx>,
    /// What is held in it and below.
    pub(super) allocated: Sum,
    /// How many clients below want more.
    pub(super) hungry: usize,
    /// Its place in its parent's order: none for the root, and for one that is closed or that nobody below is hungry in.
    pub(super) place: Option<Key>,
    pub(super) siblings: Siblings,
    /// Lower bounds of what any hungry client below would take: as high as can be if they are exact.
    pub(super) floors: Floors,
    pub(super) is_exact: bool,
    /// How many children were asked in vain since the floors were recomputed.
    pub(super) asked_in_vain: usize,
    /// What of its guarantee, or of those below it, it doesn't have.
    pub(super) need: Sum,
    /// The same, added up over its children.
    pub(super) children_need: Sum,
    /// What its own guarantee lacks beyond what its children lack.
    pub(super) own_need: Sum,
    /// Whether its limit may keep something from somebody below.
    pub(super) holds_back: bool,
    /// Whether nothing is given while the master recovers.
    pub(super) is_shut: bool,
}

impl Branch {
    fn new(parent: Option<BranchIx>, role: Option<Role>, is_leaf: bool) -> Self {
        Self {
            parent,
            is_leaf,
            role,
            settings: RoleSettings::default(),
            guarantee: Sum::default(),
            branches: BTreeSet::new(),
            clients: BTreeSet::new(),
            leaf: None,
            allocated: Sum::default(),
            hungry: 0,
            place: None,
            siblings: Siblings::default(),
            floors: Floors::default(),
            is_exact: true,
            asked_in_vain: 0,
            need: Sum::default(),
            children_need: Sum::default(),
            own_need: Sum::default(),
            holds_back: false,
            is_shut: false,
        }
    }

    /// What counts against its limit: what is allocated. What is reserved and idle will be added here, and only here.
    pub(super) fn consumed(&self) -> &Sum {
        &self.allocated
    }

    pub(super) fn is_limited(&self) -> bool {
        !self.settings.limit.is_none()
    }

    /// What its limit leaves of each scalar that it names.
    pub(super) fn headroom(&self) -> Bounds {
        let (limit, consumed) = (&self.settings.limit, self.consumed());
        let left = |most: u64, used: u128| most.saturating_sub(quantity(used));
        let common = limit.common().iter().zip(consumed.common).enumerate();
        let common = common.fold(Bounds::none(), |all, (at, (most, used))| all.with_common(at, most.map(|most| left(most, used))));
        let custom = limit.custom().iter();
        custom.fold(common, |all, (name, most)| all.with_custom(name, left(*most, consumed.custom_milli(name))))
    }
}

/// Every branch.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) branches: Table<BranchIx, Branch>,
    pub(super) by_role: BTreeMap<Role, BranchIx>,
    pub(super) root: BranchIx,
    /// How many roles have limits, and how many have guarantees. With none, nothing is spent on them.
    pub(super) limits: usize,
    pub(super) guarantees: usize,
}

impl Default for Tree {
    fn default() -> Self {
        let mut branches = Table::default();
        let root = branches.insert(Branch::new(None, None, false));
        Self { branches, by_role: BTreeMap::new(), root, limits: 0, guarantees: 0 }
    }
}

impl Tree {
    /// The branch of a role; a new one, if it has none, and so on for those around it.
    pub(super) fn role(&mut self, role: &Role) -> BranchIx {
        if let Some(branch) = self.by_role.get(role) {
            return *branch;
        }
        let parent = role.parent().map_or(self.root, |parent| self.role(&parent));
        let branch = self.insert(parent, role, false);
        self.by_role.insert(role.clone(), branch);
        branch
    }

    /// The leaf of a role, likewise.
    pub(super) fn leaf(&mut self, role: &Role) -> BranchIx {
        let branch = self.role(role);
        if let Some(leaf) = self.branches[branch].leaf {
            return leaf;
        }
        let leaf = self.insert(branch, role, true);
        self.branches[branch].leaf = Some(leaf);
        leaf
    }

    fn insert(&mut self, parent: BranchIx, role: &Role, is_leaf: bool) -> BranchIx {
        let branch = self.branches.insert(Branch::new(Some(parent), Some(role.clone()), is_leaf));
        self.branches[parent].branches.insert(branch);
        branch
    }

    /// Forgets a branch that nothing needs any more, and so on upwards. Tells of each.
    pub(super) fn prune(&mut self, branch: BranchIx, forgotten: &mut dyn FnMut(BranchIx)) {
        let row = &self.branches[branch];
        let is_needed = !row.branches.is_empty() || !row.clients.is_empty() || row.settings != RoleSettings::default();
        let Some(parent) = row.parent.filter(|_| !is_needed) else { return };
        debug_assert!(row.place.is_none() && row.allocated.is_none(), "a branch without children has nothing");
        if row.is_leaf {
            self.branches[parent].leaf = None;
        } else if let Some(role) = &row.role {
            self.by_role.remove(role);
        }
        self.branches.remove(branch);
        self.branches[parent].branches.remove(&branch);
        forgotten(branch);
        self.prune(parent, forgotten);
    }

    /// From a branch up to the root, both included.
    pub(super) fn path(&self, branch: BranchIx) -> impl Iterator<Item = BranchIx> {
        std::iter::successors(Some(branch), |branch| self.branches[*branch].parent)
    }
}
