//! Between an agent and the master.

use std::time::Duration;

use crate::{
    AgentId, AgentSecret, Attributes, BootId, ContainerId, Domain, Epoch, FactId, FrameworkId, Incarnation, LaunchId, Resources,
    Role, SessionId, TaskId, TaskSpec, TaskState, TaskUpdate, Term,
};

/// From an agent to the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromAgent {
    /// The session that the sender believes in; none before it is registered.
    pub session: Option<SessionId>,
    /// What happened.
    pub report: AgentReport,
}

/// What an agent tells the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentReport {
    /// The first message of every stream: all that the agent has.
    Register(Box<Register>),
    /// A task's state changed, for good. Repeated until acknowledged.
    Fact(Box<Fact>),
    /// Nothing; the stream is alive.
    Heartbeat,
}

/// All that an agent has. Taken after the session before is closed, so that what is absent here never started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its id, when a master has given it one.
    pub agent: Option<AgentId>,
    /// What tells it from an impostor: made once in the life of its work directory, and bound to its id at its admission.
    pub secret: AgentSecret,
    /// This life of the process.
    pub incarnation: Incarnation,
    /// The boot of its machine. After another one, a launch that is absent here may have started all the same, and be over.
    pub boot: BootId,
    /// The highest term that it has obeyed.
    pub term: Term,
    /// Where it runs.
    pub hostname: String,
    /// All that it can give.
    pub resources: Resources,
    /// What its operator says of it.
    pub attributes: Attributes,
    /// Where it stands, if its operator says so.
    pub domain: Option<Domain>,
    /// Every container that holds resources or has facts that nobody has acknowledged.
    pub containers: Vec<ContainerSnapshot>,
}

/// A container, as its agent has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerSnapshot {
    /// The agent's id for it.
    pub container: ContainerId,
    /// Whose it is.
    pub framework: FrameworkId,
    /// Under which subscription it was launched.
    pub epoch: Epoch,
    /// The role that is charged.
    pub role: Role,
    /// The launch that it came from.
    pub launch: LaunchId,
    /// What it holds; none when it is over and only facts remain.
    pub resources: Resources,
    /// Its tasks.
    pub tasks: Vec<TaskSnapshot>,
}

/// A task, as its agent has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSnapshot {
    /// The framework's name for it.
    pub task: TaskId,
    /// What people see.
    pub name: String,
    /// Its newest state.
    pub state: TaskState,
}

/// A statement of an agent about a task, kept until the framework acknowledges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Whose task it is.
    pub framework: FrameworkId,
    /// What is stated, with its place in the agent's order.
    pub update: TaskUpdate,
}

/// To an agent, over one of its sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToAgent {
    /// The session; the receiver drops what is not from its newest.
    pub session: SessionId,
    /// What to do.
    pub order: AgentOrder,
}

/// What an agent hears from the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentOrder {
    /// The answer to [`AgentReport::Register`], before anything else.
    Registered(Registered),
    /// Starts a container. Never sent twice, and never again in another session.
    Launch(Box<Launch>),
    /// Ends the container of a launch.
    Kill(KillOrder),
    /// The framework has this fact for good.
    Acknowledged(Acknowledged),
    /// This framework has a new session: state every fact of it that is not acknowledged again, now.
    Resend(FrameworkId),
    /// Somebody wants to read a task's output: open a log stream for this request.
    OpenLog(OpenLog),
    /// The master won't have this agent.
    Refused(Refusal),
    /// Nothing; the stream is alive.
    Heartbeat,
}

/// Why a master won't have an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whether trying again, here or at another master, may help. If not, the agent's process ends.
    pub retry: bool,
    /// For people: what is wrong and what to do.
    pub message: String,
}

/// Who one is, as the master sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The agent's id.
    pub agent: AgentId,
    /// How often each side says that it is alive.
    pub heartbeat: Duration,
}

/// Starts a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// This attempt.
    pub launch: LaunchId,
    /// Whose it is.
    pub framework: FrameworkId,
    /// The subscription that asked; an agent refuses one below the highest it has seen of the framework.
    pub epoch: Epoch,
    /// The role that is charged.
    pub role: Role,
    /// What to run. One task is one container.
    pub task: TaskSpec,
}

/// A framework has a fact for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The framework that says so; an agent heeds it for that one's facts alone.
    pub framework: FrameworkId,
    /// The fact.
    pub fact: FactId,
}

/// Ends the container of a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillOrder {
    /// The launch.
    pub launch: LaunchId,
    /// From SIGTERM to SIGKILL; the task's own when none is given. A shorter one shortens a grace that is running.
    pub grace: Option<Duration>,
}

/// Which of a task's two outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStream {
    /// What it wrote to file descriptor 1.
    Stdout,
    /// What it wrote to file descriptor 2.
    Stderr,
}

/// A wish to read a task's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenLog {
    /// The number that the master knows the reader by.
    pub request: u64,
    /// The launch whose output it is.
    pub launch: LaunchId,
    /// Which output.
    pub stream: LogStream,
    /// The first byte wanted.
    pub offset: u64,
    /// Whether to go on until the task has ended.
    pub follow: bool,
}
