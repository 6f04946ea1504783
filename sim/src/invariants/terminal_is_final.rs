//! Invariant 8. A final state never changes: not in what agents state, not at the master, not for schedulers.

use std::collections::BTreeMap;

use meros_types::{AgentReport, ClusterState, Fact, FactId, LaunchId, TaskId, TaskState};

use super::{Invariant, is_about_another};
use crate::failure::Violation;
use crate::truth::{Record, Seen};
use crate::wire::Payload;

const NAME: &str = "terminal_is_final";

#[derive(Debug, Default)]
pub(super) struct TerminalIsFinal {
    stated: BTreeMap<LaunchId, (FactId, TaskState)>,
    known: BTreeMap<LaunchId, TaskState>,
    told: BTreeMap<(usize, TaskId), TaskState>,
}

impl Invariant for TerminalIsFinal {
    fn see(&mut self, _record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Seen::ClientSent(_, Payload::FromAgent(message)) => match &message.report {
                AgentReport::Fact(fact) => self.stated(fact),
                _ => Ok(()),
            },
            Seen::Told(framework, update) if !is_about_another(update) => {
                let key = (*framework, update.task.clone());
                if let Some(before) = self.told.get(&key) {
                    return broken(format!("task {} is told {} after {before}", update.task, update.state));
                }
                if update.state.is_terminal() {
                    self.told.insert(key, update.state);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn check(&mut self, _record: &Record, state: &ClusterState) -> Result<(), Violation> {
        for task in &state.tasks {
            let now = task.update.state;
            let before = if now.is_terminal() { *self.known.entry(task.launch).or_insert(now) } else { now };
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
        match self.stated.get(&launch) {
            // What was stated earlier may be stated again later.
            Some((last, state)) if id > *last || (id == *last && update.state != *state) => {
                broken(format!("launch {launch} is stated {} after {state}", update.state))
            }
            None if update.state.is_terminal() => {
                self.stated.insert(launch, (id, update.state));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn broken(message: String) -> Result<(), Violation> {
    Err(Violation::new(NAME, message))
}
