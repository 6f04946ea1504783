//! Invariant 3. Every container that truly lives on the machine of an agent in session is used or releasing at the master.

use std::collections::BTreeMap;

use meros_types::ClusterState;

use super::{Invariant, is_charged};
use crate::failure::Violation;
use crate::truth::Record;

const NAME: &str = "held_is_charged";

#[derive(Debug)]
pub(super) struct HeldIsCharged;

impl Invariant for HeldIsCharged {
    fn check(&mut self, record: &Record, state: &ClusterState) -> Result<(), Violation> {
        let charged: BTreeMap<_, _> =
            state.tasks.iter().filter(|task| is_charged(task.update.state)).map(|task| (task.launch, task.agent)).collect();
        for agent in state.agents.iter().filter(|agent| agent.connected) {
            let machine = record.machine_of(agent.id).map(|machine| &record.machines[machine]);
            // After a reboot the machine's agent is another one, and the master has yet to notice.
            let Some(machine) = machine.filter(|machine| machine.id == Some(agent.id)) else { continue };
            for launch in &machine.lives {
                if charged.get(launch) != Some(&agent.id) {
                    let message = format!("launch {launch} lives on agent {} ({}) and is not charged", agent.id, agent.hostname);
                    return Err(Violation::new(NAME, message));
                }
            }
        }
        Ok(())
    }
}
