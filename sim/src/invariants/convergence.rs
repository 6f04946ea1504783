//! Invariant 15. With the faults over, within a bound: every agent that runs is in session, the scheduler, the master and the
//! machines agree on what lives, and no end is unheard. Absent: the waiting, which is the cluster's.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::{ClusterState, FrameworkId, TaskId, TaskState};

use super::{is_charged, is_over};
use crate::failure::Violation;
use crate::truth::Record;

const NAME: &str = "convergence";

/// A view of the whole cluster in which it may have settled.
pub(crate) struct Settled<'a> {
    pub(crate) record: &'a Record,
    pub(crate) state: &'a ClusterState,
    /// What each framework that runs sees as live.
    pub(crate) schedulers: BTreeMap<usize, BTreeSet<TaskId>>,
}

impl Settled<'_> {
    /// What keeps the cluster from having settled.
    pub(crate) fn check(&self) -> Result<(), Violation> {
        self.agents_are_registered()?;
        self.machines_and_master_agree()?;
        self.facts_are_acknowledged()?;
        self.schedulers_and_master_agree()
    }

    fn facts_are_acknowledged(&self) -> Result<(), Violation> {
        for (index, machine) in self.record.machines.iter().enumerate().filter(|(_, machine)| machine.up) {
            // A framework whose process does not come back leaves its facts to its failover timeout.
            let is_up = |id: FrameworkId| self.record.framework_of(id).is_some_and(|index| self.record.frameworks[index].up);
            if let Some((fact, _)) = machine.unacknowledged.iter().find(|(_, framework)| is_up(**framework)) {
                return broken(format!("agent-{index} still repeats fact {}", fact.n));
            }
        }
        Ok(())
    }

    fn agents_are_registered(&self) -> Result<(), Violation> {
        for (index, machine) in self.record.machines.iter().enumerate().filter(|(_, machine)| machine.up) {
            let connected = |agent: &meros_types::AgentState| Some(agent.id) == machine.id && agent.connected;
            if !self.state.agents.iter().any(connected) {
                return broken(format!("agent-{index} runs and is not registered"));
            }
        }
        Ok(())
    }

    fn machines_and_master_agree(&self) -> Result<(), Violation> {
        let at_master: BTreeMap<_, _> = self.state.tasks.iter().map(|task| (task.launch, task.update.state)).collect();
        for (index, machine) in self.record.machines.iter().enumerate() {
            for launch in &machine.lives {
                let state = at_master.get(launch);
                if !matches!(state, Some(TaskState::Running | TaskState::Killing)) {
                    return broken(format!("launch {launch} lives on agent-{index} and is {state:?} at the master"));
                }
            }
        }
        for task in self.state.tasks.iter().filter(|task| is_charged(task.update.state)) {
            if !self.record.launches.get(&task.launch).is_some_and(|truth| truth.lives) {
                let (launch, state) = (task.launch, task.update.state);
                return broken(format!("launch {launch} of task {} is {state} at the master and has no process", task.id()));
            }
        }
        Ok(())
    }

    fn schedulers_and_master_agree(&self) -> Result<(), Violation> {
        let ids: BTreeMap<_, _> = self.record.frameworks.iter().enumerate().filter_map(|(at, it)| Some((it.id?, at))).collect();
        let mut at_master: BTreeMap<usize, BTreeSet<TaskId>> = BTreeMap::new();
        for task in self.state.tasks.iter().filter(|task| !is_over(task.update.state)) {
            if let Some(framework) = ids.get(&task.framework) {
                at_master.entry(*framework).or_default().insert(task.id().clone());
            }
        }
        for (framework, seen) in &self.schedulers {
            let known = at_master.remove(framework).unwrap_or_default();
            if let Some(task) = seen.symmetric_difference(&known).next() {
                let who = if seen.contains(task) { "its scheduler" } else { "the master" };
                return broken(format!("task {task} of framework-{framework} is live for {who} alone"));
            }
        }
        Ok(())
    }
}

fn broken(message: String) -> Result<(), Violation> {
    Err(Violation::new(NAME, message))
}
