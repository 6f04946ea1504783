//! The rows of the master's tables: agents, frameworks, offers and tasks. Data only; what happens to it is in the handlers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use meros_types::{
    Epoch, FrameworkId, LaunchId, OfferId, OfferedAgent, Resources, Role, SessionId, TaskId, TaskUpdate, Time, WallTime,
};

use crate::allocator::Purpose;
use crate::event::StreamId;
use crate::ledger::{Ledger, Part};
use crate::table::{AgentIx, ClientIx, FrameworkIx, TaskIx};

/// A stream that has said who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) stream: StreamId,
    pub(crate) session: SessionId,
}

#[derive(Debug)]
pub(crate) struct Agent {
    /// What its offers say of it.
    pub(crate) offered: Arc<OfferedAgent>,
    pub(crate) link: Option<Link>,
    /// None while it is unreachable: then it is in no sum.
    pub(crate) ledger: Option<Ledger>,
    pub(crate) offers: BTreeSet<OfferId>,
    /// Its tasks that are not terminal, as far as the master knows.
    pub(crate) tasks: BTreeSet<TaskIx>,
}

#[derive(Debug)]
pub(crate) struct Framework {
    pub(crate) id: FrameworkId,
    pub(crate) name: String,
    pub(crate) key: Option<String>,
    pub(crate) epoch: Epoch,
    pub(crate) link: Option<Link>,
    pub(crate) failover_timeout: Duration,
    /// When its stream was lost; none while it has one.
    pub(crate) lost_at: Option<Time>,
    /// Torn down or timed out: it stays until its last task is over.
    pub(crate) removed: bool,
    /// The roles it subscribed with, and those that its tasks are charged to.
    pub(crate) clients: BTreeMap<Role, ClientIx>,
    pub(crate) subscribed: BTreeSet<Role>,
    /// The newest version of demand for each role in this session.
    pub(crate) demand_versions: BTreeMap<Role, u64>,
    pub(crate) offers: BTreeSet<OfferId>,
    /// Live tasks, and ended ones that are still remembered.
    pub(crate) tasks: BTreeMap<TaskId, TaskIx>,
    pub(crate) live_tasks: u64,
}

impl Framework {
    pub(crate) fn is_connected(&self) -> bool {
        self.link.is_some()
    }
}

#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) client: ClientIx,
    pub(crate) framework: FrameworkIx,
    pub(crate) agent: AgentIx,
    pub(crate) role: Role,
    pub(crate) resources: Resources,
    pub(crate) purpose: Purpose,
    pub(crate) expires: Time,
    pub(crate) at: WallTime,
}

#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) framework: FrameworkIx,
    pub(crate) client: ClientIx,
    pub(crate) role: Role,
    pub(crate) agent: AgentIx,
    pub(crate) name: String,
    pub(crate) launch: LaunchId,
    pub(crate) resources: Resources,
    /// The part of its agent's ledger that its resources are in; none when it holds none.
    pub(crate) part: Option<Part>,
    /// Whether its agent has ever spoken of it. If not, its launch may have been lost on the way.
    pub(crate) reported: bool,
    pub(crate) update: TaskUpdate,
}

impl Task {
    pub(crate) fn is_live(&self) -> bool {
        !self.update.state.is_terminal()
    }
}
