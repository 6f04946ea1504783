//! Sums over the books as they are at one moment: what each client and role has, what guarantees still ask for, what is free.

use std::collections::BTreeMap;

use meros_master_core::table::{AgentIx, ClientIx};
use meros_types::{Resources, Role};

use crate::amounts::Amounts;
use crate::books::{Books, path};

pub(crate) struct View<'a> {
    pub(crate) books: &'a Books,
    /// What every agent has, those off duty included.
    pub(crate) total: Amounts,
    /// What is free on each agent that may be offered.
    pub(crate) free: BTreeMap<AgentIx, Resources>,
    pub(crate) held: BTreeMap<ClientIx, Amounts>,
    /// What is had in each role and below it.
    pub(crate) consumed: BTreeMap<Role, Amounts>,
}

impl<'a> View<'a> {
    pub(crate) fn new(books: &'a Books) -> Self {
        let total = books.agents.values().fold(Amounts::default(), |sum, agent| sum.and(Amounts::of(&agent.total)));
        let free = books.offerable().map(|agent| (agent, books.free(agent))).collect();
        let held: BTreeMap<_, _> = books.clients.keys().map(|client| (*client, books.held_by(*client))).collect();
        let mut consumed: BTreeMap<Role, Amounts> = BTreeMap::new();
        for role in books.settings.keys().flat_map(path) {
            consumed.entry(role).or_default();
        }
        for (ix, client) in &books.clients {
            for role in path(&client.role) {
                let sum = consumed.entry(role).or_default();
                *sum = sum.and(held[ix]);
            }
        }
        Self { books, total, free, held, consumed }
    }

    /// All that is free on agents that may be offered.
    pub(crate) fn all_free(&self) -> Amounts {
        self.free.values().fold(Amounts::default(), |sum, free| sum.and(Amounts::of(free)))
    }

    /// What a role's guarantee, or those below it, still ask for.
    pub(crate) fn unmet(&self, role: &Role) -> Amounts {
        unmet(self.books, &self.consumed, role)
    }

    /// What a role's own guarantee asks for beyond what those below it do.
    pub(crate) fn own_unmet(&self, role: &Role) -> Amounts {
        let children = self.consumed.keys().filter(|other| other.parent().as_ref() == Some(role));
        self.unmet(role).without(children.fold(Amounts::default(), |sum, child| sum.and(self.unmet(child))))
    }

    /// What all guarantees together still ask for.
    pub(crate) fn all_unmet(&self) -> Amounts {
        all_unmet(self.books, &self.consumed)
    }

    /// The same after a role was given this much more.
    pub(crate) fn all_unmet_after(&self, role: &Role, more: Amounts) -> Amounts {
        let mut consumed = self.consumed.clone();
        for role in path(role) {
            let sum = consumed.entry(role).or_default();
            *sum = sum.and(more);
        }
        all_unmet(self.books, &consumed)
    }
}

fn unmet(books: &Books, consumed: &BTreeMap<Role, Amounts>, role: &Role) -> Amounts {
    let own = Amounts::of(&books.settings_of(role).guarantee).without(consumed[role]);
    let children = consumed.keys().filter(|other| other.parent().as_ref() == Some(role));
    own.max(children.fold(Amounts::default(), |sum, child| sum.and(unmet(books, consumed, child))))
}

fn all_unmet(books: &Books, consumed: &BTreeMap<Role, Amounts>) -> Amounts {
    let top = consumed.keys().filter(|role| role.parent().is_none());
    top.fold(Amounts::default(), |sum, role| sum.and(unmet(books, consumed, role)))
}
