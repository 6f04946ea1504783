//! The rows of the master's tables: agents, frameworks, offers and tasks. Data only; what happens to it is in the handlers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use meros_types::{
    Epoch, FrameworkId, Incarnation, LaunchId, OfferId, OfferedAgent, Resources, Role, SessionId, TaskId, TaskUpdate, Term, Time,
    WallTime,
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
    /// The life of its process that registered last.
    pub(crate) incarnation: Incarnation,
    pub(crate) link: Option<Link>,
    /// When it will be unreachable; none while it has a stream, or is so already.
    pub(crate) lost_at: Option<Time>,
    /// None while it is unreachable: then it is in no sum.
    pub(crate) ledger: Option<Ledger>,
    pub(crate) offers: BTreeSet<OfferId>,
    /// Its live tasks, and ended ones that are still remembered.
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
    /// When it will be removed for want of a stream; none while it has one, or is removed already.
    pub(crate) lost_at: Option<Time>,
    /// Torn down or timed out: it stays until its last task is over.
    pub(crate) removed: bool,
    /// The roles it subscribed with, and those that its tasks are charged to.
    pub(crate) clients: BTreeMap<Role, ClientIx>,
    pub(crate) subscribed: BTreeSet<Role>,
    /// The newest version of demand for each role in this session.
    pub(crate) demand_versions: BTreeMap<Role, u64>,
    pub(crate) offers: BTreeSet<OfferId>,
    /// Live tasks, and ended ones that are still remembered. By launch too: an id is used once in what this master launches,
    /// but not in what agents bring from an earlier one.
    pub(crate) tasks: BTreeMap<(TaskId, LaunchId), TaskIx>,
    pub(crate) live_tasks: u64,
}

impl Framework {
    pub(crate) fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// Its tasks of this id: none or one, unless agents brought others.
    pub(crate) fn tasks_named(&self, id: &TaskId) -> impl Iterator<Item = TaskIx> {
        let lowest = LaunchId { term: Term(0), n: 0 };
        self.tasks.range((id.clone(), lowest)..).take_while(move |((named, _), _)| named == id).map(|(_, ix)| *ix)
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
    /// Whether it is among the ended tasks that are forgotten when there are too many.
    pub(crate) forgettable: bool,
    pub(crate) update: TaskUpdate,
}

impl Task {
    pub(crate) fn is_live(&self) -> bool {
        !self.update.state.is_terminal()
    }

    /// Whether what is known of it is a later fact than this statement: agents repeat their facts, in order, and the earlier
    /// ones of them are no news.
    pub(crate) fn has_later_fact_than(&self, update: &TaskUpdate) -> bool {
        match (self.update.fact, update.fact) {
            (Some(known), Some(fact)) => known.incarnation == fact.incarnation && fact.n < known.n,
            _ => false,
        }
    }
}
