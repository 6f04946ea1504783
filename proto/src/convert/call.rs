//! From a framework: its calls. Accepts and demands have files of their own.

use meros_types as domain;
use meros_types::{CALLS_MAX, Epoch, FILTER_DEFAULT, LEAST_MAX, OfferId};

use super::fields::{at_most, display_name, id, list, optional, optional_id, required, role, sentence, task_id, texts};
use crate::error::prefix;
use crate::v1::call::Call as Wire;
use crate::{CALL_OFFERS_MAX, DISPLAY_NAME_BYTES_MAX, RECONCILE_TASKS_MAX, ROLES_MAX, WireError, v1};

impl From<domain::FromFramework> for v1::FrameworkRequest {
    fn from(message: domain::FromFramework) -> Self {
        Self { session: message.session.map(Into::into), calls: message.calls.into_iter().map(Into::into).collect() }
    }
}

impl TryFrom<v1::FrameworkRequest> for domain::FromFramework {
    type Error = WireError;
    fn try_from(wire: v1::FrameworkRequest) -> Result<Self, WireError> {
        at_most(wire.calls.len(), CALLS_MAX, "calls")?;
        let session = optional(wire.session, "session")?;
        Ok(Self { session, calls: wire.calls.into_iter().map(Into::into).collect() })
    }
}

impl From<domain::Call> for v1::Call {
    fn from(call: domain::Call) -> Self {
        let call = match call {
            domain::Call::Subscribe(subscribe) => Wire::Subscribe(subscribe.into()),
            domain::Call::Demand(demand) => Wire::Demand(demand.into()),
            domain::Call::Accept(accept) => Wire::Accept(accept.into()),
            domain::Call::Decline(decline) => Wire::Decline(decline.into()),
            domain::Call::Kill(kill) => Wire::Kill(kill.into()),
            domain::Call::Acknowledge(acknowledge) => Wire::Acknowledge(acknowledge.into()),
            domain::Call::Reconcile(tasks) => Wire::Reconcile(v1::Reconcile { tasks: tasks.into_iter().map(Into::into).collect() }),
            domain::Call::Explain(explain) => Wire::Explain(explain.into()),
            domain::Call::Teardown => Wire::Teardown(v1::Teardown {}),
            domain::Call::Heartbeat => Wire::Heartbeat(v1::Heartbeat {}),
            domain::Call::Refused(refused) => Wire::Refused(refused.into()),
        };
        Self { call: Some(call) }
    }
}

/// Never fails: a call that can't be read is refused by its name, and the ones around it apply.
impl From<v1::Call> for domain::Call {
    fn from(wire: v1::Call) -> Self {
        let name = wire.call.as_ref().map_or("UNKNOWN", call_name);
        read_call(wire.call)
            .unwrap_or_else(|error| Self::Refused(domain::RefusedCall { call: name.to_owned(), reason: error.to_string() }))
    }
}

/// The name that a refusal calls it by.
fn call_name(call: &Wire) -> &'static str {
    match call {
        Wire::Subscribe(_) => "SUBSCRIBE",
        Wire::Demand(_) => "DEMAND",
        Wire::Accept(_) => "ACCEPT",
        Wire::Decline(_) => "DECLINE",
        Wire::Kill(_) => "KILL",
        Wire::Acknowledge(_) => "ACKNOWLEDGE",
        Wire::Reconcile(_) => "RECONCILE",
        Wire::Explain(_) => "EXPLAIN",
        Wire::Teardown(_) => "TEARDOWN",
        Wire::Heartbeat(_) => "HEARTBEAT",
        Wire::Message(_) => "MESSAGE",
        Wire::Refused(_) => "REFUSED",
    }
}

fn read_call(wire: Option<Wire>) -> Result<domain::Call, WireError> {
    let wire = wire.ok_or_else(|| WireError::new("call", "it is missing, or one that is not known here"))?;
    Ok(match wire {
        Wire::Subscribe(subscribe) => domain::Call::Subscribe(required(Some(subscribe), "subscribe")?),
        Wire::Demand(demand) => domain::Call::Demand(required(Some(demand), "demand")?),
        Wire::Accept(accept) => domain::Call::Accept(required(Some(accept), "accept")?),
        Wire::Decline(decline) => domain::Call::Decline(required(Some(decline), "decline")?),
        Wire::Kill(kill) => domain::Call::Kill(required(Some(kill), "kill")?),
        Wire::Acknowledge(acknowledge) => domain::Call::Acknowledge(required(Some(acknowledge), "acknowledge")?),
        Wire::Reconcile(reconcile) => domain::Call::Reconcile(reconciled(reconcile).map_err(|error| error.within("reconcile"))?),
        Wire::Explain(explain) => domain::Call::Explain(required(Some(explain), "explain")?),
        Wire::Teardown(_) => domain::Call::Teardown,
        Wire::Heartbeat(_) => domain::Call::Heartbeat,
        Wire::Message(_) => return Err(WireError::unimplemented("message", "messages")),
        Wire::Refused(refused) => domain::Call::Refused(refused.into()),
    })
}

fn reconciled(wire: v1::Reconcile) -> Result<Vec<domain::TaskQuery>, WireError> {
    at_most(wire.tasks.len(), RECONCILE_TASKS_MAX, "tasks")?;
    list(wire.tasks, "tasks")
}

impl From<domain::TaskQuery> for v1::TaskQuery {
    fn from(query: domain::TaskQuery) -> Self {
        Self { task: query.task.into(), agent: query.agent.map(|id| id.as_bytes().to_vec()) }
    }
}

