//! Invariant 5. At most one start per launch id, on the agent that it was sent to, and none without a launch.

use super::Invariant;
use crate::failure::Violation;
use crate::truth::{Record, Seen};

const NAME: &str = "starts_once";

#[derive(Debug)]
pub(super) struct StartsOnce;

impl Invariant for StartsOnce {
    fn see(&mut self, record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        let Seen::Began(agent, launch) = seen else { return Ok(()) };
        let Some((launch, truth)) = launch.and_then(|launch| record.launches.get(&launch).map(|truth| (launch, truth))) else {
            return Err(Violation::new(NAME, format!("agent-{agent} executed a program that no launch asked for")));
        };
        if truth.starts > 1 {
            return Err(Violation::new(NAME, format!("launch {launch} (task {}) started {} times", truth.task, truth.starts)));
        }
        if truth.agent != *agent {
            return Err(Violation::new(
                NAME,
                format!("launch {launch} was for agent-{} and started on agent-{agent}", truth.agent),
            ));
        }
        Ok(())
    }
}
