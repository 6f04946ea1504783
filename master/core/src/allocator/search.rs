//! Who is next: the first client, in the order of the tree, that an agent suits.

use meros_types::Bounds;

use super::Allocator;
use super::agents::Agent;
use super::ceiling::{Ceiling, room};
use super::floor::{Amounts, amounts};
use super::tree::BranchIx;
use crate::table::{AgentIx, ClientIx, Ix};

/// Who is asked, and what is to be noted about those who were asked in vain.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Whether those are asked who declined in this round, or the others.
    asks_passed: bool,
    /// Whether only those are asked to whom a guarantee owes something of what they would take.
    asks_owed: bool,
    /// Whether somebody of the other kind was met.
    has_skipped: bool,
    /// The branches whose children were asked in vain, and how many. Children come before their parents.
    in_vain: Vec<(BranchIx, usize)>,
    /// Clients that don't want what is free.
    filtering: Vec<ClientIx>,
    /// Clients that a ceiling keeps something from.
    held_back: Vec<ClientIx>,
    /// Branches that it keeps something from, whoever is below.
    closed: Vec<BranchIx>,
}

/// A client, which of its wants, and how many copies of it there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) client: ClientIx,
    pub(super) want: usize,
    pub(super) copies: u64,
}

impl Search {
    fn begin(&mut self) {
        (self.asks_passed, self.asks_owed) = (false, false);
        self.has_skipped = false;
        self.in_vain.clear();
        self.filtering.clear();
        self.held_back.clear();
        self.closed.clear();
    }
}

impl Allocator {
    /// The first in the order whom an agent suits; those who declined in its round only when nobody else is left. The round begins
    /// anew when everybody who wants something has had a turn: until then there may be somebody who waits for more of the agent
    /// than is free now.
    pub(super) fn candidate(&mut self, agent: AgentIx, search: &mut Search) -> Option<Candidate> {
        let row = self.agents.get(agent)?;
        if row.free.is_none() {
            return None;
        }
        search.begin();
        let have = amounts(&row.free);
        let mut found = self.first(row, &have, search);
        if found.is_none() && search.has_skipped {
            search.asks_passed = true;
            found = self.first(row, &have, search);
        }
        let begins_round = found.is_some() && search.asks_passed && self.hungry.is_subset(&row.passed);
        self.learn(agent, begins_round, search);
        found
    }

    /// The first of those who are owed something, or else the first of all.
    fn first(&self, agent: &Agent, have: &Amounts, search: &mut Search) -> Option<Candidate> {
        let is_owed = self.tree.branches[self.tree.root].need.has_some_of(&agent.free);
        if is_owed && let Some(found) = self.first_owed(self.tree.root, agent, have, search) {
            return Some(found);
        }
        self.first_below(self.tree.root, agent, have, search)
    }

    /// Those whose own role is owed something come before those who have to share it with others.
    fn first_owed(&self, branch: BranchIx, agent: &Agent, have: &Amounts, search: &mut Search) -> Option<Candidate> {
        let row = &self.tree.branches[branch];
        let mut owed = row.siblings.owed().map(|key| BranchIx::new(key.child as usize));
        let found = owed.find_map(|child| self.first_owed(child, agent, have, search));
        if found.is_some() || row.own_need.is_none() {
            return found;
        }
        search.asks_owed = true;
        let found = self.first_below(branch, agent, have, search);
        search.asks_owed = false;
        found
    }

    fn first_below(&self, branch: BranchIx, agent: &Agent, have: &Amounts, search: &mut Search) -> Option<Candidate> {
        let row = &self.tree.branches[branch];
        if !row.floors.free.met_by(have) {
            return None;
        }
        let is_bounded = self.has_ceilings();
        let ceiling = if row.is_leaf || is_bounded { self.ceiling(branch) } else { Ceiling::default() };
        // Those below who are owed something may have more than this.
        if is_bounded && row.need.is_none() && !ceiling.meets(&row.floors.claim) {
            search.closed.push(branch);
            return None;
        }
        if row.is_leaf {
            return self.first_client(branch, agent, &ceiling, search);
        }
        let mut branches = row.siblings.by_share().map(|key| BranchIx::new(key.child as usize));
        let found = branches.find_map(|branch| self.first_below(branch, agent, have, search));
        if found.is_none() {
            search.in_vain.push((branch, row.siblings.order.len()));
        }
        found
    }

