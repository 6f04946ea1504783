//! Who has what of one agent: `total = free + offered + used + releasing`, every part but free with an owner elsewhere.
//!
//! The parts are sums of what offers and tasks hold; [`Master::check`](crate::Master::check) recounts them from those.
//! Absent for now: what gangs hold.

use meros_types::{AddError, Resources};

/// Which part of the ledger something is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// On offer.
    Offered,
    /// A running task's.
    Used,
    /// A task's that was told to end and still has processes.
    Releasing,
}

/// The sums of one registered agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    total: Resources,
    free: Resources,
    parts: [Resources; 3],
}

impl Ledger {
    pub(crate) fn new(total: Resources) -> Self {
        Self { free: total.clone(), total, parts: Default::default() }
    }

    pub(crate) fn total(&self) -> &Resources {
        &self.total
    }

    pub(crate) fn free(&self) -> &Resources {
        &self.free
    }

    pub(crate) fn part(&self, part: Part) -> &Resources {
        &self.parts[part as usize]
    }

    /// Takes from free into a part. An agent's own snapshot may exceed its total: then nothing is free.
    pub(crate) fn add(&mut self, part: Part, resources: &Resources) -> Result<(), AddError> {
        self.parts[part as usize] = self.parts[part as usize].checked_add(resources)?;
        self.settle();
        Ok(())
    }

    /// Gives back from a part to free.
    pub(crate) fn subtract(&mut self, part: Part, resources: &Resources) {
        let rest = self.parts[part as usize].checked_sub(resources);
        self.parts[part as usize] = rest.expect("what leaves a part of the ledger entered it before");
        self.settle();
    }

    fn settle(&mut self) {
        self.free = self.parts.iter().fold(self.total.clone(), |free, part| free.saturating_sub(part));
    }
}
