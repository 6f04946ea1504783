//! What operators ask about peers by name, in a few words.

use std::time::Duration;

use meros_master_core::Request;
use meros_types::*;

use super::{Step, World, resources, role};

/// A request whose ids and times the world knows.
#[derive(Clone, Debug)]
pub(crate) enum Operates {
    Duty { agent: String, duty: Duty },
    Drain { agent: String, deadline: Duration, max_grace: Option<Duration>, mark_gone: bool },
    Gone(String),
    Window { id: String, agents: Vec<String>, start: Duration, duration: Duration },
    Explain { framework: String, role: Option<Role> },
}

pub(crate) fn deactivates(agent: &str) -> Step {
    Step::Operates(Operates::Duty { agent: agent.to_owned(), duty: Duty::Deactivated })
}

pub(crate) fn reactivates(agent: &str) -> Step {
    Step::Operates(Operates::Duty { agent: agent.to_owned(), duty: Duty::Active })
}

/// Its tasks end in so many seconds.
pub(crate) fn drains(agent: &str, seconds: u64) -> Step {
    let deadline = Duration::from_secs(seconds);
    Step::Operates(Operates::Drain { agent: agent.to_owned(), deadline, max_grace: None, mark_gone: false })
}

/// The same with so many seconds from SIGTERM to SIGKILL at the most.
pub(crate) fn drains_within(agent: &str, seconds: u64, grace: u64) -> Step {
    let (deadline, max_grace) = (Duration::from_secs(seconds), Some(Duration::from_secs(grace)));
    Step::Operates(Operates::Drain { agent: agent.to_owned(), deadline, max_grace, mark_gone: false })
}

/// The same, and then the agent is gone.
pub(crate) fn drains_for_good(agent: &str, seconds: u64) -> Step {
    let deadline = Duration::from_secs(seconds);
    Step::Operates(Operates::Drain { agent: agent.to_owned(), deadline, max_grace: None, mark_gone: true })
}

pub(crate) fn marks_gone(agent: &str) -> Step {
    Step::Operates(Operates::Gone(agent.to_owned()))
}

/// These agents will be away, so many seconds from now and for so many.
pub(crate) fn sets_window(id: &str, agents: &[&str], start: u64, seconds: u64) -> Step {
    let agents = agents.iter().map(|name| (*name).to_owned()).collect();
    let (start, duration) = (Duration::from_secs(start), Duration::from_secs(seconds));
    Step::Operates(Operates::Window { id: id.to_owned(), agents, start, duration })
}

pub(crate) fn removes_window(id: &str) -> Step {
    Step::Asks(Request::RemoveWindow { id: id.to_owned() })
}

pub(crate) fn asks_why(framework: &str, of: Option<&str>) -> Step {
    Step::Operates(Operates::Explain { framework: framework.to_owned(), role: of.map(role) })
}

/// Several roles' settings, all or none.
pub(crate) fn updates(roles: impl IntoIterator<Item = RoleUpdate>) -> Step {
    Step::Asks(Request::UpdateRoles(RolesUpdate { roles: roles.into_iter().collect(), force: false }))
}

/// The same by force.
pub(crate) fn forces(roles: impl IntoIterator<Item = RoleUpdate>) -> Step {
    Step::Asks(Request::UpdateRoles(RolesUpdate { roles: roles.into_iter().collect(), force: true }))
}

fn of_role(name: &str) -> RoleUpdate {
    RoleUpdate { role: role(name), weight: None, limit: None, guarantee: None }
}

pub(crate) fn weight(name: &str, weight: u32) -> RoleUpdate {
    RoleUpdate { weight: Some(weight), ..of_role(name) }
}

pub(crate) fn limit(name: &str, most: &str) -> RoleUpdate {
    RoleUpdate { limit: Some(Bounds::parse(most).unwrap()), ..of_role(name) }
}

pub(crate) fn guarantee(name: &str, amount: &str) -> RoleUpdate {
    RoleUpdate { guarantee: Some(resources(amount)), ..of_role(name) }
}

pub(crate) fn quota(name: &str, most: &str, amount: &str) -> RoleUpdate {
    RoleUpdate { guarantee: guarantee(name, amount).guarantee, ..limit(name, most) }
}

impl World {
    pub(super) fn request(&self, operates: Operates) -> Request {
        let from_now = |wait: Duration| WallTime(self.now.wall.0 + u64::try_from(wait.as_millis()).unwrap());
        match operates {
            Operates::Duty { agent, duty } => Request::SetDuty { agent: self.some_agent_id(&agent), duty },
            Operates::Drain { agent, deadline, max_grace, mark_gone } => {
                let duty = Duty::Draining(Drain { deadline: from_now(deadline), max_grace, mark_gone });
                Request::SetDuty { agent: self.some_agent_id(&agent), duty }
            }
            Operates::Gone(agent) => Request::MarkGone { agent: self.some_agent_id(&agent) },
            Operates::Window { id, agents, start, duration } => {
                let agents = agents.iter().map(|name| self.some_agent_id(name)).collect();
                Request::SetWindow(Window { id, agents, unavailability: Unavailability { start: from_now(start), duration } })
            }
            Operates::Explain { framework, role } => {
                Request::Explain { framework: self.framework_id(&framework), role, shape: None }
            }
        }
    }

    /// The settings of a role, as the state shows them.
    pub(crate) fn role_state(&self, name: &str) -> RoleState {
        let role = role(name);
        self.master.state().roles.into_iter().find(|state| state.role == role).unwrap()
    }
}
