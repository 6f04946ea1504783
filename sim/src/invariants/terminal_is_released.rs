//! Invariant 9. Terminal means released: when an agent states it, the master records it or a scheduler is told, no process of
//! the task lives.

use meros_types::{AgentReport, ClusterState, LaunchId};

use super::{Invariant, is_about_another};
use crate::failure::Violation;
use crate::truth::{Record, Seen};
use crate::wire::Payload;

const NAME: &str = "terminal_is_released";

#[derive(Debug)]
pub(super) struct TerminalIsReleased;

impl Invariant for TerminalIsReleased {
    fn see(&mut self, record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Seen::ClientSent(_, Payload::FromAgent(message)) => match &message.report {
                AgentReport::Fact(fact) if fact.update.state.is_terminal() => {
                    check(record, fact.update.launch, "its agent states that it has ended")
                }
                _ => Ok(()),
            },
            Seen::Told(framework, update) if update.state.is_terminal() && !is_about_another(update) => {
                let of_this = |launch: LaunchId| update.launch.is_none_or(|only| only == launch);
                let launches = record.launches_of(*framework, &update.task).filter(|(launch, _)| of_this(*launch));
                launches.map(|(launch, _)| launch).try_for_each(|launch| check(record, Some(launch), "its scheduler is told so"))
            }
            _ => Ok(()),
        }
    }

    fn check(&mut self, record: &Record, state: &ClusterState) -> Result<(), Violation> {
        let ended = state.tasks.iter().filter(|task| task.update.state.is_terminal());
        ended.map(|task| task.launch).try_for_each(|launch| check(record, Some(launch), "the master has it as ended"))
    }
}

fn check(record: &Record, launch: Option<LaunchId>, who: &str) -> Result<(), Violation> {
    let living =
        launch.and_then(|launch| record.launches.get(&launch).map(|truth| (launch, truth))).filter(|(_, truth)| truth.lives);
    match living {
        None => Ok(()),
        Some((launch, truth)) => {
            let message = format!("launch {launch} (task {}) has a live process on agent-{}, and {who}", truth.task, truth.agent);
            Err(Violation::new(NAME, message))
        }
    }
}
