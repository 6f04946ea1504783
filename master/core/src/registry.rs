//! What must outlive the process: who was admitted, who may never return, and what operators decided. Plain data; the shell
//! stores it.
//!
//! Owned here: the records, as they are stored, and the changes to them. Deliberately absent: when they change, which is the
//! handlers'; on what they wait, which is for `writes` to know; tasks, offers and resources, of which the agents are the
//! truth; and the term, which the shell raises before there is a master.

use std::time::Duration;

use meros_types::{AgentId, AgentSecret, Duty, Epoch, FrameworkId, Role, RoleSettings, WallTime, Window};
use serde::{Deserialize, Serialize};

/// An agent that was admitted once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRecord {
    /// Its id, which it keeps as long as it is remembered.
    pub id: AgentId,
    /// What only this agent knows. Whoever claims the id with another one is an impostor.
    pub secret: AgentSecret,
    /// Where it ran when it registered last, for people.
    pub hostname: String,
    /// Whether it is waited for.
    pub state: AgentStanding,
    /// Whether it may be offered, and whether its tasks may stay. Records from before there were duties are of active agents.
    #[serde(default)]
    pub duty: Duty,
}

/// How an admitted agent stands with the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentStanding {
    /// It is registered, or will be unreachable soon.
    Admitted,
    /// It has not been heard of for too long. It may come back.
    Unreachable {
        /// When that was found. The one lost first is forgotten first.
        since: WallTime,
    },
    /// It will never return: an operator said so.
    Gone,
}

/// A framework that has subscribed and was not removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameworkRecord {
    /// Its id, which is never given to another.
    pub id: FrameworkId,
    /// What people see.
    pub name: String,
    /// Its identity over restarts of its scheduler; none for one whose id is ephemeral.
    pub key: Option<String>,
    /// Who subscribed with the key. Nobody else may.
    pub principal: String,
    /// The highest subscription. Whoever comes with a lower one is fenced.
    pub epoch: Epoch,
    /// How long its tasks outlive its stream.
    pub failover_timeout: Duration,
    /// When it is to be removed for want of a stream; none while it had one. Whoever reads it after the clock was set must not
    /// take it at its word.
    pub deadline: Option<WallTime>,
}

/// A role that has settings of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRecord {
    /// Its whole name.
    pub role: Role,
    /// How it shares.
    pub settings: RoleSettings,
}

/// Everything that is stored, as it was when the process began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registry {
    /// The agents, in any order.
    pub agents: Vec<AgentRecord>,
    /// The frameworks, in any order.
    pub frameworks: Vec<FrameworkRecord>,
    /// The ids of removed frameworks, which must not return. The one removed first is forgotten first, as far as the order is
    /// kept.
    pub removed: Vec<FrameworkId>,
    /// The roles that have settings of their own, in any order.
    #[serde(default)]
    pub roles: Vec<RoleRecord>,
    /// The maintenance windows, in any order; some may be over.
    #[serde(default)]
    pub windows: Vec<Window>,
}

/// One step of the registry. Those of one transaction are about different agents and frameworks; all roles are one thing, and all
/// windows are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// This is the agent's record from now on.
    Agent(AgentRecord),
    /// The agent was unreachable for so long that its record goes.
    ForgetAgent(AgentId),
    /// This is the framework's record from now on.
    Framework(FrameworkRecord),
    /// The framework's record goes, if there is one, and its id is among the removed, in one step.
    RemoveFramework(FrameworkId),
    /// There are too many removed ids; this one goes.
    ForgetRemoved(FrameworkId),
    /// These roles' settings change, together.
    Roles {
        /// Their settings from now on.
        set: Vec<RoleRecord>,
        /// Those that have no settings of their own any more. No role is in both lists.
        forgotten: Vec<Role>,
    },
    /// These maintenance windows change, together.
    Windows {
        /// These are, from now on, in place of those of their names.
        set: Vec<Window>,
        /// The names of those that are no more. No name is in both lists.
        removed: Vec<String>,
    },
}
