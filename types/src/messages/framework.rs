//! Between a framework's scheduler and the master.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{
    AgentId, Attributes, Demand, Domain, Epoch, Explanation, FactId, FrameworkId, LaunchId, OfferId, Resources, Role, SessionId,
    Shape, TaskId, TaskSpec, TaskUpdate, Unavailability,
};

/// How long a decline or the unused part of an accept keeps an agent from being offered again, unless said otherwise.
pub const FILTER_DEFAULT: Duration = Duration::from_secs(5);
/// The longest filter: a day. What is asked beyond is shortened to it.
pub const FILTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// The shortest lease that a framework may ask for.
pub const LEASE_MIN: Duration = Duration::from_secs(1);
/// The longest lease that a framework may ask for.
pub const LEASE_MAX: Duration = Duration::from_secs(60 * 60);
/// How many least offers a framework may name.
pub const LEAST_MAX: usize = 16;
/// How many calls one message may carry.
pub const CALLS_MAX: usize = 1_024;
/// How long a keyed framework's tasks outlive its scheduler when it doesn't say.
pub const FAILOVER_TIMEOUT_DEFAULT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// From a framework: calls that the master applies together, before it allocates again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FromFramework {
    /// The session that the sender believes in; none before it is subscribed.
    pub session: Option<SessionId>,
    /// In the order in which they are to be applied.
    pub calls: Vec<Call>,
}

/// One thing that a framework asks of the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// The first call of every stream: who this is.
    Subscribe(Subscribe),
    /// What is wanted of one role, replacing what was.
    Demand(DemandCall),
    /// Uses offers.
    Accept(Accept),
    /// Gives offers back.
    Decline(Decline),
    /// Ends a task. Level-triggered: repeated until the task is terminal.
    Kill(KillCall),
    /// The scheduler has this fact for good; its agent may forget it.
    Acknowledge(Acknowledge),
    /// How are these tasks (all that the master knows as live, when none is named)? Answered with one update each, but for
    /// unknown ones whose agent the master waits for: [`TaskQuery`] says what is known when. Whoever got no answer asks again.
    Reconcile(Vec<TaskQuery>),
    /// Why there is no more on offer in a role. Answered with one [`FrameworkEvent::Explained`].
    Explain(ExplainCall),
    /// Ends the framework and every task of it.
    Teardown,
    /// Nothing; the stream is alive.
    Heartbeat,
    /// A call that the wire knows and that is not built, or one that can't be read. The master refuses it by name.
    Refused(RefusedCall),
}

/// Who subscribes, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// The framework, when it has had an id before.
    pub framework: Option<FrameworkId>,
    /// What people see.
    pub name: String,
    /// Its identity over restarts, apart from the name; without one the id is ephemeral.
    pub key: Option<String>,
    /// The roles that it wants offers for; at least one.
    pub roles: Vec<Role>,
    /// Whether it takes over from an earlier scheduler or resumes its own session.
    pub mode: SubscribeMode,
    /// How long its tasks outlive its stream.
    pub failover_timeout: Duration,
    /// What its offers are to be like.
    pub preferences: OfferPreferences,
}

/// What a framework's offers are to be like, whatever its demand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OfferPreferences {
    /// How long an offer stands; the master's own default when none is given. At least [`LEASE_MIN`], at most [`LEASE_MAX`].
    pub lease: Option<Duration>,
    /// Where any offer will do: it must contain one of these at least. The master's own when there is none; at most
    /// [`LEAST_MAX`].
    pub least: Vec<Resources>,
    /// Whether agents with GPUs suit shapes that don't ask for any.
    pub gpu_agents: bool,
    /// Whether agents in other regions than the master's suit shapes without a constraint on the region.
    pub remote_regions: bool,
}

/// How a subscription relates to the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscribeMode {
    /// A new scheduler process: every earlier one is fenced.
    Takeover,
    /// The same process after a lost connection; refused when another has taken over since.
    Resume(Epoch),
}

/// A new version of the demand for a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemandCall {
    /// The role; one that the framework subscribed with.
    pub role: Role,
    /// Rises with every change in one session. A lower or equal one is ignored.
    pub version: u64,
    /// What is wanted now.
    pub demand: Demand,
}

/// Asks why there is no more on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainCall {
    /// The role; one that the framework subscribed with.
    pub role: Role,
    /// A shape to look at instead of those that its demand has open.
    pub shape: Option<Shape>,
}

/// Uses offers: groups of leases of one agent each, with what to do on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// The groups, validated one after another.
    pub groups: Vec<AcceptGroup>,
    /// Whether one refused operation refuses them all. It covers the master's validation, not what agents do later.
    pub all_or_nothing: bool,
    /// For how long what is not used is not offered again.
    pub filter: Duration,
}

/// Leases of one agent and role, and ordered operations on their sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptGroup {
    /// The offers.
    pub leases: Vec<OfferId>,
    /// In order; each sees what the ones before left.
    pub operations: Vec<Operation>,
}

