//! What can happen to a master. Past tense: the shell reports, the core decides.

use std::time::Duration;

use meros_types::{AgentId, Duty, FrameworkId, FromAgent, FromFramework, LogStream, Role, RolesUpdate, Shape, TaskId, Window};

/// One connection, as the shell numbers it. Never used twice in one life of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// The number of a request that somebody waits on; the shell keeps the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// Something that happened outside the core.
#[derive(Clone, Debug)]
pub enum Event {
    /// A framework's stream carried a message. Its first must subscribe.
    FrameworkSaid {
        /// The stream.
        stream: StreamId,
        /// What it said.
        message: FromFramework,
    },
    /// A framework's stream is gone, whoever ended it. Also told after [`Effect::CloseStream`](crate::Effect::CloseStream), and ignored then.
    FrameworkClosed {
        /// The stream.
        stream: StreamId,
    },
    /// An agent's stream carried a message. Its first must register.
    AgentSaid {
        /// The stream.
        stream: StreamId,
        /// What it said.
        message: FromAgent,
    },
    /// An agent's stream is gone, whoever ended it.
    AgentClosed {
        /// The stream.
        stream: StreamId,
    },
    /// An operator or the web asks something; answered by one [`Effect::Reply`](crate::Effect::Reply) with this token.
    Asked {
        /// The number to answer to.
        token: Token,
        /// What is asked.
        request: Request,
    },
    /// The transaction of this [`Effect::Persist`](crate::Effect::Persist), and every one before it, survive the machine.
    Durable {
        /// Its number.
        seq: u64,
    },
    /// The moment that [`Master::wakeup`](crate::Master::wakeup) named has come, or passed.
    TimePassed,
}

/// What operators ask.
#[derive(Clone, Debug)]
pub enum Request {
    /// The whole cluster.
    State,
    /// The counters of [`Counters`](crate::Counters) and gauges, for metrics.
    Metrics,
    /// End a task.
    KillTask {
        /// Whose; needed only when several frameworks have a task of this id.
        framework: Option<FrameworkId>,
        /// Which.
        task: TaskId,
        /// From SIGTERM to SIGKILL; the task's own when none is given.
        grace: Option<Duration>,
    },
    /// End a framework and every task of it, for good.
    Teardown {
        /// Which.
        framework: FrameworkId,
    },
    /// Read a task's output: the agent is told to open a log stream that carries the token's number.
    OpenLog {
        /// Whose; needed only when several frameworks have a task of this id.
        framework: Option<FrameworkId>,
        /// Which.
        task: TaskId,
        /// Which output.
        stream: LogStream,
        /// The first byte wanted.
        offset: u64,
        /// Whether to go on until the task has ended.
        follow: bool,
    },
    /// Change how roles share, all of it or nothing.
    UpdateRoles(RolesUpdate),
    /// Say whether an agent may be offered, and whether its tasks may stay.
    SetDuty {
        /// Which.
        agent: AgentId,
        /// From now on; [`Duty::Active`] reactivates it.
        duty: Duty,
    },
    /// Say that an agent will never return.
    MarkGone {
        /// Which.
        agent: AgentId,
    },
    /// Set a maintenance window, in place of the one of its name if there is one.
    SetWindow(Window),
    /// Remove a maintenance window.
    RemoveWindow {
        /// Its name.
        id: String,
    },
    /// Why is there no more on offer to a framework?
    Explain {
        /// Which.
        framework: FrameworkId,
        /// In which of its roles; all that it subscribed with when none is given.
        role: Option<Role>,
        /// A shape to look at instead of those that its demand has open.
        shape: Option<Shape>,
    },
}
