//! Invariant 7. A task whose scheduler was told DROPPED has not started and never will. One that is GONE starts no more.

use std::collections::BTreeSet;

use meros_types::{LaunchId, TaskId, TaskState, TaskUpdate};

use super::{Invariant, is_about_another};
use crate::failure::Violation;
use crate::truth::{Record, Seen};

const NAME: &str = "dropped_never_starts";

#[derive(Debug, Default)]
pub(super) struct DroppedNeverStarts {
    launches: BTreeSet<LaunchId>,
    /// Those whose scheduler never learned of a launch.
    tasks: BTreeSet<(usize, TaskId)>,
}

impl Invariant for DroppedNeverStarts {
    fn see(&mut self, record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Seen::Told(framework, update) if !is_about_another(update) => self.told(record, *framework, update),
            Seen::Began(agent, Some(launch)) => {
                let owner = record.launches.get(launch).and_then(|truth| Some((truth.framework?, truth.task.clone())));
                if self.launches.contains(launch) || owner.is_some_and(|owner| self.tasks.contains(&owner)) {
                    let message =
                        format!("launch {launch} started on agent-{agent} after its scheduler was told that it never will");
                    return Err(Violation::new(NAME, message));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl DroppedNeverStarts {
    fn told(&mut self, record: &Record, framework: usize, update: &TaskUpdate) -> Result<(), Violation> {
        if !matches!(update.state, TaskState::Dropped | TaskState::Gone) {
            return Ok(());
        }
        match update.launch {
            Some(launch) => drop(self.launches.insert(launch)),
            None => drop(self.tasks.insert((framework, update.task.clone()))),
        }
        let of_this = |launch: &LaunchId| update.launch.is_none_or(|only| only == *launch);
        let started = record.launches_of(framework, &update.task).find(|(launch, truth)| of_this(launch) && truth.starts > 0);
        match started.filter(|_| update.state == TaskState::Dropped) {
            None => Ok(()),
            Some((launch, _)) => {
                Err(Violation::new(NAME, format!("task {} is told DROPPED and launch {launch} had started", update.task)))
            }
        }
    }
}
