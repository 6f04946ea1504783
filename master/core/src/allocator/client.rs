//! One framework in one role, as the allocator sees it: what it wants, what it has, what it doesn't want again yet.

use std::collections::BTreeMap;

use meros_types::{Demand, Resources, Role, Shape, Time};

use super::sum::{Share, Sum};
use crate::table::{AgentIx, FrameworkIx};

/// How many offers one client may hold: enough for one of each agent of the largest cluster we speak of, twice.
pub(super) const OFFERS_MAX: usize = 100_000;

/// An agent with less than this of both is not offered to a client that takes anything (Mesos' default).
const CPU_MILLI_MIN: u64 = 10;
const MEMORY_BYTES_MIN: u64 = 32 << 20;

/// A shape, and how many copies of it are not on offer yet; none is without end.
#[derive(Clone, Debug)]
pub(super) struct Want {
    pub(super) shape: Shape,
    pub(super) left: Option<u64>,
}

impl Want {
    fn is_open(&self) -> bool {
        self.left != Some(0)
    }

    /// Whether any offer will do.
    pub(super) fn takes_anything(&self) -> bool {
        self.shape.resources.is_none() && self.shape.any_ports == 0
    }

    /// How many copies to take of `free` at the most.
    pub(super) fn fitting(&self, free: &Resources) -> u64 {
        if self.takes_anything() {
            let enough = free.cpu_milli() >= CPU_MILLI_MIN || free.memory_bytes() >= MEMORY_BYTES_MIN;
            return u64::from(enough && self.is_open());
        }
        self.shape.fitting(free).min(self.left.unwrap_or(u64::MAX))
    }
}

/// What a client declined, and until when the same or less of that agent is not offered again.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) refused: Resources,
    pub(super) until: Time,
}

/// Which want of which demand an offer was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Purpose {
    /// The demand's place in the client's own count of demands.
    pub(super) version: u64,
    pub(super) want: usize,
    pub(super) copies: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) framework: FrameworkIx,
    pub(super) role: Role,
    pub(super) weight: u32,
    pub(super) active: bool,
    pub(super) allocated: Sum,
    pub(super) share: Share,
    pub(super) wants: Vec<Want>,
    pub(super) version: u64,
    pub(super) offers: usize,
    /// The allocator knows the end of each.
    pub(super) filters: BTreeMap<AgentIx, Filter>,
    /// How many leases ran out on each agent since the client last answered any offer.
    expired: BTreeMap<AgentIx, u32>,
}

impl Client {
    pub(super) fn new(framework: FrameworkIx, role: Role, weight: u32) -> Self {
        Self {
            framework,
            role,
            weight,
            active: false,
            allocated: Sum::default(),
            share: 0,
            wants: Vec::new(),
            version: 0,
            offers: 0,
            filters: BTreeMap::new(),
            expired: BTreeMap::new(),
        }
    }

    /// Whether there is anything that it would take.
    pub(super) fn wants_more(&self) -> bool {
        self.active && self.offers < OFFERS_MAX && self.wants.iter().any(Want::is_open)
    }

    /// Replaces what is wanted. What is on offer must be counted against it with [`Client::attribute`].
    pub(super) fn set_demand(&mut self, demand: Demand) {
        self.wants = demand.shapes.into_iter().map(|shape| Want { left: shape.copies, shape }).collect();
        self.version += 1;
    }

    /// Counts an offer that was made for an earlier demand against this one.
    pub(super) fn attribute(&mut self, resources: &Resources) -> Purpose {
        let version = self.version;
        for (at, want) in self.wants.iter_mut().enumerate() {
            let copies = want.fitting(resources);
            if copies > 0 {
                want.left = want.left.map(|left| left - copies);
                return Purpose { version, want: at, copies };
            }
        }
        Purpose { version, want: 0, copies: 0 }
    }

    /// An offer is over: what it was for is wanted again, unless the demand has changed since. Says whether that opened what
    /// was closed before, so that agents which nobody could use may be of use now.
    pub(super) fn offer_ended(&mut self, purpose: Purpose) -> bool {
        let was_sated = !self.wants_more();
        self.offers -= 1;
        let mut reopened = false;
        if purpose.version == self.version
            && let Some(want) = self.wants.get_mut(purpose.want)
        {
            reopened = !want.is_open() && purpose.copies > 0;
            want.left = want.left.map(|left| left + purpose.copies);
        }
        (reopened || was_sated) && self.wants_more()
    }

    /// The client answered an offer: it is no hoarder after all.
    pub(super) fn answered(&mut self) {
        self.expired.clear();
    }

    /// The agent is gone, and with it every lease that ran out on it.
    pub(super) fn forget_agent(&mut self, agent: AgentIx) {
        self.expired.remove(&agent);
    }

    /// How many leases in a row, this one included, ran out on an agent.
    pub(super) fn lease_expired(&mut self, agent: AgentIx) -> u32 {
        let count = self.expired.entry(agent).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// Which want `free` of this agent would meet, if any.
    pub(super) fn suits(&self, agent: AgentIx, free: &Resources) -> Option<usize> {
        // The subset rule: what has grown since it was declined passes.
        if self.filters.get(&agent).is_some_and(|filter| filter.refused.contains(free)) {
            return None;
        }
        self.wants.iter().position(|want| want.fitting(free) > 0)
    }
}
