//! Why a client is offered no more: the rules of the passes, asked without granting.

use std::collections::BTreeMap;
use std::time::Duration;

use meros_types::{
    Constraint, Explanation, FrameworkId, Obstacle, Resources, Role, Shape, ShapeExplanation, Shortfall, Standing, Time,
};

use super::agents::Agent;
use super::ceiling::Ceiling;
use super::client::{Client, OFFERS_MAX, Want};
use super::order::{millionths, share};
use super::suit::{Hindrance, allowed, suits};
use super::{Allocator, BranchIx};
use crate::table::{ClientIx, FrameworkIx, Ix};

/// How many roles are named whose guarantees are not met.
const ROLES_NAMED_MAX: usize = 10;

/// What [`Allocator::explain`] is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The shape that is asked about; none: the open ones of the client's demand.
    pub shape: Option<&'a Shape>,
    /// The present.
    pub now: Time,
    /// How many agents are off duty: the allocator doesn't know of them.
    pub off_duty: u64,
}

/// What stands between one want and each of the agents.
#[derive(Debug, Default)]
struct Tally<'a> {
    suitable: u64,
    constraints: BTreeMap<&'a Constraint, u64>,
    gpus: u64,
    remote: u64,
    too_small: u64,
    /// By how much of what it needs of the scarcest resource it lacks, in millionths.
    closest: Option<(u64, &'a Agent, Shortfall)>,
    filtered: u64,
    ends: Option<(Time, Time)>,
}

impl Allocator {
    /// Why a client is offered no more, by the rules that the passes follow. `id_of` names frameworks.
    pub fn explain(&self, client: ClientIx, question: &Question<'_>, id_of: impl Fn(FrameworkIx) -> FrameworkId) -> Explanation {
        let row = &self.clients[client];
        let asked = question.shape.map(|shape| vec![Want::new(shape.clone())]);
        let wants = asked.unwrap_or_else(|| row.wants.iter().filter(|want| want.is_open()).cloned().collect());
        Explanation {
            framework: id_of(row.framework),
            role: row.role.clone(),
            standing: self.standing(row),
            offers: row.offers as u64,
            share_millionths: millionths(share(&row.allocated, &self.whole, 1)),
            shapes: wants.iter().map(|want| self.explain_want(client, want, question, &id_of)).collect(),
        }
    }

    fn standing(&self, row: &Client) -> Standing {
        if !row.active {
            Standing::Disconnected
        } else if row.wants.is_empty() || row.wants.iter().all(|want| want.shape.copies == Some(0)) {
            Standing::NoDemand
        } else if !row.wants.iter().any(Want::is_open) {
            Standing::Sated
        } else if row.offers >= OFFERS_MAX {
            Standing::TooManyOffers
        } else if self.is_waiting_for_recovery(row.leaf) {
            Standing::Recovering
        } else {
            Standing::Wanting
        }
    }

    fn explain_want(
        &self,
        client: ClientIx,
        want: &Want,
        question: &Question<'_>,
        id_of: &impl Fn(FrameworkIx) -> FrameworkId,
    ) -> ShapeExplanation {
        let row = &self.clients[client];
        let ceiling = self.ceiling(row.leaf);
        let mut shape = want.shape.clone();
        shape.copies = want.left;
        let mut explanation = ShapeExplanation { shape, agents: self.agents.count(), suitable: 0, obstacles: Vec::new() };
        if let Err(hindrance) = allowed(row, want, &ceiling) {
            explanation.obstacles.extend(self.under_ceiling(row, want, hindrance));
        }
        let is_allowed = explanation.obstacles.is_empty();
        if question.off_duty > 0 {
            explanation.obstacles.push(Obstacle::OffDuty { agents: question.off_duty });
        }
        if !is_allowed {
            return explanation;
        }
        let tally = self.tally(client, want, &ceiling);
        explanation.suitable = tally.suitable;
        let behind = self.behind(client, &tally, id_of);
        explanation.obstacles.extend(tally.into_obstacles(question.now));
        explanation.obstacles.extend(behind);
        explanation
    }

