//! What the agent's log is made of: everything that must outlive the process, one record for each step.
//!
//! A record says what was decided, so that reading all of them in order gives the tables again. Each stands alone: one that is
//! torn or damaged costs itself. Deliberately absent: how a record is written to a file, which the shell knows.

use std::time::Duration;

use meros_types::{
    AgentId, AgentSecret, Attributes, BootId, ContainerId, Domain, Epoch, FactId, FrameworkId, Incarnation, LaunchId, Limits,
    Resources, Role, TaskId, TaskUpdate, Term,
};
use serde::{Deserialize, Serialize};

/// A step that must outlive the process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A life of the agent began; the first record of each.
    Began {
        /// This life; facts are counted within it.
        incarnation: Incarnation,
        /// The boot that it ran in.
        boot: BootId,
        /// What tells this agent from an impostor; the same over all lives.
        secret: AgentSecret,
        /// What it could give.
        resources: Resources,
        /// What its operator said of it.
        attributes: Attributes,
        /// Where it stood.
        #[serde(default)]
        domain: Option<Domain>,
        /// Where its containers are; empty when that is not known.
        #[serde(default)]
        isolation: String,
    },
    /// A master has registered it: written when the id or the term is another than before.
    Met {
        /// Its id.
        agent: AgentId,
        /// The highest term obeyed.
        term: Term,
        /// The newest launch so far; later ones have records of their own.
        newest_launch: Option<LaunchId>,
    },
    /// A launch was taken in, or refused; written before anything of it is made.
    Launch {
        /// The container's id, new for ever.
        container: ContainerId,
        /// Whose it is.
        framework: FrameworkId,
        /// Under which subscription it was launched.
        epoch: Epoch,
        /// The role that is charged.
        role: Role,
        /// The launch.
        launch: LaunchId,
        /// The framework's name for the task.
        task: TaskId,
        /// What people see.
        name: String,
        /// What it holds; none when it was refused.
        resources: Resources,
        /// What is enforced.
        limits: Limits,
        /// From SIGTERM to SIGKILL, when the task has its own.
        kill_grace: Option<Duration>,
        /// The user that it runs as alone; none when it was refused, or the agent has no privileges.
        uid: Option<u32>,
    },
    /// Something was stated of a container's task.
    Fact {
        /// The container.
        container: ContainerId,
        /// Whose it is.
        framework: FrameworkId,
        /// What was stated, with its [`FactId`].
        update: TaskUpdate,
    },
    /// A framework has a fact for good.
    Acknowledged {
        /// The framework.
        framework: FrameworkId,
        /// The fact.
        fact: FactId,
    },
    /// A container has no directory, and its user is free: written when the removal is asked for, and for what was never made.
    /// What a crash leaves of such a directory is the shell's to sweep, as that of any container that is not remembered.
    Removed {
        /// The container.
        container: ContainerId,
    },
    /// A framework's scheduler was taken over from: launches of a lower epoch are refused from now on.
    Epoch {
        /// The framework.
        framework: FrameworkId,
        /// The highest epoch seen.
        epoch: Epoch,
    },
}
