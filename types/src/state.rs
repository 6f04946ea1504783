//! The cluster as the master sees it, for people and scripts: what `meros status`, `/state` and the admin service show.

use serde::{Deserialize, Serialize};

use crate::{
    AgentId, Attributes, Demand, Domain, Duty, Epoch, FrameworkId, LaunchId, OfferId, Resources, Role, RoleSettings, TaskId,
    TaskUpdate, Term, Unavailability, WallTime, Window,
};

/// Everything, at one moment between two events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterState {
    /// The master's leadership.
    pub term: Term,
    /// Every agent that the master remembers.
    pub agents: Vec<AgentState>,
    /// Every framework that is not removed.
    pub frameworks: Vec<FrameworkState>,
    /// Every live task, and the ended ones that the master still remembers.
    pub tasks: Vec<TaskInfo>,
    /// Every offer that stands.
    pub offers: Vec<OfferState>,
    /// Every role that has frameworks, settings or a role below it that does.
    #[serde(default)]
    pub roles: Vec<RoleState>,
    /// The maintenance windows that are not over.
    #[serde(default)]
    pub windows: Vec<Window>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleState {
    /// Its whole name.
    pub role: Role,
    /// Its weight, limit and guarantee.
    #[serde(flatten)]
    pub settings: RoleSettings,
    /// What frameworks hold in it and below it, in offers and tasks.
    pub allocated: Resources,
    /// What counts against its limit: what is allocated, and what is reserved and idle.
    pub consumed: Resources,
    /// What of its guarantee, or of those below it, it doesn't have.
    pub unmet: Resources,
    /// Its dominant share of the cluster divided by its weight, in millionths.
    pub share_millionths: u64,
    /// How many frameworks are subscribed with this very role.
    pub frameworks: u64,
}

/// A framework in one of its roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientState {
    /// The role.
    pub role: Role,
    /// What it holds in it, in offers and tasks.
    pub allocated: Resources,
    /// Its dominant share of the cluster, in millionths.
    pub share_millionths: u64,
    /// What it wants, with the copies that are neither launched nor on offer.
    pub demand: Demand,
    /// How many offers it holds.
    pub offers: u64,
    /// How many agents it has declined lately.
    pub filters: u64,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentState {
    /// Its id.
    pub id: AgentId,
    /// Where it runs.
    pub hostname: String,
    /// What its operator says of it.
    pub attributes: Attributes,
    /// Where it stands.
    #[serde(default)]
    pub domain: Option<Domain>,
    /// Whether it may be offered.
    #[serde(default)]
    pub duty: Duty,
    /// Whether it is draining and none of its tasks is left.
    #[serde(default)]
    pub drained: bool,
    /// When it is expected to be away next.
    #[serde(default)]
    pub unavailability: Option<Unavailability>,
    /// Whether its stream is open. One without is unreachable.
    pub connected: bool,
    /// All that it can give. `total = free + offered + used + releasing`.
    pub total: Resources,
    /// What nobody has.
    pub free: Resources,
    /// What is on offer.
    pub offered: Resources,
    /// What running tasks have.
    pub used: Resources,
    /// What tasks that are ending still have.
    pub releasing: Resources,
}

/// A framework.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameworkState {
    /// Its id.
    pub id: FrameworkId,
    /// What people see.
    pub name: String,
    /// Its identity over restarts.
    pub key: Option<String>,
    /// Its roles.
    pub roles: Vec<Role>,
    /// What it has and wants in each role, those included that it only has tasks in.
    #[serde(default)]
    pub clients: Vec<ClientState>,
    /// Its newest subscription.
    pub epoch: Epoch,
    /// Whether its stream is open.
    pub connected: bool,
    /// What it holds, in offers and tasks.
    pub allocated: Resources,
    /// How many tasks of it are live.
    pub live_tasks: u64,
    /// How many offers it holds.
    pub offers: u64,
}

/// A task and the newest that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskInfo {
    /// Whose it is.
    pub framework: FrameworkId,
    /// What people see.
    pub name: String,
    /// The launch.
    pub launch: LaunchId,
    /// Its agent.
    pub agent: AgentId,
    /// The role that is charged.
    pub role: Role,
    /// What it may use.
    pub resources: Resources,
    /// The newest statement about it.
    pub update: TaskUpdate,
}

impl TaskInfo {
    /// The framework's name for it.
    pub fn id(&self) -> &TaskId {
        &self.update.task
    }
}

/// An offer that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferState {
    /// Its id.
    pub id: OfferId,
    /// Who may use it.
    pub framework: FrameworkId,
    /// For which role.
    pub role: Role,
    /// Where the resources are.
    pub agent: AgentId,
    /// What may be used.
    pub resources: Resources,
    /// When it was made.
    pub at: WallTime,
}
