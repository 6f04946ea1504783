//! One allocation pass: from what is dirty to grants.

use std::mem;

use meros_types::Resources;

use super::ceiling::Ceiling;
use super::client::Purpose;
use super::floor::{Floor, Floors};
use super::search::{Candidate, Search};
use super::{Allocator, BranchIx, Key, Set};
use crate::table::{AgentIx, ClientIx, Ix};

/// Into how many parts an agent's remainder is cut when several clients want it, if it is enough for more than as many
/// copies. Without it, a shape of one byte would cost a step for each byte of the agent.
const PORTIONS: u64 = 16;

/// What a client is to be offered of an agent: one offer. It is charged already, and out of what is free.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// To whom.
    pub client: ClientIx,
    /// Where the resources are.
    pub agent: AgentIx,
    /// What it may use.
    pub resources: Resources,
    /// What it is for.
    pub purpose: Purpose,
}

impl Allocator {
    /// Whether a pass would look at anything.
    pub fn is_dirty(&self) -> bool {
        !self.agents.dirty.is_empty() || !self.dirty_clients.is_empty() || !self.dirty_branches.is_empty() || self.has_slack_grown()
    }

    /// Grants what is free to those who want it, the first in the order first, one copy of a shape (or a portion of very many) at
    /// a time. What one visit to an agent grants for one want is one grant. They are appended to `grants`.
    pub fn pass(&mut self, grants: &mut Vec<Grant>) {
        if self.shares_stale {
            self.refresh_shares();
        }
        let mut search = Search::default();
        loop {
            self.serve(&mut search, grants);
            // What was owed may be so no more, and then it keeps nobody from taking what else there is.
            if !self.has_slack_grown() {
                break;
            }
        }
    }

    /// Visits every dirty agent, and then serves whom that left out.
    fn serve(&mut self, search: &mut Search, grants: &mut Vec<Grant>) {
        if self.has_slack_grown() {
            self.dirty_branches.insert(self.tree.root);
            self.is_held_by_guarantees = false;
        }
        if self.tree.guarantees > 0 {
            self.kept_before.clone_from(&self.tree.branches[self.tree.root].need);
        }
        for agent in mem::take(&mut self.agents.dirty).iter() {
            self.visit(agent, search, grants);
        }
        self.serve_dirty(search, grants);
        if self.tree.guarantees > 0 {
            self.slack_left = self.slack();
        }
    }

    /// Whether more of a scalar is kept back for nobody than the last pass left, or nothing of it is kept back any more; and whether
    /// somebody was refused for want of it.
    fn has_slack_grown(&self) -> bool {
        self.is_held_by_guarantees
            && (self.slack().exceeds(&self.slack_left) || self.kept_before.names_beyond(&self.tree.branches[self.tree.root].need))
    }

    /// Those whose wants changed, or whose ceilings rose, look at every agent that has enough for one of them; nobody else can use
    /// what lies free there.
    fn serve_dirty(&mut self, search: &mut Search, grants: &mut Vec<Grant>) {
        let (branches, clients) = (mem::take(&mut self.dirty_branches), mem::take(&mut self.dirty_clients));
        let (served, floor) = self.served(&branches, &clients);
        if floor.is_none() {
            return;
        }
        let mut narrowed = Vec::new();
        served.into_iter().for_each(|(child, above)| self.ask(child, above, &mut narrowed));
        self.agents.reindex();
        let mut from = 0;
        while let Some(place) = self.agents.index.next(from, &floor) {
            self.visit(AgentIx::new(place), search, grants);
            if self.tree.branches[self.tree.root].siblings.order.is_empty() {
                break;
            }
            from = place + 1;
        }
        narrowed.into_iter().for_each(|branch| self.tree.branches[branch].siblings.widen());
    }

    /// The uppermost of these branches and clients that a pass gets to, each with its place and the branch above; and the lower bound of
    /// what anybody in them would take. The root, if it is among them, has no place: nobody is left out.
    fn served(&self, branches: &Set<BranchIx>, clients: &Set<ClientIx>) -> (Vec<(Key, BranchIx)>, Floor) {
        let mut served = Vec::new();
        let mut floor = Floor::default();
        for branch in branches.iter() {
            let row = &self.tree.branches[branch];
            match row.parent.zip(row.place) {
                Some((above, place)) if self.is_reached(above, branches) => served.push((place, above)),
                None if row.parent.is_none() => {}
                _ => continue,
            }
            floor.add_all(&row.floors.free);
        }
        for client in clients.iter() {
            let row = &self.clients[client];
            if let Some(place) = row.place.filter(|_| self.is_reached(row.leaf, branches)) {
                served.push((place, row.leaf));
                floor.add_all(&row.floors().free);
            }
        }
        (served, floor)
    }

