//! The rows of the master's tables: agents, frameworks, offers and tasks. Data only; what happens to it is in the handlers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use meros_types::{
    AgentSecret, BootId, Call, Duty, Epoch, FrameworkId, LaunchId, OfferId, OfferPreferences, OfferedAgent, Reason, Resources,
    Role, SessionId, Subscribe, TaskId, TaskUpdate, Term, Time, Unavailability, WallTime,
};

use crate::allocator::Purpose;
use crate::duty::Decision;
use crate::event::{StreamId, Token};
use crate::ledger::{Ledger, Part};
use crate::registry::FrameworkRecord;
use crate::table::{AgentIx, ClientIx, FrameworkIx, TaskIx};

/// A stream that has said who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) stream: StreamId,
    pub(crate) session: SessionId,
}

#[derive(Debug)]
pub(crate) struct Agent {
    /// What its offers say of it; without attributes until it registers with this master.
    pub(crate) offered: Arc<OfferedAgent>,
    pub(crate) secret: AgentSecret,
    /// The boot of its machine when it registered last; none before it registers with this master.
    pub(crate) boot: Option<BootId>,
    pub(crate) link: Option<Link>,
    /// When it will be unreachable; none while it has a stream, or is so already.
    pub(crate) lost_at: Option<Time>,
    /// Since when it is unreachable; none while it is not.
    pub(crate) lost_since: Option<WallTime>,
    /// What operators want of it, stored or not.
    pub(crate) decision: Decision,
    /// What is stored of that.
    pub(crate) duty: Duty,
    /// Whether it may not be offered: an operator has decided so, or that it may be again is not stored yet.
    pub(crate) withheld: bool,
    /// When its tasks are told to end; none if it is not draining, or that time is over.
    pub(crate) drains_at: Option<Time>,
    /// When it is expected to be away next.
    pub(crate) unavailability: Option<Unavailability>,
    /// Whether an earlier master knew it, and it has neither registered with this one nor timed out.
    pub(crate) awaited: bool,
    /// Whether it will never return. The row stays until its last task is forgotten.
    pub(crate) gone: bool,
    /// None while it is unreachable or has not registered with this master yet: then it is in no sum.
    pub(crate) ledger: Option<Ledger>,
    pub(crate) offers: BTreeSet<OfferId>,
    /// Its live tasks, and ended ones that are still remembered.
    pub(crate) tasks: BTreeSet<TaskIx>,
}

impl Agent {
    /// What nobody has of it.
    pub(crate) fn free(&self) -> &Resources {
        const NONE: &Resources = &Resources::none();
        self.ledger.as_ref().map_or(NONE, Ledger::free)
    }
}

/// What is certain of a framework.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameworkStanding {
    /// It is to be. Nobody is told of it before it is stored.
    Entering,
    /// Only agents speak of it: it was removed so long ago that this is forgotten, or never subscribed here. It can't any more.
    Unregistered,
    /// It is stored.
    Registered,
    /// It was torn down, or timed out, for good. The row stays until its last task is forgotten.
    Removed,
}

/// A subscriber that is admitted when that is stored.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) stream: StreamId,
    pub(crate) subscribe: Subscribe,
    /// What it said after SUBSCRIBE.
    pub(crate) calls: Vec<Call>,
    pub(crate) failover_timeout: Duration,
    /// What it will be admitted with, once the write of that is under way.
    pub(crate) epoch: Option<Epoch>,
}

/// A removal that is complete when it is stored.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) why: &'static str,
    /// The operators who are told then.
    pub(crate) tokens: Vec<Token>,
}

#[derive(Debug)]
pub(crate) struct Framework {
    pub(crate) id: FrameworkId,
    pub(crate) name: String,
    pub(crate) key: Option<String>,
    pub(crate) principal: String,
    /// The highest that is stored, or that an agent has seen.
    pub(crate) epoch: Epoch,
    /// The highest that is stored.
    pub(crate) stored_epoch: Epoch,
    pub(crate) link: Option<Link>,
    pub(crate) failover_timeout: Duration,
    /// When it will be removed for want of a stream; none while it has one or is about to, or is removed already.
    pub(crate) lost_at: Option<Time>,
    /// The same by the calendar.
    pub(crate) deadline: Option<WallTime>,
    pub(crate) standing: FrameworkStanding,
    /// Its record, as it is stored or on its way.
    pub(crate) stored: Option<FrameworkRecord>,
    /// The newest subscriber that needs a write.
    pub(crate) waiting: Option<Waiting>,
    /// What it was removed for, until that is stored.
    pub(crate) ending: Option<Ending>,
    /// The roles it subscribed with, and those that its tasks are charged to.
    pub(crate) clients: BTreeMap<Role, ClientIx>,
    pub(crate) subscribed: BTreeSet<Role>,
    /// What its offers are to be like, by its newest subscription.
    pub(crate) preferences: OfferPreferences,
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

    pub(crate) fn is_removed(&self) -> bool {
        self.standing == FrameworkStanding::Removed
    }

    /// Whether people are shown it: neither one that may never be, nor one of which only the ends of tasks are remembered.
    pub(crate) fn is_shown(&self) -> bool {
        match self.standing {
            FrameworkStanding::Entering => false,
            FrameworkStanding::Unregistered | FrameworkStanding::Registered => true,
            FrameworkStanding::Removed => self.live_tasks > 0,
        }
    }

    /// Whether its timeout is to run: nobody is its scheduler, or is about to be, and it is not ending.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.link.is_none() && self.waiting.is_none() && self.ending.is_none() && !self.is_removed()
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
    /// From SIGTERM to SIGKILL, if this master launched it; only its agent knows that of others.
    pub(crate) kill_grace: Option<Duration>,
    /// Whether its agent is gone for good, so that nothing will be heard of it though its state is no certain end.
    pub(crate) given_up: bool,
    /// Whether it is among the ended tasks that are forgotten when there are too many.
    pub(crate) forgettable: bool,
    pub(crate) update: TaskUpdate,
}

impl Task {
    pub(crate) fn is_live(&self) -> bool {
        !self.update.state.is_terminal() && !self.given_up
    }

    /// Whether it has ended without how that came about: an agent's snapshot said no more, and the fact of it follows. A scheduler
    /// would take it for the last word.
    pub(crate) fn is_bare_end(&self) -> bool {
        !self.is_live() && self.update.fact.is_none() && self.update.reason == Reason::AgentReturned
    }

    /// Whether it has ended, as its agent has stated, and its framework has yet to acknowledge that.
    pub(crate) fn awaits_word(&self) -> bool {
        !self.is_live() && self.update.fact.is_some() && !self.forgettable
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
