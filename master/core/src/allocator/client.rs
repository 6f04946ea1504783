//! One framework in one role, as the allocator sees it: what it wants, what it has, what it is like.

use std::collections::BTreeMap;
use std::sync::Arc;

use meros_types::{Bounds, Demand, Resources, Role, Shape, Subject};

use super::ceiling::copies;
use super::floor::{Amounts, Floors, amounts};
use super::order::Key;
use super::set::Set;
use super::sum::Sum;
use super::tree::BranchIx;
use crate::table::{AgentIx, FrameworkIx};

/// How many offers one client may hold: enough for one of each agent of the largest cluster we speak of, twice.
pub(super) const OFFERS_MAX: usize = 100_000;

/// What a client's offers are to be like, whatever its demand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// Where any offer will do: it must contain one of these. The allocator's own sets when there is none.
    pub least: Vec<Resources>,
    /// Whether agents with GPUs suit shapes that don't ask for any.
    pub gpu_agents: bool,
    /// Whether agents in other regions than the master's suit shapes without a constraint on the region.
    pub remote_regions: bool,
}

/// The least that is worth an offer where any will do.
#[derive(Clone, Debug, Default)]
pub(super) struct Least {
    /// An offer contains one of these, if there are any.
    pub(super) sets: Vec<Resources>,
    /// The smallest amount that any of the sets asks of each scalar that one of them names: what ceilings must leave.
    pub(super) each: Resources,
}

impl Least {
    pub(super) fn new(sets: Vec<Resources>) -> Self {
        let smallest = |amounts: &mut dyn Iterator<Item = u64>| amounts.filter(|amount| *amount > 0).min().unwrap_or(0);
        let [cpu, memory, disk, gpu] = std::array::from_fn(|at| smallest(&mut sets.iter().map(|set| set.common()[at])));
        let common = Resources::none().with_cpu_milli(cpu).with_memory_bytes(memory).with_disk_bytes(disk).with_gpu_milli(gpu);
        let names = sets.iter().flat_map(|set| set.custom()).map(|(name, _)| name);
        // A name that came out of one quantity goes into another; past the 32nd there is just no lower bound.
        let each = names.fold(common, |each, name| {
            let amount = smallest(&mut sets.iter().map(|set| set.custom_milli(name)));
            each.clone().with_custom(name, amount).unwrap_or(each)
        });
        Self { sets, each }
    }
}

/// A shape, and how many copies of it are not on offer yet; none is without end.
#[derive(Clone, Debug)]
pub(super) struct Want {
    pub(super) shape: Shape,
    pub(super) left: Option<u64>,
    pub(super) asks_gpus: bool,
    pub(super) names_region: bool,
    /// Where its grant of the visit under way is, if it has one.
    pub(super) grant: usize,
}

impl Want {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            left: shape.copies,
            asks_gpus: shape.resources.gpu_milli() > 0,
            names_region: shape.constraints.iter().any(|constraint| constraint.subject == Subject::Region),
            shape,
            grant: usize::MAX,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.left != Some(0)
    }
}

/// Which want of which demand an offer was made for: handed back when the offer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose {
    /// The demand's place in the client's own count of demands.
    pub(super) version: u64,
    pub(super) want: usize,
    pub(super) copies: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) framework: FrameworkIx,
    pub(super) role: Role,
    /// The leaf of its role.
    pub(super) leaf: BranchIx,
    pub(super) gpu_agents: bool,
    pub(super) remote_regions: bool,
    pub(super) least: Arc<Least>,
    pub(super) active: bool,
    pub(super) allocated: Sum,
    /// Its place in its leaf's order; none unless it is hungry.
    pub(super) place: Option<Key>,
    pub(super) wants: Vec<Want>,
    pub(super) version: u64,
    pub(super) offers: usize,
    /// The agents that it filters. Their rows have the filters.
    pub(super) filtered: Set<AgentIx>,
    /// The agents that it was offered something of in this session of its framework.
    pub(super) offered: Set<AgentIx>,
    /// How many leases ran out on each agent since the client last answered any offer.
    expired: BTreeMap<AgentIx, u32>,
}

