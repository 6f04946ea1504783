//! What must hold over all lives of an agent, whatever happens to it.

use std::collections::{BTreeMap, BTreeSet};

use meros_agent_core::{ContainerPlan, Record};
use meros_types::{ContainerId, Fact, FactId, FrameworkId, LaunchId, TaskUpdate};

use super::log::TestLog;

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// Whose container each is, by the log.
    launches: BTreeMap<ContainerId, LaunchId>,
    started: BTreeSet<LaunchId>,
    /// Facts in the order of their records, over all lives.
    order: BTreeMap<FactId, usize>,
    /// The newest of each framework that was sent.
    newest: BTreeMap<FrameworkId, usize>,
    /// Every fact that was sent, and when it was final, the end of its launch.
    pub(crate) sent: BTreeMap<FactId, Fact>,
    pub(crate) ends: BTreeMap<LaunchId, TaskUpdate>,
    pub(crate) acknowledged: BTreeSet<FactId>,
    sent_in_session: BTreeSet<FactId>,
    /// What was started and a power loss made the log forget.
    forgotten: BTreeSet<LaunchId>,
}

impl Oracle {
    pub(super) fn see_record(&mut self, record: &Record) {
        match record {
            Record::Launch { container, launch, .. } => drop(self.launches.insert(*container, *launch)),
            Record::Fact { update, .. } => {
                let place = self.order.len();
                self.order.insert(update.fact.unwrap(), place);
            }
            _ => {}
        }
    }

    pub(super) fn see_start(&mut self, plan: &ContainerPlan, log: &TestLog) {
        let launch = self.launches[&plan.container];
        assert!(self.started.insert(launch), "launch {launch} is started twice");
        let is_it = |record: &Record| matches!(record, Record::Launch { container, .. } if *container == plan.container);
        assert!(log.file.iter().any(is_it), "launch {launch} is started before it is recorded");
    }

    pub(super) fn see_fact(&mut self, fact: &Fact, log: &TestLog) {
        let id = fact.update.fact.unwrap();
        let safe = if fact.update.state.is_terminal() { &log.facts_on_disk } else { &log.facts_in_file };
        assert!(safe.contains(&id), "a fact is sent that a crash could undo: {fact:?}");
        self.sent_in_session.insert(id);
        let before = self.sent.insert(id, fact.clone());
        assert!(before.as_ref().is_none_or(|before| before == fact), "a fact has changed: {before:?}, {fact:?}");
        if before.is_none() {
            let place = self.order[&id];
            let newest = self.newest.insert(fact.framework, place);
            assert!(newest.is_none_or(|newest| newest < place), "a fact overtook another: {fact:?}");
        }
        if fact.update.state.is_terminal() {
            let end = self.ends.entry(fact.update.launch.unwrap()).or_insert_with(|| fact.update.clone());
            assert_eq!(*end, fact.update, "an end has changed");
        }
    }

    pub(super) fn see_registration(&mut self) {
        self.sent_in_session.clear();
    }

    /// A power loss has left this of the log.
    pub(super) fn see_power_loss(&mut self, left: &[Record]) {
        let is_left =
            |launch: &LaunchId| left.iter().any(|record| matches!(record, Record::Launch { launch: of, .. } if of == launch));
        let lost: Vec<LaunchId> = self.started.iter().filter(|launch| !is_left(launch)).copied().collect();
        self.forgotten.extend(lost);
    }

    /// Whatever was final and that nobody has was told in this session again.
    pub(crate) fn check_session(&self) {
        for end in self.ends.values().map(|end| end.fact.unwrap()) {
            let is_known = self.acknowledged.contains(&end) || self.sent_in_session.contains(&end);
            assert!(is_known, "an end that was sent, and that nobody acknowledged, is lost: {end:?}");
        }
    }

    /// The end of everything that was started was told.
    pub(crate) fn check_ends(&self) {
        for launch in self.started.difference(&self.forgotten) {
            assert!(self.ends.contains_key(launch), "nobody was told how launch {launch} ended");
        }
    }

    /// What was sent and is not acknowledged.
    pub(crate) fn unacknowledged(&self) -> Vec<FactId> {
        self.sent.keys().filter(|id| !self.acknowledged.contains(id)).copied().collect()
    }
}
