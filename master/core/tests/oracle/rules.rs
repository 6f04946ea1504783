//! What a client may be given of an agent, straight from the rules: one copy of a shape, or whatever there is.

use meros_master_core::table::{AgentIx, ClientIx};
use meros_types::{Resources, Role, Shape, Subject};

use crate::amounts::{Amounts, NAMES, cut, limits};
use crate::books::{Agent, Books, Client, path};
use crate::view::View;

/// The wants of a client of which it could be given a copy on this agent, in their order, and that copy of each.
pub(crate) fn copies(view: &View, client: ClientIx, agent: AgentIx) -> Vec<(usize, Resources)> {
    let row = &view.books.clients[&client];
    let Some(free) = view.free.get(&agent) else { return Vec::new() };
    if !row.active || is_recovering(view.books, &row.role) || is_filtered(view.books, client, agent, free) {
        return Vec::new();
    }
    row.wants.iter().enumerate().filter_map(|(want, shape)| Some((want, copy(view, row, agent, shape)?))).collect()
}

/// Whether anybody could be given anything: who, where, and what.
pub(crate) fn anything_left(view: &View) -> Option<(ClientIx, AgentIx, Resources)> {
    let pairs = view.books.clients.keys().flat_map(|client| view.free.keys().map(move |agent| (*client, *agent)));
    pairs.into_iter().find_map(|(client, agent)| Some((client, agent, copies(view, client, agent).into_iter().next()?.1)))
}

/// One copy of a shape for this client on this agent, if all but its filters allow it.
pub(crate) fn copy(view: &View, client: &Client, agent: AgentIx, shape: &Shape) -> Option<Resources> {
    if shape.copies == Some(0) || !agent_suits(view.books, client, &view.books.agents[&agent], shape) {
        return None;
    }
    let free = &view.free[&agent];
    if shape.is_anything() {
        return whatever_there_is(view, client, free);
    }
    let copy = shape.fits(free).then(|| shape.take(free, 1))?;
    (within_limits(view, &client.role, &copy) && leaves_guarantees(view, &client.role, &copy)).then_some(copy)
}

fn is_recovering(books: &Books, role: &Role) -> bool {
    books.recovering && path(role).iter().any(|role| !books.settings_of(role).limit.is_none())
}

/// The subset rule: what has grown since it was declined passes.
fn is_filtered(books: &Books, client: ClientIx, agent: AgentIx, free: &Resources) -> bool {
    books.filters.get(&(client, agent)).is_some_and(|filter| filter.refused.contains(free))
}

fn agent_suits(books: &Books, client: &Client, agent: &Agent, shape: &Shape) -> bool {
    let gpus = agent.total.gpu_milli() == 0 || shape.resources.gpu_milli() > 0 || client.traits.gpu_agents;
    let region = agent.about.domain.as_ref().map(|domain| &domain.region);
    let remote = books.config.region.is_some() && region.is_some() && region != books.config.region.as_ref();
    let asks_for_region = shape.constraints.iter().any(|constraint| constraint.subject == Subject::Region);
    let near = !remote || asks_for_region || client.traits.remote_regions;
    gpus && near && shape.constraints.iter().all(|constraint| constraint.holds(&agent.about))
}

fn within_limits(view: &View, role: &Role, taken: &Resources) -> bool {
    let taken = Amounts::of(taken);
    path(role).iter().all(|role| {
        let (limit, consumed) = (limits(&view.books.settings_of(role).limit), view.consumed[role]);
        (0..NAMES.len()).all(|k| taken.0[k] == 0 || limit[k].is_none_or(|most| consumed.0[k] + taken.0[k] <= most))
    })
}

/// For each scalar: enough is left for all guarantees, or it is owed to one of them itself.
fn leaves_guarantees(view: &View, role: &Role, taken: &Resources) -> bool {
    let (taken, free, before) = (Amounts::of(taken), view.all_free(), view.all_unmet());
    if before.is_none() {
        return true;
    }
    let after = view.all_unmet_after(role, taken);
    (0..NAMES.len()).all(|k| {
        let (left, owed) = (free.0[k] - taken.0[k], before.0[k] - after.0[k]);
        taken.0[k] == 0 || left >= after.0[k] || owed == taken.0[k]
    })
}

/// The rest of the agent, cut to what limits and guarantees leave: if each of these leaves as much of a scalar as the least offer
/// that names it, and the rest contains a least offer.
fn whatever_there_is(view: &View, client: &Client, free: &Resources) -> Option<Resources> {
    let least = if client.traits.least.is_empty() { &view.books.config.least } else { &client.traits.least };
    let ceilings = ceilings(view, &client.role);
    let smallest = |k: usize| least.iter().map(|set| Amounts::of(set).0[k]).filter(|amount| *amount > 0).min();
    let enough = |k: usize, ceiling: u128| smallest(k).is_none_or(|smallest| ceiling >= smallest);
    if !ceilings.iter().all(|(k, ceiling)| enough(*k, *ceiling)) {
        return None;
    }
    let most = Amounts::each(|k| ceilings.iter().filter(|(at, _)| *at == k).map(|(_, most)| *most).min().unwrap_or(u128::MAX));
    let room = cut(free, &most);
    let any = least.is_empty() && !room.is_none() || least.iter().any(|set| room.contains(set));
    any.then_some(room)
}

/// How much of which scalar a role may still be given: what each limit leaves, and what guarantees leave.
fn ceilings(view: &View, role: &Role) -> Vec<(usize, u128)> {
    let mut ceilings = Vec::new();
    for role in path(role) {
        let (limit, consumed) = (limits(&view.books.settings_of(&role).limit), view.consumed[&role]);
        ceilings.extend((0..NAMES.len()).filter_map(|k| Some((k, limit[k]?.saturating_sub(consumed.0[k])))));
    }
    let (free, unmet) = (view.all_free(), view.all_unmet());
    let owed = unmet.without(view.all_unmet_after(role, Amounts::each(|_| 1 << 64)));
    let guaranteed = (0..NAMES.len()).filter(|k| unmet.0[*k] > 0);
    ceilings.extend(guaranteed.map(|k| (k, free.0[k].saturating_sub(unmet.0[k]) + owed.0[k])));
    ceilings
}
