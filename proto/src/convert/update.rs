//! What is said about a task, and what was measured of it.

use meros_types::{Exit, Limitation, TaskUpdate, Usage, WallTime};

use super::fields::{display_name, enumerated, optional, optional_id, required, sentence, task_id};
use crate::{WireError, v1};

impl From<TaskUpdate> for v1::TaskUpdate {
    fn from(update: TaskUpdate) -> Self {
        Self {
            task: update.task.into(),
            launch: update.launch.map(Into::into),
            agent: update.agent.map(|id| id.as_bytes().to_vec()),
            state: v1::TaskState::from(update.state).into(),
            source: v1::Source::from(update.source).into(),
            reason: v1::Reason::from(update.reason).into(),
            message: update.message,
            exit: update.exit.map(Into::into),
            usage: update.usage.map(Into::into),
            limitation: update.limitation.map(Into::into),
            fact: update.fact.map(Into::into),
            at_unix_ms: update.at.0,
        }
    }
}

impl TryFrom<v1::TaskUpdate> for TaskUpdate {
    type Error = WireError;
    fn try_from(wire: v1::TaskUpdate) -> Result<Self, WireError> {
        Ok(Self {
            task: task_id(wire.task, "task")?,
            launch: optional(wire.launch, "launch")?,
            agent: optional_id(wire.agent.as_deref(), "agent")?,
            state: enumerated::<v1::TaskState, _>(wire.state, "state")?,
            source: enumerated::<v1::Source, _>(wire.source, "source")?,
            reason: enumerated::<v1::Reason, _>(wire.reason, "reason")?,
            message: sentence(wire.message),
            exit: optional(wire.exit, "exit")?,
            usage: optional(wire.usage, "usage")?,
            limitation: optional(wire.limitation, "limitation")?,
            fact: optional(wire.fact, "fact")?,
            at: WallTime(wire.at_unix_ms),
        })
    }
}

impl From<Exit> for v1::Exit {
    fn from(exit: Exit) -> Self {
        let how = match exit {
            Exit::Code(code) => v1::exit::How::Code(code),
            Exit::Signal(signal) => v1::exit::How::Signal(signal),
        };
        Self { how: Some(how) }
    }
}

impl TryFrom<v1::Exit> for Exit {
    type Error = WireError;
    fn try_from(wire: v1::Exit) -> Result<Self, WireError> {
        match wire.how.ok_or_else(|| WireError::missing("how"))? {
            v1::exit::How::Code(code @ 0..=255) => Ok(Self::Code(code)),
            v1::exit::How::Code(code) => Err(WireError::new("code", format!("{code} is not from 0 to 255"))),
            v1::exit::How::Signal(signal @ 1..=127) => Ok(Self::Signal(signal)),
            v1::exit::How::Signal(signal) => Err(WireError::new("signal", format!("{signal} is not from 1 to 127"))),
        }
    }
}

impl From<Usage> for v1::Usage {
    fn from(usage: Usage) -> Self {
        Self {
            cpu: Some(usage.cpu.into()),
            memory_peak_bytes: usage.memory_peak_bytes,
            throttled_periods: usage.throttled_periods,
            throttled: Some(usage.throttled.into()),
            pids_refused: usage.pids_refused,
            oom_kills: usage.oom_kills,
            wall: Some(usage.wall.into()),
        }
    }
}

impl TryFrom<v1::Usage> for Usage {
    type Error = WireError;
    fn try_from(wire: v1::Usage) -> Result<Self, WireError> {
        Ok(Self {
            cpu: required(wire.cpu, "cpu")?,
            memory_peak_bytes: wire.memory_peak_bytes,
            throttled_periods: wire.throttled_periods,
            throttled: required(wire.throttled, "throttled")?,
            pids_refused: wire.pids_refused,
            oom_kills: wire.oom_kills,
            wall: required(wire.wall, "wall")?,
        })
    }
}

impl From<Limitation> for v1::Limitation {
    fn from(limitation: Limitation) -> Self {
        Self { resource: limitation.resource, limit: limitation.limit, measured: limitation.measured }
    }
}

impl TryFrom<v1::Limitation> for Limitation {
    type Error = WireError;
    fn try_from(wire: v1::Limitation) -> Result<Self, WireError> {
        Ok(Self { resource: display_name(wire.resource, "resource")?, limit: wire.limit, measured: wire.measured })
    }
}
