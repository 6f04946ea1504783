//! The cluster as the master sees it, for operators.

use meros_types as domain;
use meros_types::{Epoch, OfferId, Term, WallTime};

use super::demand::{shapes, shapes_to_wire};
use super::fields::{attributes, attributes_to_wire, id, list, optional, required, role, texts};
use crate::{WireError, v1};

impl From<domain::ClusterState> for v1::ClusterState {
    fn from(state: domain::ClusterState) -> Self {
        Self {
            term: state.term.0,
            agents: state.agents.into_iter().map(Into::into).collect(),
            frameworks: state.frameworks.into_iter().map(Into::into).collect(),
            tasks: state.tasks.into_iter().map(Into::into).collect(),
            offers: state.offers.into_iter().map(Into::into).collect(),
            roles: state.roles.into_iter().map(Into::into).collect(),
            windows: state.windows.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::ClusterState> for domain::ClusterState {
    type Error = WireError;
    fn try_from(wire: v1::ClusterState) -> Result<Self, WireError> {
        Ok(Self {
            term: Term(wire.term),
            agents: list(wire.agents, "agents")?,
            frameworks: list(wire.frameworks, "frameworks")?,
            tasks: list(wire.tasks, "tasks")?,
            offers: list(wire.offers, "offers")?,
            roles: list(wire.roles, "roles")?,
            windows: list(wire.windows, "windows")?,
        })
    }
}

impl From<domain::RoleState> for v1::RoleState {
    fn from(role: domain::RoleState) -> Self {
        Self {
            role: role.role.into(),
            settings: Some(role.settings.into()),
            allocated: Some(role.allocated.into()),
            consumed: Some(role.consumed.into()),
            unmet: Some(role.unmet.into()),
            share_millionths: role.share_millionths,
            frameworks: role.frameworks,
        }
    }
}

impl TryFrom<v1::RoleState> for domain::RoleState {
    type Error = WireError;
    fn try_from(wire: v1::RoleState) -> Result<Self, WireError> {
        Ok(Self {
            role: role(&wire.role, "role")?,
            settings: required(wire.settings, "settings")?,
            allocated: required(wire.allocated, "allocated")?,
            consumed: required(wire.consumed, "consumed")?,
            unmet: required(wire.unmet, "unmet")?,
            share_millionths: wire.share_millionths,
            frameworks: wire.frameworks,
        })
    }
}

impl From<domain::AgentState> for v1::AgentState {
    fn from(agent: domain::AgentState) -> Self {
        Self {
            id: agent.id.as_bytes().to_vec(),
            hostname: agent.hostname,
            attributes: attributes_to_wire(&agent.attributes),
            domain: agent.domain.map(Into::into),
            duty: Some(agent.duty.into()),
            drained: agent.drained,
            unavailability: agent.unavailability.map(Into::into),
            connected: agent.connected,
            total: Some(agent.total.into()),
            free: Some(agent.free.into()),
            offered: Some(agent.offered.into()),
            used: Some(agent.used.into()),
            releasing: Some(agent.releasing.into()),
        }
    }
}

impl TryFrom<v1::AgentState> for domain::AgentState {
    type Error = WireError;
    fn try_from(wire: v1::AgentState) -> Result<Self, WireError> {
        Ok(Self {
            id: id(&wire.id, "id")?,
            hostname: wire.hostname,
            attributes: attributes(wire.attributes, "attributes")?,
            domain: optional(wire.domain, "domain")?,
            duty: required(wire.duty, "duty")?,
            drained: wire.drained,
            unavailability: optional(wire.unavailability, "unavailability")?,
            connected: wire.connected,
            total: required(wire.total, "total")?,
            free: required(wire.free, "free")?,
            offered: required(wire.offered, "offered")?,
            used: required(wire.used, "used")?,
            releasing: required(wire.releasing, "releasing")?,
        })
    }
}

impl From<domain::FrameworkState> for v1::FrameworkState {
    fn from(framework: domain::FrameworkState) -> Self {
        Self {
            id: framework.id.as_bytes().to_vec(),
            name: framework.name,
            key: framework.key,
            roles: framework.roles.into_iter().map(Into::into).collect(),
            epoch: framework.epoch.0,
            connected: framework.connected,
            allocated: Some(framework.allocated.into()),
            live_tasks: framework.live_tasks,
            offers: framework.offers,
            clients: framework.clients.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::FrameworkState> for domain::FrameworkState {
    type Error = WireError;
    fn try_from(wire: v1::FrameworkState) -> Result<Self, WireError> {
        Ok(Self {
            id: id(&wire.id, "id")?,
            name: wire.name,
            key: wire.key,
            roles: texts(wire.roles, "roles", |text| role(&text, ""))?,
            epoch: Epoch(wire.epoch),
            connected: wire.connected,
            allocated: required(wire.allocated, "allocated")?,
            live_tasks: wire.live_tasks,
            offers: wire.offers,
            clients: list(wire.clients, "clients")?,
        })
    }
}

impl From<domain::ClientState> for v1::ClientState {
    fn from(client: domain::ClientState) -> Self {
        Self {
            role: client.role.into(),
            allocated: Some(client.allocated.into()),
            share_millionths: client.share_millionths,
            demand: shapes_to_wire(client.demand),
            offers: client.offers,
            filters: client.filters,
        }
    }
}

impl TryFrom<v1::ClientState> for domain::ClientState {
    type Error = WireError;
    fn try_from(wire: v1::ClientState) -> Result<Self, WireError> {
        Ok(Self {
            role: role(&wire.role, "role")?,
            allocated: required(wire.allocated, "allocated")?,
            share_millionths: wire.share_millionths,
            demand: shapes(wire.demand, "demand")?,
            offers: wire.offers,
            filters: wire.filters,
        })
    }
}

impl From<domain::TaskInfo> for v1::TaskInfo {
    fn from(task: domain::TaskInfo) -> Self {
        Self {
            framework: task.framework.as_bytes().to_vec(),
            name: task.name,
            launch: Some(task.launch.into()),
            agent: task.agent.as_bytes().to_vec(),
            role: task.role.into(),
            resources: Some(task.resources.into()),
            update: Some(task.update.into()),
        }
    }
}

impl TryFrom<v1::TaskInfo> for domain::TaskInfo {
    type Error = WireError;
    fn try_from(wire: v1::TaskInfo) -> Result<Self, WireError> {
        Ok(Self {
            framework: id(&wire.framework, "framework")?,
            name: wire.name,
            launch: required(wire.launch, "launch")?,
            agent: id(&wire.agent, "agent")?,
            role: role(&wire.role, "role")?,
            resources: required(wire.resources, "resources")?,
            update: required(wire.update, "update")?,
        })
    }
}

impl From<domain::OfferState> for v1::OfferState {
    fn from(offer: domain::OfferState) -> Self {
        Self {
            id: offer.id.0,
            framework: offer.framework.as_bytes().to_vec(),
            role: offer.role.into(),
            agent: offer.agent.as_bytes().to_vec(),
            resources: Some(offer.resources.into()),
            at_unix_ms: offer.at.0,
        }
    }
}

impl TryFrom<v1::OfferState> for domain::OfferState {
    type Error = WireError;
    fn try_from(wire: v1::OfferState) -> Result<Self, WireError> {
        Ok(Self {
            id: OfferId(wire.id),
            framework: id(&wire.framework, "framework")?,
            role: role(&wire.role, "role")?,
            agent: id(&wire.agent, "agent")?,
            resources: required(wire.resources, "resources")?,
            at: WallTime(wire.at_unix_ms),
        })
    }
}
