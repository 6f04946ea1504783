//! Whether a client can use what is free of an agent: the one rule that passes, `explain` and `check` ask.

use meros_types::Resources;

use super::Allocator;
use super::agents::Agent;
use super::ceiling::Ceiling;
use super::client::{Client, Want};
use super::sum::Sum;
use crate::table::ClientIx;

/// The first thing that stands between a want and an agent, in the order of [`Obstacle`](meros_types::Obstacle).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hindrance {
    /// A limit leaves no room for one copy, on whichever agent.
    Limit,
    /// Guarantees of others leave none.
    Guarantees,
    Constraint,
    Gpus,
    Region,
    /// A copy doesn't fit into what is free, or too little of it may be had.
    Fit,
    Filter,
}

impl Hindrance {
    /// Whether it is the same on every agent.
    pub(super) fn is_ceiling(self) -> bool {
        matches!(self, Self::Limit | Self::Guarantees)
    }
}

/// Whether one copy may be had under this ceiling, wherever it is.
pub(super) fn allowed(client: &Client, want: &Want, ceiling: &Ceiling) -> Result<(), Hindrance> {
    let least = if want.shape.is_anything() { &client.least.each } else { &want.shape.resources };
    if super::ceiling::copies(&ceiling.limit, least) == 0 {
        Err(Hindrance::Limit)
    } else if super::ceiling::copies(&ceiling.slack, least) == 0 {
        Err(Hindrance::Guarantees)
    } else {
        Ok(())
    }
}

/// How many copies of a want, at least one, may be had of an agent under a ceiling; of anything it is one. Whether copies are still
/// wanted is not asked here.
pub(super) fn suits(client: ClientIx, row: &Client, want: &Want, agent: &Agent, ceiling: &Ceiling) -> Result<u64, Hindrance> {
    allowed(row, want, ceiling)?;
    if !want.shape.constraints.is_empty() && want.shape.excluded_by(&agent.about).is_some() {
        return Err(Hindrance::Constraint);
    }
    if agent.has_gpus && !want.asks_gpus && !row.gpu_agents {
        return Err(Hindrance::Gpus);
    }
    if agent.is_remote && !want.names_region && !row.remote_regions {
        return Err(Hindrance::Region);
    }
    let copies = if want.shape.is_anything() {
        u64::from(is_worth_it(row, &agent.free, ceiling))
    } else {
        want.shape.fitting(&agent.free).min(ceiling.copies(&want.shape))
    };
    if copies == 0 {
        return Err(Hindrance::Fit);
    }
    if agent.is_filtered(client) {
        return Err(Hindrance::Filter);
    }
    Ok(copies)
}

/// Whether what may be had of `free` is enough for a client that takes anything.
fn is_worth_it(client: &Client, free: &Resources, ceiling: &Ceiling) -> bool {
    let sets = &client.least.sets;
    let has_least = sets.is_empty() || sets.iter().any(|set| free.contains(set) && ceiling.leaves(set));
    has_least && ceiling.leaves_any(free)
}

impl Allocator {
    /// The first open want of a client that an agent suits, and how many copies; or whether a ceiling stands before any of them.
    pub(super) fn first_want(&self, client: ClientIx, agent: &Agent, ceiling: &Ceiling) -> Result<(usize, u64), bool> {
        let row = &self.clients[client];
        let mut is_held_back = false;
        for (at, want) in row.wants.iter().enumerate().filter(|(_, want)| want.is_open()) {
            match suits(client, row, want, agent, ceiling) {
                Ok(copies) => return Ok((at, copies.min(want.left.unwrap_or(u64::MAX)))),
                Err(hindrance) => is_held_back |= hindrance.is_ceiling() || hindrance == Hindrance::Fit && !ceiling.is_open(),
            }
        }
        Err(is_held_back)
    }

    /// Whether guarantees owe a client something of what it would take for a want. A shape that it wants less is not asked instead.
    pub(super) fn is_owed(&self, client: ClientIx, want: usize, agent: &Agent, ceiling: &Ceiling, owed: &Sum) -> bool {
        let shape = &self.clients[client].wants[want].shape;
        match shape.is_anything() {
            true if ceiling.limit.is_none() => owed.has_some_of(&agent.free),
            true => owed.has_some_of(&ceiling.cut(agent.free.clone())),
            false => owed.has_some_of(&shape.resources),
        }
    }
}
