//! Invariant 2. What truly runs on a machine never exceeds its agent's total, and no port has two owners.

use meros_types::Resources;

use super::Invariant;
use crate::failure::Violation;
use crate::truth::{Record, Seen};

const NAME: &str = "machine_has_room";

#[derive(Debug)]
pub(super) struct MachineHasRoom;

impl Invariant for MachineHasRoom {
    fn see(&mut self, record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        let Seen::Began(agent, Some(began)) = seen else { return Ok(()) };
        let machine = &record.machines[*agent];
        let mut sum = Resources::none();
        for launch in machine.lives.iter().filter_map(|launch| record.launches.get(launch)) {
            sum = sum.checked_add(&launch.resources).map_err(|error| {
                Violation::new(NAME, format!("agent-{agent}, with launch {began}: what lives there has no sum: {error}"))
            })?;
        }
        match machine.total.shortfall(&sum) {
            None => Ok(()),
            Some(shortfall) => Err(Violation::new(NAME, format!("agent-{agent}, with launch {began}: {shortfall}"))),
        }
    }
}
