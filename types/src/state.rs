//! The cluster as the master sees it, for people and scripts: what `meros status`, `/state` and the admin service show.

use serde::{Deserialize, Serialize};

use crate::{AgentId, Attributes, Epoch, FrameworkId, LaunchId, OfferId, Resources, Role, TaskId, TaskUpdate, Term, WallTime};

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
