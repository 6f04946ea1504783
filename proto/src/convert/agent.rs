//! Between an agent and the master.

use meros_types as domain;
use meros_types::{AgentOrder, AgentReport, BootId, Epoch, Term};

use super::fields::{
    attributes, attributes_to_wire, display_name, enumerated, id, list, optional, optional_id, required, role, sentence, task_id,
};
use super::resources::amounts_in_bounds;
use crate::v1::agent_request::Report;
use crate::v1::agent_response::Order;
use crate::{WireError, v1};

const UNKNOWN: &str = "it is missing, or one that is not known here";

impl From<domain::FromAgent> for v1::AgentRequest {
    fn from(message: domain::FromAgent) -> Self {
        let report = match message.report {
            AgentReport::Register(register) => Report::Register((*register).into()),
            AgentReport::Fact(fact) => Report::Fact((*fact).into()),
            AgentReport::Heartbeat => Report::Heartbeat(v1::Heartbeat {}),
        };
        Self { session: message.session.map(Into::into), report: Some(report) }
    }
}

impl TryFrom<v1::AgentRequest> for domain::FromAgent {
    type Error = WireError;
    fn try_from(wire: v1::AgentRequest) -> Result<Self, WireError> {
        let session = optional(wire.session, "session")?;
        let report = match wire.report.ok_or_else(|| WireError::new("report", UNKNOWN))? {
            Report::Register(register) => AgentReport::Register(Box::new(required(Some(register), "register")?)),
            Report::Fact(fact) => AgentReport::Fact(Box::new(required(Some(fact), "fact")?)),
            Report::Heartbeat(_) => AgentReport::Heartbeat,
        };
        Ok(Self { session, report })
    }
}

impl From<domain::Register> for v1::Register {
    fn from(register: domain::Register) -> Self {
        Self {
            agent: register.agent.map(|id| id.as_bytes().to_vec()),
            incarnation: register.incarnation.as_bytes().to_vec(),
            term: register.term.0,
            hostname: register.hostname,
            resources: Some(register.resources.into()),
            attributes: attributes_to_wire(&register.attributes),
            containers: register.containers.into_iter().map(Into::into).collect(),
            secret: register.secret.reveal().to_vec(),
            boot: register.boot.to_string(),
            domain: register.domain.map(Into::into),
        }
    }
}

impl TryFrom<v1::Register> for domain::Register {
    type Error = WireError;
    fn try_from(wire: v1::Register) -> Result<Self, WireError> {
        let resources = required(wire.resources, "resources")?;
        amounts_in_bounds(&resources, "resources")?;
        Ok(Self {
            agent: optional_id(wire.agent.as_deref(), "agent")?,
            secret: id(&wire.secret, "secret")?,
            boot: BootId::new(wire.boot),
            incarnation: id(&wire.incarnation, "incarnation")?,
            term: Term(wire.term),
            hostname: display_name(wire.hostname, "hostname")?,
            resources,
            attributes: attributes(wire.attributes, "attributes")?,
            domain: optional(wire.domain, "domain")?,
            containers: list(wire.containers, "containers")?,
        })
    }
}