    /// Which limits, or which guarantees, leave no room for one copy.
    fn under_ceiling(&self, row: &Client, want: &Want, hindrance: Hindrance) -> Vec<Obstacle> {
        let needed = if want.shape.is_anything() { &row.least.each } else { &want.shape.resources };
        let lacks = |left: Ceiling| left.cut(needed.clone()).shortfall(needed);
        if hindrance == Hindrance::Guarantees {
            let slack = self.ceiling(row.leaf).slack;
            let kept = lacks(Ceiling { slack, ..Ceiling::default() });
            let roles = self.tree.by_role.iter().filter(|(_, branch)| !self.tree.branches[**branch].own_need.is_none());
            let roles: Vec<Role> = roles.map(|(role, _)| role.clone()).take(ROLES_NAMED_MAX).collect();
            return kept.map(|lacks| Obstacle::KeptForGuarantees { lacks, roles }).into_iter().collect();
        }
        let limited = self.tree.path(row.leaf).map(|branch| &self.tree.branches[branch]).filter(|row| row.is_limited());
        let over = limited.filter_map(|row| {
            let lacks = lacks(Ceiling { limit: row.headroom(), ..Ceiling::default() })?;
            Some(Obstacle::OverLimit { role: row.role.clone()?, lacks })
        });
        over.collect()
    }

    fn tally<'a>(&'a self, client: ClientIx, want: &'a Want, ceiling: &Ceiling) -> Tally<'a> {
        let row = &self.clients[client];
        let mut tally = Tally::default();
        for (_, agent) in self.agents.iter() {
            match suits(client, row, want, agent, ceiling) {
                Ok(_) => tally.suitable += 1,
                Err(Hindrance::Constraint) => {
                    let excluding = want.shape.excluded_by(&agent.about).into_iter();
                    excluding.for_each(|constraint| *tally.constraints.entry(constraint).or_default() += 1);
                }
                Err(Hindrance::Gpus) => tally.gpus += 1,
                Err(Hindrance::Region) => tally.remote += 1,
                Err(Hindrance::Limit | Hindrance::Guarantees | Hindrance::Fit) => tally.too_small(row, want, agent, ceiling),
                Err(Hindrance::Filter) => tally.filtered(agent, client),
            }
        }
        tally
    }

    /// Who comes before a client and could use what it could use; if that is nothing, everybody who comes before it.
    fn behind(&self, client: ClientIx, tally: &Tally<'_>, id_of: &impl Fn(FrameworkIx) -> FrameworkId) -> Option<Obstacle> {
        // When nothing is dirty, nobody in the order could use anything.
        if tally.suitable == 0 && tally.too_small == 0 || tally.suitable > 0 && !self.is_dirty() {
            return None;
        }
        let mut before = self.before(client);
        if tally.suitable > 0 {
            before.retain(|other| {
                let ceiling = self.ceiling(self.clients[*other].leaf);
                self.agents.iter().any(|(_, agent)| self.first_want(*other, agent, &ceiling).is_ok())
            });
        }
        let first = &self.clients[*before.first()?];
        Some(Obstacle::Behind { frameworks: before.len() as u64, first: id_of(first.framework), role: first.role.clone() })
    }

    /// The clients that a pass asks before this one, in order.
    fn before(&self, client: ClientIx) -> Vec<ClientIx> {
        let row = &self.clients[client];
        let mut before = Vec::new();
        self.collect_before(self.tree.root, (client, row), &mut before);
        before
    }

