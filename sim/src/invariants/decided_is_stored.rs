//! Invariant 11 again, for what operators decide. When one is told that it is done, the registry has it, unless another decision
//! about the same followed; and no scheduler hears GONE_BY_OPERATOR before the registry has the agent as gone.

use std::collections::BTreeMap;

use meros_master_core::registry::{AgentRecord, Registry};
use meros_master_core::{AgentStanding, Reply, Request, Token};
use meros_types::{AgentId, Bounds, Duty, FrameworkEvent, Resources, Role, RoleSettings, RoleUpdate, TaskState, Window};

use super::Invariant;
use crate::failure::Violation;
use crate::truth::{Record, Seen};
use crate::wire::Payload;

const NAME: &str = "decided_is_stored";

/// What the registry's disk keeps of operators' decisions.
#[derive(Debug, Default)]
pub(super) struct DecidedIsStored {
    agents: BTreeMap<AgentId, (AgentStanding, Duty)>,
    roles: BTreeMap<Role, RoleSettings>,
    windows: BTreeMap<String, Window>,
}

impl Invariant for DecidedIsStored {
    fn see(&mut self, record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Seen::RegistryCommitted(registry) => {
                self.take(registry);
                Ok(())
            }
            Seen::Replied(token, Reply::Done) => self.done(record, *token),
            Seen::MasterSent(_, Payload::ToFramework(message)) => match &message.event {
                FrameworkEvent::Update(update) if update.state == TaskState::GoneByOperator => {
                    let task = &update.task;
                    self.is_gone(update.agent, || format!("task {task} is told GONE_BY_OPERATOR"))
                }
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

impl DecidedIsStored {
    fn take(&mut self, registry: &Registry) {
        let standing = |agent: &AgentRecord| (agent.id, (agent.state, agent.duty));
        self.agents = registry.agents.iter().map(standing).collect();
        self.roles = registry.roles.iter().map(|it| (it.role.clone(), it.settings.clone())).collect();
        self.windows = registry.windows.iter().map(|window| (window.id.clone(), window.clone())).collect();
    }

    fn done(&self, record: &Record, token: Token) -> Result<(), Violation> {
        let Some(request) = record.asked.get(&token) else { return broken(format!("request {} was never made", token.0)) };
        let later: Vec<&Request> = record.asked.range(Token(token.0 + 1)..).map(|(_, request)| request).collect();
        match request {
            Request::UpdateRoles(update) => {
                let again = |role: &Role| later.iter().any(|later| is_about_role(later, role));
                update.roles.iter().filter(|change| !again(&change.role)).try_for_each(|change| self.role_is(change))
            }
            Request::SetDuty { agent, .. } if later.iter().any(|later| is_about_agent(later, *agent)) => Ok(()),
            Request::SetDuty { agent, duty } => match self.agents.get(agent) {
                Some((state, stored)) if stored == duty || *state == AgentStanding::Gone => Ok(()),
                stored => broken(format!("it is done that agent {agent} is {duty}, and the registry has {stored:?}")),
            },
            Request::MarkGone { agent } => self.is_gone(Some(*agent), || "it is done".to_owned()),
            Request::SetWindow(window) if !later.iter().any(|later| is_about_window(later, &window.id)) => {
                // None: it is over already.
                let stored = self.windows.get(&window.id).is_none_or(|stored| stored.unavailability == window.unavailability);
                if stored { Ok(()) } else { broken(format!("it is done that there is window {}, and it isn't", window.id)) }
            }
            _ => Ok(()),
        }
    }

    fn role_is(&self, change: &RoleUpdate) -> Result<(), Violation> {
        let stored = self.roles.get(&change.role);
        // A weight that a master's own settings give the role is not stored.
        let weight = stored.is_none_or(|stored| change.weight.is_none_or(|weight| weight == stored.weight));
        let (limit, guarantee) = stored.map_or((Bounds::none(), Resources::none()), |it| (it.limit.clone(), it.guarantee.clone()));
        let limit = change.limit.as_ref().is_none_or(|changed| *changed == limit);
        let guarantee = change.guarantee.as_ref().is_none_or(|changed| *changed == guarantee);
        match weight && limit && guarantee {
            true => Ok(()),
            false => broken(format!("role {} is told to share by {change:?}, and the registry has {stored:?}", change.role)),
        }
    }

    fn is_gone(&self, agent: Option<AgentId>, what: impl FnOnce() -> String) -> Result<(), Violation> {
        match agent.and_then(|agent| self.agents.get(&agent)) {
            Some((AgentStanding::Gone, _)) => Ok(()),
            stored => broken(format!("{} while the registry has its agent as {stored:?}", what())),
        }
    }
}

fn is_about_role(request: &Request, role: &Role) -> bool {
    matches!(request, Request::UpdateRoles(update) if update.roles.iter().any(|change| change.role == *role))
}

fn is_about_agent(request: &Request, id: AgentId) -> bool {
    matches!(request, Request::SetDuty { agent, .. } | Request::MarkGone { agent } if *agent == id)
}

fn is_about_window(request: &Request, name: &str) -> bool {
    match request {
        Request::SetWindow(window) => window.id == name,
        Request::RemoveWindow { id } => id == name,
        _ => false,
    }
}

fn broken(message: String) -> Result<(), Violation> {
    Err(Violation::new(NAME, message))
}
