//! Tasks: what a framework asks to run, the states it goes through, and what is said about it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AgentId, Command, Exit, FactId, LaunchId, Limits, PIDS_LIMIT_DEFAULT, Resources, TaskId, Usage, WallTime};

/// How long a task has from SIGTERM to SIGKILL when nobody says otherwise.
pub const KILL_GRACE_DEFAULT: Duration = Duration::from_secs(5);

/// What a framework asks an agent to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// The framework's own name for it.
    pub id: TaskId,
    /// What people see; need not be unique.
    pub name: String,
    /// What to execute.
    pub command: Command,
    /// What it takes of the offer, and its CPU and memory limits.
    pub resources: Resources,
    /// How many processes and threads it may have; [`PIDS_LIMIT_DEFAULT`] when none is given.
    pub pids_limit: Option<u32>,
    /// From SIGTERM to SIGKILL; [`KILL_GRACE_DEFAULT`] when none is given.
    pub kill_grace: Option<Duration>,
}

impl TaskSpec {
    /// A task named like its id, with the default limits.
    pub fn new(id: TaskId, command: Command, resources: Resources) -> Self {
        Self { name: id.to_string(), id, command, resources, pids_limit: None, kill_grace: None }
    }

    /// The same under this display name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What the kernel is to enforce.
    pub fn limits(&self) -> Limits {
        Limits {
            cpu_milli: self.resources.cpu_milli(),
            memory_bytes: self.resources.memory_bytes(),
            pids: self.pids_limit.unwrap_or(PIDS_LIMIT_DEFAULT),
            disk_bytes: self.resources.disk_bytes(),
        }
    }
}

macro_rules! named_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The name that people and scripts see.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

named_enum!(
    /// Where a task is in its life.
    TaskState {
        /// The master has accepted it and sent it to its agent.
        Staging = "STAGING",
        /// The agent is preparing its container.
        Starting = "STARTING",
        /// Its program runs.
        Running = "RUNNING",
        /// It was told to end and has not yet.
        Killing = "KILLING",
        /// It exited with code 0. Final.
        Finished = "FINISHED",
        /// It ended in any other way that nobody asked for. Final.
        Failed = "FAILED",
        /// It ended because somebody asked. Final.
        Killed = "KILLED",
        /// Its specification was refused. Final.
        Error = "ERROR",
        /// It never started and never will. Final.
        Dropped = "DROPPED",
        /// Its agent can't be reached; it may run or not.
        Unreachable = "UNREACHABLE",
        /// Its agent came back without it. Final.
        Gone = "GONE",
        /// An operator says that its agent will never return.
        GoneByOperator = "GONE_BY_OPERATOR",
        /// Nobody knows it.
        Unknown = "UNKNOWN",
    }
);

impl TaskState {
    /// Whether it is final: the task has no process and never will have.
    pub const fn is_terminal(self) -> bool {
        use TaskState::{Dropped, Error, Failed, Finished, Gone, Killed};
        matches!(self, Finished | Failed | Killed | Error | Dropped | Gone)
    }
}

named_enum!(
    /// Who says so.
    Source {
        /// A view: the master's own conclusion.
        Master = "MASTER",
        /// A fact from the agent.
        Agent = "AGENT",
        /// A fact that the task's executor reported to the agent.
        Executor = "EXECUTOR",
    }
);

named_enum!(
    /// Why a task is in its state, for programs.
    Reason {
        /// An accept named it.
        Accepted = "ACCEPTED",
        /// Its program was executed.
        Started = "STARTED",
        /// Its process exited by itself.
        Exited = "EXITED",
        /// A signal that Meros did not send ended its process.
        Signaled = "SIGNALED",
        /// It needed more memory than its limit.
        MemoryLimit = "MEMORY_LIMIT",
        /// It wrote more to its sandbox than its limit.
        DiskLimit = "DISK_LIMIT",
        /// The agent's machine ran out of memory though the task was within its limit.
        AgentOutOfMemory = "AGENT_OUT_OF_MEMORY",
        /// Its program could not be executed.
        LaunchFailed = "LAUNCH_FAILED",
        /// The agent could not make its container.
        ContainerFailed = "CONTAINER_FAILED",
        /// Its framework or an operator asked for its end.
        KillRequested = "KILL_REQUESTED",
        /// Its framework was removed.
        FrameworkRemoved = "FRAMEWORK_REMOVED",
        /// Its shim died, so that how it ended is not known.
        SupervisorLost = "SUPERVISOR_LOST",
        /// An offer of the accept was unknown, rescinded, answered before, or another framework's.
        InvalidOffer = "INVALID_OFFER",
        /// It asks for more than is left of the accepted offers.
        ExceedsOffer = "EXCEEDS_OFFER",
        /// The framework has, or had, a task of this id.
        DuplicateTask = "DUPLICATE_TASK",
        /// Its specification is not one that can run.
        InvalidTask = "INVALID_TASK",
        /// The accept asks for something that is not built yet.
        Unimplemented = "UNIMPLEMENTED",
        /// Another part of an all-or-nothing accept was refused.
        GroupRefused = "GROUP_REFUSED",
        /// Its agent has no room for it, or is ending.
        AgentRefused = "AGENT_REFUSED",
        /// Its agent was lost before it was certain to have the launch.
        LaunchLost = "LAUNCH_LOST",
        /// Its agent has not been heard of.
        AgentUnreachable = "AGENT_UNREACHABLE",
        /// Its agent is back and has it still.
        AgentReturned = "AGENT_RETURNED",
        /// Its agent is back and has it no more.
        AgentForgot = "AGENT_FORGOT",
        /// Its agent's machine was started anew, which ended every process on it.
        AgentRebooted = "AGENT_REBOOTED",
        /// An operator says that its agent will never return.
        AgentGone = "AGENT_GONE",
        /// The framework asked how it is.
        Reconciliation = "RECONCILIATION",
    }
);

/// The limit that ended a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limitation {
    /// What ran out.
    pub resource: String,
    /// How much was allowed, in the resource's unit (bytes for memory).
    pub limit: u64,
    /// How much was measured.
    pub measured: u64,
}

/// One statement about a task: a *fact* of its agent (with a [`FactId`], acknowledged) or a *view* of the master (without).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskUpdate {
    /// The task.
    pub task: TaskId,
    /// Its launch; none for a task that nobody knows.
    pub launch: Option<LaunchId>,
    /// Its agent, when it has one.
    pub agent: Option<AgentId>,
    /// Its state.
    pub state: TaskState,
    /// Who says so.
    pub source: Source,
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people: a sentence.
    pub message: String,
    /// How its process ended, when it did.
    pub exit: Option<Exit>,
    /// What it used, when it has ended.
    pub usage: Option<Usage>,
    /// The limit that ended it.
    pub limitation: Option<Limitation>,
    /// The place of a fact in its agent's order.
    pub fact: Option<FactId>,
    /// When it was stated.
    pub at: WallTime,
}

impl TaskUpdate {
    /// A statement with no measurements yet.
    pub fn new(task: TaskId, state: TaskState, source: Source, reason: Reason, message: impl Into<String>, at: WallTime) -> Self {
        let message = message.into();
        let (launch, agent, exit, usage, limitation, fact) = (None, None, None, None, None, None);
        Self { task, launch, agent, state, source, reason, message, exit, usage, limitation, fact, at }
    }
}