    fn collect_before(&self, branch: BranchIx, client: (ClientIx, &Client), before: &mut Vec<ClientIx>) -> bool {
        let row = &self.tree.branches[branch];
        if row.is_leaf {
            let own = self.key(&client.1.allocated, 1, true, client.0.place());
            let is_own = branch == client.1.leaf;
            let keys = row.siblings.order.iter().take_while(|key| !is_own || **key < own);
            before.extend(keys.map(|key| ClientIx::new(key.child as usize)));
            return is_own;
        }
        let own = row.branches.iter().copied().find(|child| self.tree.path(client.1.leaf).any(|branch| branch == *child));
        let own_key = own.map(|child| {
            let row = &self.tree.branches[child];
            (child, self.key(&row.allocated, row.settings.weight, row.need.is_none(), child.place()))
        });
        for key in &row.siblings.order {
            let child = BranchIx::new(key.child as usize);
            if own_key.is_some_and(|(_, own)| *key >= own) {
                break;
            }
            self.collect_before(child, client, before);
        }
        own_key.is_some_and(|(child, _)| self.collect_before(child, client, before))
    }
}

impl<'a> Tally<'a> {
    fn too_small(&mut self, row: &Client, want: &Want, agent: &'a Agent, ceiling: &Ceiling) {
        self.too_small += 1;
        let room = ceiling.cut(agent.free.clone());
        let lacks = lacking(row, want, &room);
        if self.closest.as_ref().is_none_or(|(least, _, _)| lacks.0 < *least) {
            self.closest = Some((lacks.0, agent, lacks.1));
        }
    }

    fn filtered(&mut self, agent: &Agent, client: ClientIx) {
        self.filtered += 1;
        if let Some(filter) = agent.filters.get(&client) {
            let (first, last) = self.ends.unwrap_or((filter.until, filter.until));
            self.ends = Some((first.min(filter.until), last.max(filter.until)));
        }
    }

    fn into_obstacles(self, now: Time) -> Vec<Obstacle> {
        let constraints = self.constraints.into_iter();
        let mut obstacles: Vec<_> =
            constraints.map(|(constraint, agents)| Obstacle::Constraint { constraint: constraint.clone(), agents }).collect();
        if self.gpus > 0 {
            obstacles.push(Obstacle::Gpus { agents: self.gpus });
        }
        if self.remote > 0 {
            obstacles.push(Obstacle::RemoteRegion { agents: self.remote });
        }
        if let Some((_, agent, lacks)) = self.closest {
            let (closest, hostname) = (agent.about.id, agent.about.hostname.clone());
            obstacles.push(Obstacle::NothingFits { agents: self.too_small, closest, hostname, lacks });
        }
        if let Some((first, last)) = self.ends {
            let wait = |until: Time| -> Duration { until.since(now) };
            obstacles.push(Obstacle::Filtered { agents: self.filtered, first_ends_in: wait(first), last_ends_in: wait(last) });
        }
        obstacles
    }
}

/// What one copy lacks of what may be had of an agent, and how much that is of what it needs, added up over the scalars.
fn lacking(row: &Client, want: &Want, room: &Resources) -> (u64, Shortfall) {
    let unnamed = || Shortfall {
        name: "ports".to_owned(),
        wanted: want.shape.any_ports.to_string(),
        available: room.ports().count().to_string(),
    };
    let sets = &row.least.sets;
    let needed: Vec<&Resources> = if want.shape.is_anything() { sets.iter().collect() } else { vec![&want.shape.resources] };
    let lacks = needed.into_iter().map(|needed| (shortness(room, needed), room.shortfall(needed).unwrap_or_else(unnamed)));
    lacks.min_by_key(|(shortness, _)| *shortness).unwrap_or_else(|| (0, unnamed()))
}

/// How much of what is needed is not there, in millionths of each scalar, added up.
fn shortness(room: &Resources, needed: &Resources) -> u64 {
    let part = |have: u64, need: u64| {
        let missing = u128::from(need.saturating_sub(have)) * 1_000_000;
        missing.checked_div(u128::from(need)).unwrap_or(0) as u64
    };
    let common = room.common().iter().zip(needed.common()).map(|(have, need)| part(*have, *need));
    common.chain(needed.custom().iter().map(|(name, need)| part(room.custom_milli(name), *need))).sum()
}
