//! Invariant 11. Whatever a client was told exists after every later crash: what the master says of ids and epochs is in its registry, what an
//! agent says of ends is in its log, before it is said.

use std::collections::{BTreeMap, BTreeSet};

use meros_master_core::registry::Registry;
use meros_types::{AgentId, AgentOrder, AgentReport, Epoch, FrameworkEvent, FrameworkId, SessionEndKind};

use super::Invariant;
use crate::failure::Violation;
use crate::network::Client;
use crate::truth::{Record, Seen};
use crate::wire::Payload;

const NAME: &str = "told_is_stored";

/// What the registry's disk keeps.
#[derive(Debug, Default)]
pub(super) struct ToldIsStored {
    agents: BTreeSet<AgentId>,
    frameworks: BTreeMap<FrameworkId, Epoch>,
    removed: BTreeSet<FrameworkId>,
}

impl Invariant for ToldIsStored {
    fn see(&mut self, record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Seen::RegistryCommitted(registry) => {
                self.take(registry);
                Ok(())
            }
            Seen::MasterSent(_, Payload::ToAgent(message)) => match &message.order {
                AgentOrder::Registered(it) if !self.agents.contains(&it.agent) => {
                    broken(format!("agent {} is told that it is registered, and the registry does not have it", it.agent))
                }
                _ => Ok(()),
            },
            Seen::MasterSent(client, Payload::ToFramework(message)) => self.told(record, *client, &message.event),
            Seen::ClientSent(Client::Agent(agent), Payload::FromAgent(message)) => match &message.report {
                AgentReport::Fact(fact) if fact.update.state.is_terminal() => {
                    let kept = fact.update.fact.is_some_and(|fact| record.machines[*agent].kept.contains(&fact));
                    let task = &fact.update.task;
                    if kept { Ok(()) } else { broken(format!("agent-{agent} states the end of {task}, which its log may lose")) }
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl ToldIsStored {
    fn take(&mut self, registry: &Registry) {
        self.agents = registry.agents.iter().map(|agent| agent.id).collect();
        self.frameworks = registry.frameworks.iter().map(|framework| (framework.id, framework.epoch)).collect();
        self.removed = registry.removed.iter().copied().collect();
    }

    fn told(&self, record: &Record, client: Client, event: &FrameworkEvent) -> Result<(), Violation> {
        match event {
            FrameworkEvent::Subscribed(it) => match self.frameworks.get(&it.framework) {
                Some(epoch) if *epoch >= it.epoch => Ok(()),
                stored => {
                    let (id, epoch) = (it.framework, it.epoch);
                    broken(format!("framework {id} is told epoch {epoch}, and the registry has {stored:?}"))
                }
            },
            FrameworkEvent::Ended(end) if end.kind == SessionEndKind::Removed => {
                let Client::Framework(index) = client else { return Ok(()) };
                let id = record.frameworks[index].id;
                match id.filter(|id| self.frameworks.contains_key(id)) {
                    None => Ok(()),
                    Some(id) => broken(format!("framework {id} is told that it is removed, and the registry has it still")),
                }
            }
            _ => Ok(()),
        }
    }
}

fn broken(message: String) -> Result<(), Violation> {
    Err(Violation::new(NAME, message))
}