    /// Whether a pass gets from the root to a branch, and nothing on the way, itself included, is among these.
    fn is_reached(&self, branch: BranchIx, others: &Set<BranchIx>) -> bool {
        let is_open = |branch| branch == self.tree.root || self.tree.branches[branch].place.is_some();
        self.tree.path(branch).all(|branch| is_open(branch) && !others.contains(branch))
    }

    /// Lets the visits that follow ask this child, and nobody else whom they are not told of likewise.
    fn ask(&mut self, child: Key, above: BranchIx, narrowed: &mut Vec<BranchIx>) {
        let (mut child, mut at) = (Some(child), Some(above));
        while let (Some(key), Some(branch)) = (child, at) {
            let row = &mut self.tree.branches[branch];
            if row.siblings.narrow() {
                narrowed.push(branch);
            }
            row.siblings.ask(key);
            (child, at) = (row.place, row.parent);
        }
    }

    fn visit(&mut self, agent: AgentIx, search: &mut Search, grants: &mut Vec<Grant>) {
        let Some(row) = self.agents.get_mut(agent).filter(|row| !row.free.is_none()) else { return };
        row.refresh_blocked();
        if !row.filters.is_empty() && self.hungry.is_subset(&row.blocked) {
            return;
        }
        let first = grants.len();
        while let Some(candidate) = self.candidate(agent, search) {
            let copies = if self.is_alone() { candidate.copies } else { candidate.copies.div_ceil(PORTIONS) };
            self.grant(agent, Candidate { copies, ..candidate }, first, grants);
        }
        for grant in &grants[first..] {
            let row = &mut self.clients[grant.client];
            row.offers += 1;
            row.offered.insert(agent);
            if row.offers >= super::client::OFFERS_MAX {
                self.place_client(grant.client);
            }
        }
    }

    /// Whether only one client is asked at all.
    fn is_alone(&self) -> bool {
        let mut branch = self.tree.root;
        loop {
            let row = &self.tree.branches[branch];
            match row.siblings.order.first() {
                Some(_) if row.siblings.order.len() > 1 => return false,
                Some(only) if !row.is_leaf => branch = BranchIx::new(only.child as usize),
                _ => return true,
            }
        }
    }

    /// Takes copies of a want out of what is free, charges the client, and adds them to what this visit (whose grants begin at
    /// `first`) grants for the same want.
    fn grant(&mut self, agent: AgentIx, candidate: Candidate, first: usize, grants: &mut Vec<Grant>) {
        let Candidate { client, want: at, copies } = candidate;
        let taken = self.take(agent, &candidate);
        let row = &mut self.clients[client];
        let want = &mut row.wants[at];
        want.left = want.left.map(|left| left - copies);
        let is_sated = !want.is_open();
        let purpose = Purpose { version: row.version, want: at, copies };
        if is_sated {
            self.loosen_floors(client);
        }
        self.charge(client, &taken);
        let want = &mut self.clients[client].wants[at];
        let same = |grant: &&mut Grant| grant.client == client && grant.purpose.want == at;
        match grants.get_mut(want.grant).filter(|_| want.grant >= first).filter(same) {
            Some(sum) => {
                sum.resources = sum.resources.checked_add(&taken).expect("parts of one agent's free resources have a sum");
                sum.purpose.copies += copies;
            }
            None => {
                want.grant = grants.len();
                grants.push(Grant { client, agent, resources: taken, purpose });
            }
        }
    }

    fn take(&mut self, agent: AgentIx, candidate: &Candidate) -> Resources {
        let row = &self.clients[candidate.client];
        let shape = &row.wants[candidate.want].shape;
        let ceiling = if self.has_ceilings() { self.ceiling(row.leaf) } else { Ceiling::default() };
        let row = self.agents.get_mut(agent).expect("an agent that is visited may be offered");
        let taken = if shape.is_anything() && ceiling.is_open() {
            mem::take(&mut row.free)
        } else {
            let taken = if shape.is_anything() { ceiling.cut(row.free.clone()) } else { shape.take(&row.free, candidate.copies) };
            row.free = row.free.saturating_sub(&taken);
            taken
        };
        self.agents.free.subtract(&taken);
        self.agents.unindexed.insert(agent);
        taken
    }

    /// The floors of a branch as they are now.
    pub(super) fn exact_floors(&self, branch: BranchIx) -> Floors {
        let row = &self.tree.branches[branch];
        let mut floors = Floors::default();
        if row.is_leaf {
            let clients = row.siblings.all().map(|key| ClientIx::new(key.child as usize));
            clients.for_each(|client| floors.add_all(&self.clients[client].floors()));
        } else {
            row.branches.iter().for_each(|child| floors.add_all(&self.tree.branches[*child].floors));
        }
        floors
    }
}
