//! Invariant 1. Per agent in the master's sums and per resource: total = free + offered + used + releasing, or free = 0 after an
//! oversized snapshot; the parts are those of its offers and tasks, and the total is the machine's.

use std::collections::BTreeMap;

use meros_types::{AgentId, AgentState, ClusterState, Resources};

use super::{Invariant, is_charged};
use crate::failure::Violation;
use crate::truth::Record;

const NAME: &str = "ledger_adds_up";

#[derive(Debug)]
pub(super) struct LedgerAddsUp;

impl Invariant for LedgerAddsUp {
    fn check(&mut self, record: &Record, state: &ClusterState) -> Result<(), Violation> {
        let offered = sums(state.offers.iter().map(|offer| (offer.agent, &offer.resources)))?;
        let charged = state.tasks.iter().filter(|task| is_charged(task.update.state));
        let charged = sums(charged.map(|task| (task.agent, &task.resources)))?;
        for agent in &state.agents {
            let of = |sums: &BTreeMap<AgentId, Resources>| sums.get(&agent.id).cloned().unwrap_or_default();
            check_agent(agent, &of(&offered), &of(&charged))?;
            let machine = record.machine_of(agent.id).map(|machine| &record.machines[machine]);
            if let Some(machine) = machine.filter(|machine| agent.connected && machine.total != agent.total) {
                return broken(agent, format!("the master counts with {} and its machine has {}", agent.total, machine.total));
            }
        }
        Ok(())
    }
}

fn check_agent(agent: &AgentState, offered: &Resources, charged: &Resources) -> Result<(), Violation> {
    if agent.offered != *offered {
        return broken(agent, format!("offered is {} and its offers sum up to {offered}", agent.offered));
    }
    let taken = add(&agent.used, &agent.releasing)?;
    if taken != *charged {
        return broken(agent, format!("used and releasing are {taken} and its tasks sum up to {charged}"));
    }
    let all = [&agent.offered, &taken].into_iter().try_fold(agent.free.clone(), |sum, part| add(&sum, part))?;
    let oversized = agent.free.is_none() && !agent.total.contains(&taken);
    if all != agent.total && !oversized {
        return broken(agent, format!("free + offered + used + releasing is {all} and its total {}", agent.total));
    }
    Ok(())
}

fn sums<'a>(parts: impl Iterator<Item = (AgentId, &'a Resources)>) -> Result<BTreeMap<AgentId, Resources>, Violation> {
    let mut sums: BTreeMap<AgentId, Resources> = BTreeMap::new();
    for (agent, part) in parts {
        let sum = sums.entry(agent).or_default();
        *sum = add(sum, part)?;
    }
    Ok(sums)
}

fn add(sum: &Resources, part: &Resources) -> Result<Resources, Violation> {
    sum.checked_add(part).map_err(|error| Violation::new(NAME, format!("{sum} and {part} have two owners: {error}")))
}

fn broken(agent: &AgentState, message: String) -> Result<(), Violation> {
    Err(Violation::new(NAME, format!("agent {} ({}): {message}", agent.id, agent.hostname)))
}
