//! Why a framework has no more offers than it has: what `meros explain` shows, computed by the allocator itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AgentId, Constraint, FrameworkId, Role, Shape, Shortfall};

/// Why a framework is offered no more in one of its roles now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// Whose.
    pub framework: FrameworkId,
    /// For which role.
    pub role: Role,
    /// Whether it would be offered anything at all.
    pub standing: Standing,
    /// How many offers it holds.
    pub offers: u64,
    /// Its dominant share of the cluster, divided by its weight, in millionths.
    pub share_millionths: u64,
    /// Each shape that is asked about: those of its demand that are open, or the one that was named in asking.
    pub shapes: Vec<ShapeExplanation>,
}

/// Whether a framework would be offered anything in a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Standing {
    /// It wants something, and may have it.
    Wanting,
    /// It declared no demand for this role, or an empty one: it is suppressed.
    NoDemand,
    /// Every copy that it wants is on offer to it.
    Sated,
    /// It has no stream to the master.
    Disconnected,
    /// It holds as many offers as one framework may.
    TooManyOffers,
    /// The master has started lately, and this role is under a limit: it waits until every agent has reported or timed out.
    Recovering,
}

/// Why no copy of a shape is offered, or on how many agents one will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShapeExplanation {
    /// The shape.
    pub shape: Shape,
    /// How many agents there are that may be offered to anybody.
    pub agents: u64,
    /// On how many of them a copy is free for this framework.
    pub suitable: u64,
    /// What stands in the way elsewhere. Each agent is counted under the first that applies, in the order of [`Obstacle`].
    pub obstacles: Vec<Obstacle>,
}

/// Something that stands between a shape and an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Obstacle {
    /// A limit leaves no room for one copy.
    OverLimit {
        /// The role whose limit it is: the framework's own or one around it.
        role: Role,
        /// What a copy needs that is not left of it.
        lacks: Shortfall,
    },
    /// What is free is kept back for the guarantees of other roles.
    KeptForGuarantees {
        /// What a copy needs of what may be given away.
        lacks: Shortfall,
        /// Those whose guarantees are not met, at most ten.
        roles: Vec<Role>,
    },
    /// Agents that are deactivated or draining.
    OffDuty {
        /// How many.
        agents: u64,
    },
    /// Agents that a constraint of the shape excludes.
    Constraint {
        /// The constraint.
        constraint: Constraint,
        /// How many it is the first to exclude.
        agents: u64,
    },
    /// Agents with GPUs, which the shape doesn't ask for.
    Gpus {
        /// How many.
        agents: u64,
    },
    /// Agents in another region than the master, which the framework did not ask for.
    RemoteRegion {
        /// How many.
        agents: u64,
    },
    /// Agents on which a copy doesn't fit into what is free.
    NothingFits {
        /// How many.
        agents: u64,
        /// The one that lacks least.
        closest: AgentId,
        /// Where it runs.
        hostname: String,
        /// What it lacks.
        lacks: Shortfall,
    },
    /// Agents that the framework has declined.
    Filtered {
        /// How many.
        agents: u64,
        /// How long until the first of these filters ends.
        first_ends_in: Duration,
        /// How long until the last of these filters ends.
        last_ends_in: Duration,
    },
    /// Others that want more are before this framework in fair share, and take what becomes free.
    Behind {
        /// How many.
        frameworks: u64,
        /// The first of them.
        first: FrameworkId,
        /// In its role.
        role: Role,
    },
}