impl From<domain::ContainerSnapshot> for v1::ContainerSnapshot {
    fn from(container: domain::ContainerSnapshot) -> Self {
        Self {
            container: container.container.as_bytes().to_vec(),
            framework: container.framework.as_bytes().to_vec(),
            epoch: container.epoch.0,
            role: container.role.into(),
            launch: Some(container.launch.into()),
            resources: Some(container.resources.into()),
            tasks: container.tasks.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::ContainerSnapshot> for domain::ContainerSnapshot {
    type Error = WireError;
    fn try_from(wire: v1::ContainerSnapshot) -> Result<Self, WireError> {
        let resources = required(wire.resources, "resources")?;
        amounts_in_bounds(&resources, "resources")?;
        Ok(Self {
            container: id(&wire.container, "container")?,
            framework: id(&wire.framework, "framework")?,
            epoch: Epoch(wire.epoch),
            role: role(&wire.role, "role")?,
            launch: required(wire.launch, "launch")?,
            resources,
            tasks: list(wire.tasks, "tasks")?,
        })
    }
}

impl From<domain::TaskSnapshot> for v1::TaskSnapshot {
    fn from(task: domain::TaskSnapshot) -> Self {
        Self { task: task.task.into(), name: task.name, state: v1::TaskState::from(task.state).into() }
    }
}

impl TryFrom<v1::TaskSnapshot> for domain::TaskSnapshot {
    type Error = WireError;
    fn try_from(wire: v1::TaskSnapshot) -> Result<Self, WireError> {
        Ok(Self {
            task: task_id(wire.task, "task")?,
            name: display_name(wire.name, "name")?,
            state: enumerated::<v1::TaskState, _>(wire.state, "state")?,
        })
    }
}

impl From<domain::Fact> for v1::Fact {
    fn from(fact: domain::Fact) -> Self {
        Self { framework: fact.framework.as_bytes().to_vec(), update: Some(fact.update.into()) }
    }
}

impl TryFrom<v1::Fact> for domain::Fact {
    type Error = WireError;
    fn try_from(wire: v1::Fact) -> Result<Self, WireError> {
        Ok(Self { framework: id(&wire.framework, "framework")?, update: required(wire.update, "update")? })
    }
}

impl From<domain::Acknowledged> for v1::Acknowledged {
    fn from(acknowledged: domain::Acknowledged) -> Self {
        Self { framework: acknowledged.framework.as_bytes().to_vec(), fact: Some(acknowledged.fact.into()) }
    }
}

impl TryFrom<v1::Acknowledged> for domain::Acknowledged {
    type Error = WireError;
    fn try_from(wire: v1::Acknowledged) -> Result<Self, WireError> {
        Ok(Self { framework: id(&wire.framework, "framework")?, fact: required(wire.fact, "fact")? })
    }
}

impl From<domain::ToAgent> for v1::AgentResponse {
    fn from(message: domain::ToAgent) -> Self {
        let order = match message.order {
            AgentOrder::Registered(registered) => Order::Registered(registered.into()),
            AgentOrder::Launch(launch) => Order::Launch((*launch).into()),
            AgentOrder::Kill(kill) => Order::Kill(kill.into()),
            AgentOrder::Acknowledged(acknowledged) => Order::Acknowledged(acknowledged.into()),
            AgentOrder::Resend(framework) => Order::Resend(v1::Resend { framework: framework.as_bytes().to_vec() }),
            AgentOrder::OpenLog(open) => Order::OpenLog(open.into()),
            AgentOrder::Refused(domain::Refusal { retry, message }) => Order::Refused(v1::Refusal { retry, message }),
            AgentOrder::Heartbeat => Order::Heartbeat(v1::Heartbeat {}),
        };
        Self { session: Some(message.session.into()), order: Some(order) }
    }
}

impl TryFrom<v1::AgentResponse> for domain::ToAgent {
    type Error = WireError;
    fn try_from(wire: v1::AgentResponse) -> Result<Self, WireError> {
        let session = required(wire.session, "session")?;
        let order = match wire.order.ok_or_else(|| WireError::new("order", UNKNOWN))? {
            Order::Registered(registered) => AgentOrder::Registered(required(Some(registered), "registered")?),
            Order::Launch(launch) => AgentOrder::Launch(Box::new(required(Some(launch), "launch")?)),
            Order::Kill(kill) => AgentOrder::Kill(required(Some(kill), "kill")?),
            Order::Acknowledged(acknowledged) => AgentOrder::Acknowledged(required(Some(acknowledged), "acknowledged")?),
            Order::Resend(resend) => AgentOrder::Resend(id(&resend.framework, "resend.framework")?),
            Order::OpenLog(open) => AgentOrder::OpenLog(required(Some(open), "open_log")?),
            Order::Refused(v1::Refusal { retry, message }) => {
                AgentOrder::Refused(domain::Refusal { retry, message: sentence(message) })
            }
            Order::Heartbeat(_) => AgentOrder::Heartbeat,
        };
        Ok(Self { session, order })
    }
}

impl From<domain::Registered> for v1::Registered {
    fn from(registered: domain::Registered) -> Self {
        Self { agent: registered.agent.as_bytes().to_vec(), heartbeat: Some(registered.heartbeat.into()) }
    }
}

impl TryFrom<v1::Registered> for domain::Registered {
    type Error = WireError;
    fn try_from(wire: v1::Registered) -> Result<Self, WireError> {
        Ok(Self { agent: id(&wire.agent, "agent")?, heartbeat: required(wire.heartbeat, "heartbeat")? })
    }
}

impl From<domain::Launch> for v1::LaunchOrder {
    fn from(launch: domain::Launch) -> Self {
        Self {
            launch: Some(launch.launch.into()),
            framework: launch.framework.as_bytes().to_vec(),
            epoch: launch.epoch.0,
            role: launch.role.into(),
            task: Some(launch.task.into()),
        }
    }
}

impl TryFrom<v1::LaunchOrder> for domain::Launch {
    type Error = WireError;
    fn try_from(wire: v1::LaunchOrder) -> Result<Self, WireError> {
        Ok(Self {
            launch: required(wire.launch, "launch")?,
            framework: id(&wire.framework, "framework")?,
            epoch: Epoch(wire.epoch),
            role: role(&wire.role, "role")?,
            task: required(wire.task, "task")?,
        })
    }
}

impl From<domain::KillOrder> for v1::KillOrder {
    fn from(kill: domain::KillOrder) -> Self {
        Self { launch: Some(kill.launch.into()), grace: kill.grace.map(Into::into) }
    }
}

impl TryFrom<v1::KillOrder> for domain::KillOrder {
    type Error = WireError;
    fn try_from(wire: v1::KillOrder) -> Result<Self, WireError> {
        Ok(Self { launch: required(wire.launch, "launch")?, grace: optional(wire.grace, "grace")? })
    }
}

impl From<domain::OpenLog> for v1::OpenLog {
    fn from(open: domain::OpenLog) -> Self {
        Self {
            request: open.request,
            launch: Some(open.launch.into()),
            stream: v1::LogStream::from(open.stream).into(),
            offset: open.offset,
            follow: open.follow,
        }
    }
}

impl TryFrom<v1::OpenLog> for domain::OpenLog {
    type Error = WireError;
    fn try_from(wire: v1::OpenLog) -> Result<Self, WireError> {
        Ok(Self {
            request: wire.request,
            launch: required(wire.launch, "launch")?,
            stream: enumerated::<v1::LogStream, _>(wire.stream, "stream")?,
            offset: wire.offset,
            follow: wire.follow,
        })
    }
}