impl Client {
    pub(super) fn new(framework: FrameworkIx, role: Role, leaf: BranchIx, traits: &Traits, least: Arc<Least>) -> Self {
        Self {
            framework,
            role,
            leaf,
            gpu_agents: traits.gpu_agents,
            remote_regions: traits.remote_regions,
            least,
            active: false,
            allocated: Sum::default(),
            place: None,
            wants: Vec::new(),
            version: 0,
            offers: 0,
            filtered: Set::default(),
            offered: Set::default(),
            expired: BTreeMap::new(),
        }
    }

    /// Whether there is anything that it would take.
    pub(super) fn wants_more(&self) -> bool {
        self.active && self.offers < OFFERS_MAX && self.wants.iter().any(Want::is_open)
    }

    /// Lower bounds of what it would take.
    pub(super) fn floors(&self) -> Floors {
        let Floors { mut free, mut claim } = Floors::default();
        self.each_floor(|amounts| free.add(amounts), |amounts| claim.add(amounts));
        Floors { free, claim }
    }

    /// The least that it would take, want by want: of what is free on an agent, and of what a ceiling leaves.
    pub(super) fn each_floor(&self, mut free: impl FnMut(Amounts), mut claim: impl FnMut(Amounts)) {
        for want in self.wants.iter().filter(|want| want.is_open()) {
            let shape = &want.shape;
            if !shape.is_anything() {
                let [cpu, memory, disk, gpu, others] = amounts(&shape.resources);
                free([cpu, memory, disk, gpu, others.max(u64::from(shape.any_ports > 0))]);
                claim([cpu, memory, disk, gpu, 0]);
                continue;
            }
            if self.least.sets.is_empty() {
                free(amounts(&Resources::none()));
            }
            self.least.sets.iter().for_each(|set| free(amounts(set)));
            let [cpu, memory, disk, gpu, _] = amounts(&self.least.each);
            claim([cpu, memory, disk, gpu, 0]);
        }
    }

    /// Whether these bounds may keep something from it that it wants, wherever that is.
    pub(super) fn is_kept_from(&self, bounds: &Bounds) -> bool {
        let is_any_zero = || bounds.common().contains(&Some(0)) || bounds.custom().iter().any(|(_, most)| *most == 0);
        self.wants.iter().filter(|want| want.is_open()).any(|want| match want.shape.is_anything() {
            true if self.least.sets.is_empty() => is_any_zero(),
            true => self.least.sets.iter().chain([&self.least.each]).any(|least| copies(bounds, least) == 0),
            false => copies(bounds, &want.shape.resources) == 0,
        })
    }

    /// Replaces what is wanted. What is on offer must be counted against it with [`Client::attribute`].
    pub(super) fn set_demand(&mut self, demand: Demand) {
        self.wants = demand.shapes.into_iter().map(Want::new).collect();
        self.version += 1;
    }

    /// Counts an offer that was made for an earlier demand against this one.
    pub(super) fn attribute(&mut self, resources: &Resources) -> Purpose {
        let version = self.version;
        for (at, want) in self.wants.iter_mut().enumerate() {
            let copies = match want.shape.is_anything() {
                true => u64::from(want.is_open()),
                false => want.shape.fitting(resources).min(want.left.unwrap_or(u64::MAX)),
            };
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
            want.left = want.left.map(|left| left.saturating_add(purpose.copies));
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
        self.filtered.remove(agent);
        self.offered.remove(agent);
    }

    /// How many leases in a row, this one included, ran out on an agent.
    pub(super) fn lease_expired(&mut self, agent: AgentIx) -> u32 {
        let count = self.expired.entry(agent).or_default();
        *count = count.saturating_add(1);
        *count
    }
}
