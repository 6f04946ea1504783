//! What operators ask of the master, read and checked. Answering is the master's.

use std::time::Duration;

use meros_types::{AgentId, Duty, FrameworkId, LogStream, Role, Shape, TaskId, Window};

use crate::convert::fields::{enumerated, id, optional, optional_id, required, role, task_id};
use crate::convert::operator::window_id;
use crate::{WireError, v1};

/// Ends a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillTask {
    /// Whose it is; none for the one framework that has a task of this id.
    pub framework: Option<FrameworkId>,
    /// The task.
    pub task: TaskId,
    /// From SIGTERM to SIGKILL; the task's own when none is given.
    pub grace: Option<Duration>,
}

/// Ends a framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Teardown {
    /// Which.
    pub framework: FrameworkId,
}

/// Says whether an agent may be offered and its tasks may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetDuty {
    /// Which.
    pub agent: AgentId,
    /// Its duty from now on.
    pub duty: Duty,
}

/// Says that an agent will never return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkGone {
    /// Which.
    pub agent: AgentId,
}

/// Sets a maintenance window, in place of the one of the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetWindow {
    /// The window, as a whole.
    pub window: Window,
}

/// Removes a maintenance window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveWindow {
    /// Which.
    pub id: String,
}

/// Asks why a framework has no more offers than it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explain {
    /// Which.
    pub framework: FrameworkId,
    /// One of its roles; none for all of them.
    pub role: Option<Role>,
    /// A shape to look at; none for those that its demand has open.
    pub shape: Option<Shape>,
}

/// Reads a task's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadLog {
    /// Whose it is; none for the one framework that has a task of this id.
    pub framework: Option<FrameworkId>,
    /// The task.
    pub task: TaskId,
    /// Which output.
    pub stream: LogStream,
    /// The first byte wanted.
    pub offset: u64,
    /// Whether to go on until the task has ended.
    pub follow: bool,
}

impl From<KillTask> for v1::KillTaskRequest {
    fn from(kill: KillTask) -> Self {
        Self {
            framework: kill.framework.map(|id| id.as_bytes().to_vec()),
            task: kill.task.into(),
            grace: kill.grace.map(Into::into),
        }
    }
}

impl TryFrom<v1::KillTaskRequest> for KillTask {
    type Error = WireError;
    fn try_from(kill: v1::KillTaskRequest) -> Result<Self, WireError> {
        Ok(Self {
            framework: optional_id(kill.framework.as_deref(), "framework")?,
            task: task_id(kill.task, "task")?,
            grace: optional(kill.grace, "grace")?,
        })
    }
}

impl From<Teardown> for v1::TeardownRequest {
    fn from(teardown: Teardown) -> Self {
        Self { framework: teardown.framework.as_bytes().to_vec() }
    }
}

impl TryFrom<v1::TeardownRequest> for Teardown {
    type Error = WireError;
    fn try_from(teardown: v1::TeardownRequest) -> Result<Self, WireError> {
        Ok(Self { framework: id(&teardown.framework, "framework")? })
    }
}

impl From<SetDuty> for v1::SetDutyRequest {
    fn from(set: SetDuty) -> Self {
        Self { agent: set.agent.as_bytes().to_vec(), duty: Some(set.duty.into()) }
    }
}

impl TryFrom<v1::SetDutyRequest> for SetDuty {
    type Error = WireError;
    fn try_from(set: v1::SetDutyRequest) -> Result<Self, WireError> {
        Ok(Self { agent: id(&set.agent, "agent")?, duty: required(set.duty, "duty")? })
    }
}

impl From<MarkGone> for v1::MarkGoneRequest {
    fn from(gone: MarkGone) -> Self {
        Self { agent: gone.agent.as_bytes().to_vec() }
    }
}

impl TryFrom<v1::MarkGoneRequest> for MarkGone {
    type Error = WireError;
    fn try_from(gone: v1::MarkGoneRequest) -> Result<Self, WireError> {
        Ok(Self { agent: id(&gone.agent, "agent")? })
    }
}

impl From<SetWindow> for v1::SetWindowRequest {
    fn from(set: SetWindow) -> Self {
        Self { window: Some(set.window.into()) }
    }
}

impl TryFrom<v1::SetWindowRequest> for SetWindow {
    type Error = WireError;
    fn try_from(set: v1::SetWindowRequest) -> Result<Self, WireError> {
        Ok(Self { window: required(set.window, "window")? })
    }
}

impl From<RemoveWindow> for v1::RemoveWindowRequest {
    fn from(remove: RemoveWindow) -> Self {
        Self { id: remove.id }
    }
}

impl TryFrom<v1::RemoveWindowRequest> for RemoveWindow {
    type Error = WireError;
    fn try_from(remove: v1::RemoveWindowRequest) -> Result<Self, WireError> {
        Ok(Self { id: window_id(remove.id, "id")? })
    }
}

impl From<Explain> for v1::ExplainRequest {
    fn from(explain: Explain) -> Self {
        Self {
            framework: explain.framework.as_bytes().to_vec(),
            role: explain.role.map(Into::into),
            shape: explain.shape.map(Into::into),
        }
    }
}

impl TryFrom<v1::ExplainRequest> for Explain {
    type Error = WireError;
    fn try_from(explain: v1::ExplainRequest) -> Result<Self, WireError> {
        Ok(Self {
            framework: id(&explain.framework, "framework")?,
            role: explain.role.map(|text| role(&text, "role")).transpose()?,
            shape: optional(explain.shape, "shape")?,
        })
    }
}

impl From<ReadLog> for v1::ReadLogRequest {
    fn from(read: ReadLog) -> Self {
        Self {
            framework: read.framework.map(|id| id.as_bytes().to_vec()),
            task: read.task.into(),
            stream: v1::LogStream::from(read.stream).into(),
            offset: read.offset,
            follow: read.follow,
        }
    }
}

impl TryFrom<v1::ReadLogRequest> for ReadLog {
    type Error = WireError;
    fn try_from(read: v1::ReadLogRequest) -> Result<Self, WireError> {
        Ok(Self {
            framework: optional_id(read.framework.as_deref(), "framework")?,
            task: task_id(read.task, "task")?,
            stream: enumerated::<v1::LogStream, _>(read.stream, "stream")?,
            offset: read.offset,
            follow: read.follow,
        })
    }
}
