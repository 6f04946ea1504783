//! Progressive filling as the papers define it: again and again, one copy to whoever is first among those who could take one.
//!
//! First are those whom a guarantee owes some of what they would take (of the first of their wants that fits), and of these the ones to whom the innermost role owes it;
//! then, at each level of the role tree, the child with the least dominant share divided by its weight, as exact fractions. What
//! this leaves open is a tie, which the allocator may break as it likes. Deliberately absent: rounds, and who is last in one.

use std::collections::BTreeMap;

use meros_master_core::table::{AgentIx, ClientIx};
use meros_types::{Resources, Role, Time};

use crate::amounts::{Amounts, Fraction, NAMES};
use crate::books::{Books, Counts, Offer, path};
use crate::rules::copies;
use crate::view::View;

/// A place in the role tree. A role's own frameworks stand beside its child roles as one leaf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Role(Role),
    Leaf(Role),
    Client(ClientIx),
}

/// One copy that a client could be given.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) client: ClientIx,
    pub(crate) agent: AgentIx,
    pub(crate) want: usize,
    pub(crate) copy: Resources,
}

/// Where a client stands, outermost first.
fn places(books: &Books, client: ClientIx) -> Vec<Place> {
    let role = &books.clients[&client].role;
    let roles = path(role).into_iter().map(Place::Role);
    roles.chain([Place::Leaf(role.clone()), Place::Client(client)]).collect()
}

impl Place {
    fn share(&self, view: &View) -> Fraction {
        self.share_of(view, self.has(view))
    }

    fn has(&self, view: &View) -> Amounts {
        match self {
            Self::Role(role) => view.consumed[role],
            Self::Leaf(role) => {
                let own = view.held.iter().filter(|(client, _)| view.books.clients[client].role == *role);
                own.fold(Amounts::default(), |sum, (_, held)| sum.and(*held))
            }
            Self::Client(client) => view.held[client],
        }
    }

    /// The dominant share of this much, divided by the weight.
    pub(crate) fn share_of(&self, view: &View, amounts: Amounts) -> Fraction {
        let weight = if let Self::Role(role) = self { view.books.settings_of(role).weight } else { 1 };
        let counts = |k: &usize| view.total.0[*k] > 0 && !view.books.config.excluded.contains(NAMES[*k]);
        let shares = (0..NAMES.len()).filter(counts).map(|k| Fraction(amounts.0[k], view.total.0[k] * u128::from(weight)));
        shares.max().unwrap_or(Fraction::ZERO)
    }
}

/// Each copy that a client could take of one of these agents, in the order of its wants.
pub(crate) fn able(view: &View, agents: &[AgentIx]) -> Vec<Step> {
    let pairs = view.books.clients.keys().flat_map(|client| agents.iter().map(move |agent| (*client, *agent)));
    let steps = |(client, agent)| {
        let copies = copies(view, client, agent).into_iter();
        copies.map(move |(want, copy)| Step { client, agent, want, copy })
    };
    pairs.flat_map(steps).collect()
}

/// Those of them who are first, each with the first of its wants: more than one if they are tied.
pub(crate) fn first(view: &View, able: Vec<Step>) -> Vec<Step> {
    let mut able = able;
    able.dedup_by_key(|step| step.client);
    let owed: Vec<_> = able.iter().filter(|step| is_owed(view, step)).cloned().collect();
    let first = first_owed(view, None, &owed);
    if first.is_empty() { first_by_share(view, able, 0) } else { first }
}

/// Whether guarantees still ask for less once this copy is given.
fn is_owed(view: &View, step: &Step) -> bool {
    view.all_unmet_after(&view.books.clients[&step.client].role, Amounts::of(&step.copy)) != view.all_unmet()
}

/// Those whom a role below owes something, by the shares of these roles; then those whom the role itself does.
fn first_owed(view: &View, within: Option<&Role>, owed: &[Step]) -> Vec<Step> {
    let below = view.consumed.keys().filter(|role| role.parent().as_ref() == within && !view.unmet(role).is_none());
    let mut by_share: BTreeMap<Fraction, Vec<Step>> = BTreeMap::new();
    for role in below {
        let share = Place::Role(role.clone()).share(view);
        by_share.entry(share).or_default().extend(first_owed(view, Some(role), owed));
    }
    let below = by_share.into_values().find(|steps| !steps.is_empty());
    let own = || {
        let role = within.filter(|role| !view.own_unmet(role).is_none())?;
        let inside = owed.iter().filter(|step| view.books.clients[&step.client].role.is_within(role));
        Some(first_by_share(view, inside.cloned().collect(), 0))
    };
    below.or_else(own).unwrap_or_default()
}

/// Those with the least share at each level from this one down.
fn first_by_share(view: &View, steps: Vec<Step>, level: usize) -> Vec<Step> {
    let mut by_place: BTreeMap<Place, Vec<Step>> = BTreeMap::new();
    for step in steps {
        match places(view.books, step.client).into_iter().nth(level) {
            Some(place) => by_place.entry(place).or_default().push(step),
            None => return vec![step],
        }
    }
    let least = by_place.keys().map(|place| place.share(view)).min();
    let first = by_place.into_iter().filter(|(place, _)| Some(place.share(view)) == least);
    first.flat_map(|(_, steps)| first_by_share(view, steps, level + 1)).collect()
}

/// Gives away one copy after another of what is free on these agents, until nobody can take one.
pub(crate) fn fill(books: &mut Books, agents: &[AgentIx]) {
    loop {
        let view = View::new(books);
        let Some(step) = first(&view, able(&view, agents)).into_iter().next() else { return };
        books.give(step, 1);
    }
}

impl Books {
    /// Gives a step's copy, or so many at once.
    pub(crate) fn give(&mut self, step: Step, copies: u64) {
        let Step { client, agent, want, copy: resources } = step;
        let row = self.clients.get_mut(&client).unwrap();
        let shape = &mut row.wants[want];
        shape.copies = shape.copies.map(|left| left - copies);
        let counts = Some(Counts { version: row.version, want, copies });
        let number = self.offers.last_key_value().map_or(0, |(last, _)| last + 1);
        self.offers.insert(number, Offer { client, agent, resources, purpose: None, expires: Time(u64::MAX), counts });
    }
}
