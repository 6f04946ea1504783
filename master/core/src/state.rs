//! The whole cluster, for people.

use meros_types::{AgentState, ClusterState, FrameworkState, OfferState, Resources, TaskInfo};

use crate::Master;
use crate::ledger::Part;
use crate::rows::{Agent, Framework};

impl Master {
    /// Everything that the master knows, between two events. What answers [`Request::State`](crate::Request::State), and what the
    /// simulator compares with the truth.
    pub fn state(&self) -> ClusterState {
        ClusterState {
            term: self.config.term,
            agents: self.agents.iter().filter(|(_, agent)| !agent.gone).map(|(_, agent)| self.agent_state(agent)).collect(),
            frameworks: self
                .frameworks
                .iter()
                .filter(|(_, row)| row.is_shown())
                .map(|(_, row)| self.framework_state(row))
                .collect(),
            tasks: self.task_infos(),
            offers: self.offer_states(),
            roles: self.role_states(),
            windows: self.windows.stored().values().cloned().collect(),
        }
    }

    fn framework_state(&self, row: &Framework) -> FrameworkState {
        FrameworkState {
            id: row.id,
            name: row.name.clone(),
            key: row.key.clone(),
            roles: row.subscribed.iter().cloned().collect(),
            clients: row.clients.values().map(|client| self.allocator.client_state(*client)).collect(),
            epoch: row.epoch,
            connected: row.is_connected(),
            allocated: self.allocator.allocated(row.clients.values().copied()),
            live_tasks: row.live_tasks,
            offers: row.offers.len() as u64,
        }
    }

    fn agent_state(&self, row: &Agent) -> AgentState {
        let part = |part| row.ledger.as_ref().map_or_else(Resources::none, |ledger| ledger.part(part).clone());
        AgentState {
            id: row.offered.id,
            hostname: row.offered.hostname.clone(),
            attributes: row.offered.attributes.clone(),
            domain: row.offered.domain.clone(),
            duty: row.duty,
            drained: self.is_drained(row),
            unavailability: row.unavailability,
            connected: row.link.is_some(),
            total: row.ledger.as_ref().map_or_else(Resources::none, |ledger| ledger.total().clone()),
            free: row.ledger.as_ref().map_or_else(Resources::none, |ledger| ledger.free().clone()),
            offered: part(Part::Offered),
            used: part(Part::Used),
            releasing: part(Part::Releasing),
        }
    }

    fn task_infos(&self) -> Vec<TaskInfo> {
        let by_launch = self.tasks_by_launch.values().map(|ix| &self.tasks[*ix]);
        let info = by_launch.map(|task| TaskInfo {
            framework: self.frameworks[task.framework].id,
            name: task.name.clone(),
            launch: task.launch,
            agent: self.agents[task.agent].offered.id,
            role: task.role.clone(),
            resources: task.resources.clone(),
            update: task.update.clone(),
        });
        info.collect()
    }

    fn offer_states(&self) -> Vec<OfferState> {
        let states = self.offers.iter().map(|(id, offer)| OfferState {
            id: *id,
            framework: self.frameworks[offer.framework].id,
            role: offer.role.clone(),
            agent: self.agents[offer.agent].offered.id,
            resources: offer.resources.clone(),
            at: offer.at,
        });
        states.collect()
    }
}
