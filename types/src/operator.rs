//! What operators decide: how roles share, which agents are on duty, when machines are under maintenance.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AgentId, Bounds, Resources, Role, WallTime};

/// The largest weight of a role. The smallest is 1, which is the default.
pub const WEIGHT_MAX: u32 = 1_000_000;
/// How many roles may have settings of their own.
pub const ROLE_SETTINGS_MAX: usize = 20_000;
/// How many maintenance windows there may be.
pub const WINDOWS_MAX: usize = 10_000;
/// How many agents one maintenance window may name.
pub const WINDOW_AGENTS_MAX: usize = 10_000;

/// How a role shares with its siblings: those under the same parent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleSettings {
    /// Its share is divided by this before it is compared: 1 to [`WEIGHT_MAX`].
    pub weight: u32,
    /// The most that it and the roles below may have together, allocated and reserved.
    pub limit: Bounds,
    /// What is kept back for it and the roles below as long as they don't have it: scalars only.
    pub guarantee: Resources,
}

impl Default for RoleSettings {
    fn default() -> Self {
        Self { weight: 1, limit: Bounds::none(), guarantee: Resources::none() }
    }
}

/// Changes of one role's settings; what is none stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleUpdate {
    /// The role.
    pub role: Role,
    /// Its weight.
    pub weight: Option<u32>,
    /// Its limit, as a whole.
    pub limit: Option<Bounds>,
    /// Its guarantee, as a whole.
    pub guarantee: Option<Resources>,
}

/// Several roles' settings, changed together or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolesUpdate {
    /// Each role at most once.
    pub roles: Vec<RoleUpdate>,
    /// Whether to do it although a limit is below what is had, or guarantees are above what there is or may be had.
    pub force: bool,
}

/// Whether an agent may be offered, and whether its tasks may stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Duty {
    /// It is offered.
    #[default]
    Active,
    /// It is not offered; its tasks go on. Also called cordoned.
    Deactivated,
    /// It is not offered, and its tasks end.
    Draining(Drain),
}

/// How an agent is drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// When the tasks that still run are told to end.
    pub deadline: WallTime,
    /// The longest from SIGTERM to SIGKILL; each task's own if that is shorter, or if this is none.
    pub max_grace: Option<Duration>,
    /// Whether the agent is gone for good once its last task has ended.
    pub mark_gone: bool,
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Active => "ACTIVE",
            Self::Deactivated => "DEACTIVATED",
            Self::Draining(_) => "DRAINING",
        })
    }
}

/// When something is expected to be away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unavailability {
    /// From when on.
    pub start: WallTime,
    /// For how long.
    pub duration: Duration,
}

impl Unavailability {
    /// Whether it is over.
    pub fn is_over(&self, now: WallTime) -> bool {
        let length = u64::try_from(self.duration.as_millis()).unwrap_or(u64::MAX);
        self.start.0.saturating_add(length) <= now.0
    }
}

/// A maintenance window: agents that will be away. Schedulers see it on their offers; nothing else follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its operator's name for it: 1 to 256 bytes without control characters.
    pub id: String,
    /// Who will be away.
    pub agents: Vec<AgentId>,
    /// When.
    pub unavailability: Unavailability,
}
