//! What operators ask of the master, read and checked. Answering is the master's.

use std::time::Duration;

use meros_types::{FrameworkId, LogStream, TaskId};

use crate::convert::fields::{enumerated, id, optional, optional_id, task_id};
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
