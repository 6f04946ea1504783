//! Who is offered what: weighted dominant-resource fairness over a tree of roles, driven by demand.
//!
//! ```text
//!            root                 a client is one framework in one role
//!           /    \
//!         eng     *               each branch orders those of its children that are hungry and may have more:
//!        /   \     \              unmet guarantees first, then the least dominant share divided by the weight
//!    (leaf) backend (leaf)
//!     /  \     |      \           a pass goes down from the root to the first client that an agent suits
//!    f    g  (leaf)    h
//! ```
//!
//! Work follows change. When nothing is dirty, no open want can use anything that is free; so a pass looks only at agents of which
//! more is free (with every client), and at clients whose wants changed and roles that may have more again (with every agent that
//! has enough for one of them).
//!
//! Owned here: roles and what they may have, demands, filters, turns, shares, and what is free of each agent that may be offered.
//! Deliberately absent: offers, tasks and why something is free (the master's ledger), names of frameworks, and clocks. It can be
//! driven on its own, as its tests and the benches do: add agents and clients, [`Allocator::pass`], and tell it what became of the
//! grants.

mod account;
mod agents;
mod ceiling;
mod check;
mod client;
mod clients;
mod explain;
mod filters;
mod floor;
mod index;
mod order;
mod pass;
mod roles;
mod search;
mod set;
mod suit;
mod sum;
mod tree;

use std::collections::BTreeSet;
use std::sync::Arc;

use meros_types::Resources;

use agents::Agents;
pub use check::Recount;
use client::{Client, Least};
pub use client::{Purpose, Traits};
pub use explain::Question;
use filters::Ends;
use order::{Key, Whole};
pub use pass::Grant;
use set::Set;
use sum::Sum;
use tree::{BranchIx, Tree};

use crate::table::{ClientIx, Table};

/// An agent with less CPU than this (in thousandths of a core) and less memory (in bytes) is by default not offered to a client
/// that takes anything, as in Mesos.
const CPU_MILLI_MIN: u64 = 10;
const MEMORY_BYTES_MIN: u64 = 32 << 20;

/// How an allocator shares.
#[derive(Clone, Debug)]
pub struct AllocatorConfig {
    /// The scalars that count towards no share, by name, such as `gpus`. Default: none.
    pub excluded: BTreeSet<String>,
    /// Whoever takes anything is offered what contains one of these at least, unless it has sets of its own. Default:
    /// `cpus:0.01` or `mem:32MiB`. With none, whatever there is.
    pub least: Vec<Resources>,
    /// The master's region: agents in others are remote. Default: none, and no agent is remote.
    pub region: Option<String>,
}

impl Default for AllocatorConfig {
    fn default() -> Self {
        let least = vec![Resources::none().with_cpu_milli(CPU_MILLI_MIN), Resources::none().with_memory_bytes(MEMORY_BYTES_MIN)];
        Self { excluded: BTreeSet::new(), least, region: None }
    }
}

/// What is to be shared, between whom, and who has what.
#[derive(Debug)]
pub struct Allocator {
    config: AllocatorConfig,
    least: Arc<Least>,
    clients: Table<ClientIx, Client>,
    /// The clients that want more.
    hungry: Set<ClientIx>,
    tree: Tree,
    agents: Agents,
    ends: Ends,
    total: Sum,
    whole: Whole,
    /// The total changed, so that every share did.
    shares_stale: bool,
    /// Clients whose wants changed.
    dirty_clients: Set<ClientIx>,
    /// Roles (or their leaves) that may have more than before.
    dirty_branches: Set<BranchIx>,
    is_recovering: bool,
    /// Whether guarantees may keep something from somebody.
    is_held_by_guarantees: bool,
    /// What was free and not kept back after the last pass, if there are guarantees.
    slack_left: Sum,
    /// What was kept back before it, likewise.
    kept_before: Sum,
}

impl Default for Allocator {
    fn default() -> Self {
        Self::new(AllocatorConfig::default())
    }
}

impl Allocator {
    /// One that knows nobody.
    pub fn new(config: AllocatorConfig) -> Self {
        Self {
            least: Arc::new(Least::new(config.least.clone())),
            config,
            clients: Table::default(),
            hungry: Set::default(),
            tree: Tree::default(),
            agents: Agents::default(),
            ends: Ends::default(),
            total: Sum::default(),
            whole: Whole::default(),
            shares_stale: false,
            dirty_clients: Set::default(),
            dirty_branches: Set::default(),
            is_recovering: false,
            is_held_by_guarantees: false,
            slack_left: Sum::default(),
            kept_before: Sum::default(),
        }
    }

    /// The cluster has this much more to share. Agents count that may not be offered now.
    pub fn add_total(&mut self, resources: &Resources) {
        self.total.add(resources);
        self.total_changed();
    }

    /// The cluster has this much less to share.
    pub fn subtract_total(&mut self, resources: &Resources) {
        self.total.subtract(resources);
        self.total_changed();
    }

    fn total_changed(&mut self) {
        self.whole = Whole::new(&self.total, &self.config.excluded);
        self.shares_stale = true;
    }

    fn refresh_shares(&mut self) {
        self.hungry.clone().iter().for_each(|client| self.place_client(client));
        self.tree.branches.indices().into_iter().for_each(|branch| self.place_branch(branch));
        self.shares_stale = false;
    }

    /// Whether limits or guarantees bound what anybody may have.
    fn has_ceilings(&self) -> bool {
        self.tree.limits > 0 || !self.tree.branches[self.tree.root].need.is_none()
    }
}