impl TryFrom<v1::TaskQuery> for domain::TaskQuery {
    type Error = WireError;
    fn try_from(wire: v1::TaskQuery) -> Result<Self, WireError> {
        Ok(Self { task: task_id(wire.task, "task")?, agent: optional_id(wire.agent.as_deref(), "agent")? })
    }
}

impl From<domain::Subscribe> for v1::Subscribe {
    fn from(subscribe: domain::Subscribe) -> Self {
        let mode = match subscribe.mode {
            domain::SubscribeMode::Takeover => v1::subscribe::Mode::Takeover(v1::Takeover {}),
            domain::SubscribeMode::Resume(epoch) => v1::subscribe::Mode::Resume(v1::Resume { epoch: epoch.0 }),
        };
        Self {
            framework: subscribe.framework.map(|id| id.as_bytes().to_vec()),
            name: subscribe.name,
            key: subscribe.key,
            roles: subscribe.roles.into_iter().map(Into::into).collect(),
            mode: Some(mode),
            failover_timeout: Some(subscribe.failover_timeout.into()),
            preferences: Some(subscribe.preferences.into()),
        }
    }
}

impl TryFrom<v1::Subscribe> for domain::Subscribe {
    type Error = WireError;
    fn try_from(wire: v1::Subscribe) -> Result<Self, WireError> {
        at_most(wire.roles.len(), ROLES_MAX, "roles")?;
        if wire.roles.is_empty() {
            return Err(WireError::new("roles", "at least one is needed"));
        }
        let mode = match wire.mode.ok_or_else(|| WireError::missing("mode"))? {
            v1::subscribe::Mode::Takeover(_) => domain::SubscribeMode::Takeover,
            v1::subscribe::Mode::Resume(resume) => domain::SubscribeMode::Resume(Epoch(resume.epoch)),
        };
        Ok(Self {
            framework: optional_id(wire.framework.as_deref(), "framework")?,
            name: display_name(wire.name, "name")?,
            key: wire.key.map(key).transpose()?,
            roles: texts(wire.roles, "roles", |text| role(&text, ""))?,
            mode,
            failover_timeout: required(wire.failover_timeout, "failover_timeout")?,
            preferences: optional(wire.preferences, "preferences")?.unwrap_or_default(),
        })
    }
}

impl From<domain::OfferPreferences> for v1::OfferPreferences {
    fn from(preferences: domain::OfferPreferences) -> Self {
        Self {
            lease: preferences.lease.map(Into::into),
            least: preferences.least.into_iter().map(Into::into).collect(),
            gpu_agents: preferences.gpu_agents,
            remote_regions: preferences.remote_regions,
        }
    }
}

/// The lease is the master's to judge: whoever asks for a bad one is told the bounds and turned away.
impl TryFrom<v1::OfferPreferences> for domain::OfferPreferences {
    type Error = WireError;
    fn try_from(wire: v1::OfferPreferences) -> Result<Self, WireError> {
        at_most(wire.least.len(), LEAST_MAX, "least")?;
        Ok(Self {
            lease: optional(wire.lease, "lease")?,
            least: list(wire.least, "least")?,
            gpu_agents: wire.gpu_agents,
            remote_regions: wire.remote_regions,
        })
    }
}

fn key(text: String) -> Result<String, WireError> {
    match text.is_empty() {
        true => Err(WireError::new("key", "it is empty; a framework without a key leaves it out")),
        false => display_name(text, "key"),
    }
}

impl From<domain::Decline> for v1::Decline {
    fn from(decline: domain::Decline) -> Self {
        Self { offers: decline.offers.into_iter().map(|id| id.0).collect(), filter: Some(decline.filter.into()) }
    }
}

impl TryFrom<v1::Decline> for domain::Decline {
    type Error = WireError;
    fn try_from(wire: v1::Decline) -> Result<Self, WireError> {
        at_most(wire.offers.len(), CALL_OFFERS_MAX, "offers")?;
        let filter = optional(wire.filter, "filter")?.unwrap_or(FILTER_DEFAULT);
        Ok(Self { offers: wire.offers.into_iter().map(OfferId).collect(), filter })
    }
}

impl From<domain::KillCall> for v1::Kill {
    fn from(kill: domain::KillCall) -> Self {
        Self { task: kill.task.into(), grace: kill.grace.map(Into::into) }
    }
}

impl TryFrom<v1::Kill> for domain::KillCall {
    type Error = WireError;
    fn try_from(wire: v1::Kill) -> Result<Self, WireError> {
        Ok(Self { task: task_id(wire.task, "task")?, grace: optional(wire.grace, "grace")? })
    }
}

impl From<domain::Acknowledge> for v1::Acknowledge {
    fn from(acknowledge: domain::Acknowledge) -> Self {
        Self {
            agent: acknowledge.agent.as_bytes().to_vec(),
            launch: Some(acknowledge.launch.into()),
            fact: Some(acknowledge.fact.into()),
        }
    }
}

impl TryFrom<v1::Acknowledge> for domain::Acknowledge {
    type Error = WireError;
    fn try_from(wire: v1::Acknowledge) -> Result<Self, WireError> {
        Ok(Self { agent: id(&wire.agent, "agent")?, launch: required(wire.launch, "launch")?, fact: required(wire.fact, "fact")? })
    }
}

impl From<domain::RefusedCall> for v1::RefusedCall {
    fn from(refused: domain::RefusedCall) -> Self {
        Self { call: refused.call, reason: refused.reason }
    }
}

/// Never fails: what is too long is cut, since nobody is helped by the refusal of a refusal.
impl From<v1::RefusedCall> for domain::RefusedCall {
    fn from(wire: v1::RefusedCall) -> Self {
        Self { call: prefix(&wire.call, DISPLAY_NAME_BYTES_MAX).to_owned(), reason: sentence(wire.reason) }
    }
}