    fn first_client(&self, leaf: BranchIx, agent: &Agent, ceiling: &Ceiling, search: &mut Search) -> Option<Candidate> {
        let mut asked = 0;
        let owed = search.asks_owed.then(|| self.owed(leaf));
        for key in &self.tree.branches[leaf].siblings.order {
            let client = ClientIx::new(key.child as usize);
            if agent.blocked.contains(client) {
                continue;
            }
            if agent.passed.contains(client) != search.asks_passed {
                search.has_skipped = true;
                continue;
            }
            asked += 1;
            match self.first_want(client, agent, ceiling) {
                Ok((want, _)) if owed.as_ref().is_some_and(|owed| !self.is_owed(client, want, agent, ceiling, owed)) => continue,
                Ok((want, copies)) => return Some(Candidate { client, want, copies }),
                Err(true) => search.held_back.push(client),
                Err(false) => {}
            }
            if agent.filters.contains_key(&client) {
                search.filtering.push(client);
            }
        }
        search.in_vain.push((leaf, asked));
        None
    }

    /// Makes the next search cheaper by what this one found out, and notes what to look at again when ceilings rise.
    fn learn(&mut self, agent: AgentIx, begins_round: bool, search: &Search) {
        if let Some(row) = self.agents.get_mut(agent) {
            search.filtering.iter().for_each(|client| row.block(*client));
            if begins_round {
                row.passed.clear();
            }
        }
        if !search.held_back.is_empty() || !search.closed.is_empty() {
            self.note_held_back(search);
        }
        search.in_vain.iter().for_each(|(branch, asked)| self.asked_in_vain(*branch, *asked));
    }

    /// Notes which limits, and whether guarantees, keep something from somebody who was asked.
    fn note_held_back(&mut self, search: &Search) {
        let mut limited = Vec::new();
        let mut by_guarantees = false;
        for client in &search.held_back {
            let row = &self.clients[*client];
            by_guarantees |= self.keepers(row.leaf, |bounds| row.is_kept_from(bounds), &mut limited);
        }
        for branch in &search.closed {
            let claim = &self.tree.branches[*branch].floors.claim;
            by_guarantees |= self.keepers(*branch, |bounds| !claim.wholly_met_by(&room(bounds)), &mut limited);
        }
        self.is_held_by_guarantees |= by_guarantees;
        limited.into_iter().for_each(|branch| self.tree.branches[branch].holds_back = true);
    }

    /// Adds the limited branches on a path that keep something, and don't know it, and says whether guarantees do.
    fn keepers(&self, branch: BranchIx, keeps: impl Fn(&Bounds) -> bool, limited: &mut Vec<BranchIx>) -> bool {
        for branch in self.tree.path(branch) {
            let row = &self.tree.branches[branch];
            if row.is_limited() && !row.holds_back && keeps(&row.headroom()) {
                limited.push(branch);
            }
        }
        !self.is_held_by_guarantees && keeps(&self.ceiling(branch).slack)
    }

    /// Recomputes a branch's floors when as many of its children were asked in vain as that costs.
    fn asked_in_vain(&mut self, branch: BranchIx, asked: usize) {
        let row = &mut self.tree.branches[branch];
        row.asked_in_vain += asked;
        let children = if row.is_leaf { row.hungry } else { row.branches.len() };
        if row.is_exact || row.asked_in_vain < children {
            return;
        }
        let floors = self.exact_floors(branch);
        let is_exact = self.tree.branches[branch].branches.iter().all(|child| self.tree.branches[*child].is_exact);
        let row = &mut self.tree.branches[branch];
        (row.floors, row.asked_in_vain, row.is_exact) = (floors, 0, is_exact);
        self.place_branch(branch);
    }
}
