//! What the master waits for, apart from leases and filters, which know their own order.

use std::collections::BTreeSet;

use meros_types::{AgentId, FrameworkId, Time};

use crate::event::StreamId;

/// Something whose time comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Say on this stream that the master lives.
    Heartbeat(StreamId),
    /// See whether this stream's peer has said anything lately.
    Silence(StreamId),
    /// An agent without a stream is unreachable, unless it came back.
    AgentLost(AgentId),
    /// A framework without a stream is removed, unless it came back.
    FrameworkLost(FrameworkId),
    /// The tasks of a draining agent have had their time.
    Drain(AgentId),
    /// The maintenance window that ends first is over.
    WindowOver,
}

/// Timers by time. A stream's that no longer applies is ignored when it comes due: cheaper than finding it, and it is soon. A
/// framework's may be due in a week: those of agents, frameworks and windows are cancelled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Time, Timer)>);

impl Timers {
    pub(crate) fn set(&mut self, at: Time, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(crate) fn cancel(&mut self, at: Time, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    pub(crate) fn contains(&self, at: Time, timer: Timer) -> bool {
        self.0.contains(&(at, timer))
    }

    pub(crate) fn next(&self) -> Option<Time> {
        self.0.first().map(|(at, _)| *at)
    }

    pub(crate) fn due(&mut self, now: Time) -> Option<Timer> {
        let (at, timer) = *self.0.first()?;
        (at <= now).then(|| {
            self.0.remove(&(at, timer));
            timer
        })
    }
}
