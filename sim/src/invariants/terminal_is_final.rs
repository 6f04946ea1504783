//! Invariant 8. A final state never changes: not in what agents state, not at the master, not for schedulers. For master and
//! schedulers `GONE_BY_OPERATOR` is one.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::{AgentReport, ClusterState, Fact, FactId, LaunchId, TaskState};

use super::{Invariant, is_about_another, is_over};
use crate::failure::Violation;
use crate::told::Told;
use crate::truth::{Record, Seen};
use crate::wire::Payload;

const NAME: &str = "terminal_is_final";

#[derive(Debug, Default)]
pub(super) struct TerminalIsFinal {
    /// Every fact that was stated. One may be stated again at any time.
    facts: BTreeSet<FactId>,
    stated: BTreeMap<LaunchId, TaskState>,
    known: BTreeMap<LaunchId, TaskState>,
    told: Told<Option<TaskState>>,
}

impl Invariant for TerminalIsFinal {
    fn see(&mut self, _record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Seen::ClientSent(_, Payload::FromAgent(message)) => match &message.report {
                AgentReport::Fact(fact) => self.stated(fact),
                _ => Ok(()),
            },
            Seen::Told(framework, update) if !is_about_another(update) => {
                let before = self.told.now(*framework, &update.task).copied().flatten();
                if let Some(before) = before.filter(|before| !is_silent_about(*before, update.state)) {
                    return broken(format!("task {} is told {} after {before}", update.task, update.state));
                }
                if is_over(update.state) {
                    *self.told.change(*framework, &update.task) = Some(update.state);
                }
                Ok(())
            }
            Seen::Saving(framework, seq) => {
                self.told.saving(*framework, *seq);
                Ok(())
            }
            Seen::Saved(framework, seq) => {
                self.told.is_saved(*framework, *seq);
                Ok(())
            }
            Seen::FrameworkDied(framework) => {
                self.told.forget_unsaved(*framework);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check(&mut self, _record: &Record, state: &ClusterState) -> Result<(), Violation> {
        for task in &state.tasks {
            let now = task.update.state;
            let before = if is_over(now) { *self.known.entry(task.launch).or_insert(now) } else { now };
            let before = self.known.get(&task.launch).copied().unwrap_or(before);
            if before != now {
                return broken(format!("launch {} of task {} is {now} at the master and was {before}", task.launch, task.id()));
            }
        }
        Ok(())
    }
}

impl TerminalIsFinal {
    fn stated(&mut self, fact: &Fact) -> Result<(), Violation> {
        let update = &fact.update;
        let (Some(id), Some(launch)) = (update.fact, update.launch) else {
            return broken(format!("a fact about task {} has no place in its agent's order or no launch", update.task));
        };
        if !self.facts.insert(id) {
            return Ok(());
        }
        match self.stated.get(&launch) {
            Some(state) => broken(format!("launch {launch} is stated {} after {state}", update.state)),
            None if update.state.is_terminal() => {
                self.stated.insert(launch, update.state);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// Whether what is said says nothing against what was: a master that has forgotten the task of a gone agent knows of none, and a
/// session that had seen the agent without it knows that it is gone.
fn is_silent_about(before: TaskState, now: TaskState) -> bool {
    before == TaskState::GoneByOperator && matches!(now, TaskState::Unknown | TaskState::Gone | TaskState::GoneByOperator)
}

fn broken(message: String) -> Result<(), Violation> {
    Err(Violation::new(NAME, message))
}
