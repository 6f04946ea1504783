//! An offer in the scheduler's hands. Owned: what is left of it and what is decided on it. Absent: sending the answer, which
//! the host composes when the callback has returned.

use std::sync::Arc;
use std::time::Duration;

use meros_types::{Attributes, Domain, FILTER_DEFAULT, OfferId, OfferedAgent, Resources, Role, Shape, TaskSpec, Unavailability};

use crate::limits::OFFER_BYTES_MAX;
use crate::{LaunchError, spec};

/// Resources of one agent, lent to the scheduler: to launch tasks on, to hold, or to let go.
#[derive(Debug)]
pub struct Offer {
    lent: meros_types::Offer,
    launches: Vec<TaskSpec>,
    launches_bytes: usize,
    filter: Duration,
    pub(crate) fate: Fate,
}

/// What becomes of an offer without launches when the callback returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing was said: it goes back.
    Open,
    /// It goes back, and no launch may change that.
    Declined,
    /// It stays.
    Held,
}

/// What the host needs of an offer to answer it.
pub(crate) struct Answer {
    pub(crate) id: OfferId,
    pub(crate) agent: Arc<OfferedAgent>,
    pub(crate) launches: Vec<TaskSpec>,
    pub(crate) filter: Duration,
}

impl Offer {
    pub(crate) fn new(lent: meros_types::Offer) -> Self {
        Self { lent, launches: Vec::new(), launches_bytes: 0, filter: FILTER_DEFAULT, fate: Fate::Open }
    }

    /// Its id.
    pub fn id(&self) -> OfferId {
        self.lent.id
    }

    /// The role whose share it is charged to.
    pub fn role(&self) -> &Role {
        &self.lent.role
    }

    /// Whose resources they are.
    pub fn agent(&self) -> &OfferedAgent {
        &self.lent.agent
    }

    /// Where the agent runs.
    pub fn hostname(&self) -> &str {
        &self.lent.agent.hostname
    }

    /// What the agent's operator says of it.
    pub fn attributes(&self) -> &Attributes {
        &self.lent.agent.attributes
    }

    /// Where the agent stands; none when its operator doesn't say.
    pub fn domain(&self) -> Option<&Domain> {
        self.lent.agent.domain.as_ref()
    }

    /// When the agent is expected to be away, if its operator has said so.
    pub fn unavailability(&self) -> Option<Unavailability> {
        self.lent.unavailability
    }

    /// How long it stands, from when the master sent it.
    pub fn lease(&self) -> Duration {
        self.lent.lease
    }

    /// What is left of it after the launches so far.
    pub fn resources(&self) -> &Resources {
        &self.lent.resources
    }

    /// Whether `resources` are left. For a whole [`Shape`], with its ports and constraints, ask [`Offer::suits`].
    pub fn fits(&self, resources: &Resources) -> bool {
        self.lent.resources.contains(resources)
    }

    /// Whether a copy of `shape` is left, and the agent is like what its constraints say; by the same rule as the master's.
    pub fn suits(&self, shape: &Shape) -> bool {
        self.fitting(shape) > 0
    }

    /// How many copies of `shape` are left, at most as many as it asks for; none when a constraint of it excludes the agent. By
    /// the same rule as the master's.
    pub fn fitting(&self, shape: &Shape) -> u64 {
        match shape.excluded_by(&self.lent.agent) {
            Some(_) => 0,
            None => shape.fitting(&self.lent.resources),
        }
    }

    /// Starts `task` on this offer, out of what is left. The offer is answered with all its launches when the callback
    /// returns; the rest goes back.
    ///
    /// # Errors
    /// [`LaunchError`] when the task can't be accepted. The offer is as before.
    pub fn launch(&mut self, task: TaskSpec) -> Result<(), LaunchError> {
        if self.fate == Fate::Declined {
            return Err(LaunchError::Declined { task: task.id });
        }
        if let Some(reason) = spec::fault(&task) {
            return Err(LaunchError::Invalid { task: task.id, reason });
        }
        let bytes = self.launches_bytes + spec::wire_bytes(&task);
        if bytes > OFFER_BYTES_MAX {
            return Err(LaunchError::TooLarge { task: task.id, bytes, max: OFFER_BYTES_MAX });
        }
        match self.lent.resources.checked_sub(&task.resources) {
            Ok(left) => self.lent.resources = left,
            Err(shortfall) => return Err(LaunchError::Shortfall { task: task.id, shortfall }),
        }
        self.launches_bytes = bytes;
        self.launches.push(task);
        Ok(())
    }

    /// Gives back what is left, as would happen anyway, and no more launches. Ends holding it.
    pub fn decline(&mut self) {
        self.fate = Fate::Declined;
    }

    /// Gives back what is left; it is not offered again for `filter`, unless the agent has more by then or the demand
    /// changes. At most a day.
    pub fn decline_for(&mut self, filter: Duration) {
        self.filter = filter.min(meros_types::FILTER_MAX);
        self.decline();
    }

    /// Whether the scheduler has decided something on it that the master must hear.
    pub(crate) fn is_answered(&self) -> bool {
        self.fate == Fate::Declined || !self.launches.is_empty()
    }

    pub(crate) fn into_answer(self) -> Answer {
        Answer { id: self.lent.id, agent: self.lent.agent, launches: self.launches, filter: self.filter }
    }
}