/// One operation of an accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Starts each task in a container of its own.
    Launch(Vec<TaskSpec>),
    /// An operation that the wire knows and that is not built, by its name. Refuses its group.
    Unimplemented(String),
}

/// Gives offers back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decline {
    /// The offers.
    pub offers: Vec<OfferId>,
    /// For how long these agents are not offered again, unless they have more by then.
    pub filter: Duration,
}

/// Ends a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillCall {
    /// The task.
    pub task: TaskId,
    /// From SIGTERM to SIGKILL; the task's own when none is given.
    pub grace: Option<Duration>,
}

/// A task that its scheduler asks about.
///
/// A master that knows the task says its newest state. One that doesn't, since it is new or has forgotten the task, says what
/// follows from the agent:
///
/// | the agent | the answer |
/// |---|---|
/// | has registered in this master's term | UNKNOWN, **with** the agent: it is here and doesn't have the task |
/// | was admitted by an earlier master and is waited for | none: ask again |
/// | is unreachable | UNREACHABLE, with the agent |
/// | was declared gone | GONE_BY_OPERATOR, with the agent |
/// | is not known, or not named | UNKNOWN, **without** an agent: nothing follows; ask again |
///
/// UNKNOWN with the agent is certain for ever: an agent shows all that it has when it registers, keeps what it has until the
/// end is acknowledged, and gets no launch twice. So a launch of which its scheduler has heard STAGING at the most, which is the
/// master's word alone, was DROPPED, and one of which it has heard more is GONE. Which of the two, the scheduler alone can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskQuery {
    /// The task.
    pub task: TaskId,
    /// Where it was launched, if the scheduler knows.
    pub agent: Option<AgentId>,
}

/// About a task of which no more is known.
impl From<TaskId> for TaskQuery {
    fn from(task: TaskId) -> Self {
        Self { task, agent: None }
    }
}

impl fmt::Display for TaskQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task.fmt(f)
    }
}

/// The scheduler has a fact for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledge {
    /// The agent whose fact it is.
    pub agent: AgentId,
    /// The launch that it is about.
    pub launch: LaunchId,
    /// The fact.
    pub fact: FactId,
}

/// A call that was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCall {
    /// Its name, as far as it has one.
    pub call: String,
    /// Why, naming the field.
    pub reason: String,
}

/// To a framework, over one of its sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToFramework {
    /// The session; the receiver drops what is not from its newest.
    pub session: SessionId,
    /// What happened.
    pub event: FrameworkEvent,
}

/// What a framework hears from the master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameworkEvent {
    /// The answer to [`Call::Subscribe`], before anything else.
    Subscribed(Subscribed),
    /// Resources to use, each on a lease.
    Offers(Vec<Offer>),
    /// These offers are no more.
    Rescinded(Vec<OfferId>),
    /// A task's state.
    Update(Box<TaskUpdate>),
    /// The answer to [`Call::Explain`].
    Explained(Box<Explanation>),
    /// One call was refused; the session goes on.
    CallRefused(RefusedCall),
    /// The session is over and reconnecting can't help.
    Ended(SessionEnd),
    /// Nothing; the stream is alive.
    Heartbeat,
}

/// Who one is, as the master sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// The framework's id.
    pub framework: FrameworkId,
    /// The subscription's epoch.
    pub epoch: Epoch,
    /// How often each side says that it is alive.
    pub heartbeat: Duration,
}

/// Why a session is over for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEnd {
    /// The kind of end, for programs.
    pub kind: SessionEndKind,
    /// For people: what happened and what to do.
    pub message: String,
}

/// The kinds of a session's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEndKind {
    /// Another scheduler of this framework has taken over.
    Fenced,
    /// The framework was torn down or its failover timeout passed.
    Removed,
    /// What was said in subscribing can't be accepted.
    Invalid,
}

/// What an offer says of its agent; shared by all its offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedAgent {
    /// The agent.
    pub id: AgentId,
    /// Where it runs, for people and for placement.
    pub hostname: String,
    /// What its operator says of it.
    pub attributes: Attributes,
    /// Where it stands; none when its operator doesn't say.
    pub domain: Option<Domain>,
}

impl OfferedAgent {
    /// An agent of which nothing is said.
    pub fn new(id: AgentId, hostname: impl Into<String>) -> Self {
        Self { id, hostname: hostname.into(), attributes: Attributes::default(), domain: None }
    }
}

/// Resources of one agent that one framework may use for one role, until the lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Unique in the master's term.
    pub id: OfferId,
    /// The role it is for.
    pub role: Role,
    /// Where the resources are.
    pub agent: Arc<OfferedAgent>,
    /// What may be used.
    pub resources: Resources,
    /// How long it stands, counted from when the master hands it to the stream. Expiry counts as a decline.
    pub lease: Duration,
    /// When the agent is expected to be away, if its operator said so.
    pub unavailability: Option<Unavailability>,
}
