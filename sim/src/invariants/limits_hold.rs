//! Invariant 13. No offer and no accept lifts a limited role's used + offered + held + releasing + idle reserved above its limit.
//!
//! The sum is the simulator's own, from what was said on the streams and what truly lives. It leaves out whatever may be over for the
//! master already: an offer counts until it is rescinded, its framework has answered it, or a session ends; a task
//! counts while its agent is in session, from its launch until its agent states the end. So what is found here is certain.

use std::collections::BTreeMap;

use meros_types::{
    AcceptGroup, AgentOrder, AgentReport, Bounds, COMMON_NAMES, Call, FrameworkEvent, FromAgent, FromFramework, LaunchId, OfferId,
    Operation, Resources, Role, TaskId, Term, ToAgent, ToFramework,
};

use super::Invariant;
use crate::failure::Violation;
use crate::network::Client;
use crate::truth::{Record, Seen};
use crate::wire::Payload;

const NAME: &str = "limits_hold";

/// Resources that a role has.
#[derive(Debug)]
struct Part {
    /// The framework that has the offer, or the agent that has the task.
    client: Client,
    role: Role,
    resources: Resources,
}

#[derive(Debug, Default)]
pub(super) struct LimitsHold {
    /// What the registry has. A master obeys the stricter of this and what it is about to store.
    limits: BTreeMap<Role, Bounds>,
    offers: BTreeMap<(Term, OfferId), Part>,
    tasks: BTreeMap<LaunchId, Part>,
    /// What is left of each group of offers that was accepted, and which tasks it is for.
    accepted: Vec<Resources>,
    accepted_for: BTreeMap<(usize, TaskId), usize>,
}

impl Invariant for LimitsHold {
    fn see(&mut self, record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Seen::RegistryCommitted(registry) => {
                let limited = registry.roles.iter().filter(|role| !role.settings.limit.is_none());
                self.limits = limited.map(|role| (role.role.clone(), role.settings.limit.clone())).collect();
            }
            Seen::MasterBegan(_) => {
                self.offers.clear();
                self.tasks.clear();
            }
            Seen::ClosedAtMaster(client) => self.session_ends(*client),
            Seen::MasterSent(client @ Client::Framework(_), Payload::ToFramework(message)) => {
                return self.told(*client, message);
            }
            Seen::MasterSent(client @ Client::Agent(agent), Payload::ToAgent(message)) => {
                return self.ordered(record, *client, *agent, message);
            }
            Seen::ClientSent(client @ Client::Framework(framework), Payload::FromFramework(message)) => {
                self.called(*client, *framework, message);
            }
            Seen::ClientSent(client @ Client::Agent(_), Payload::FromAgent(message)) => self.reported(*client, message),
            _ => {}
        }
        Ok(())
    }
}

impl LimitsHold {
    fn session_ends(&mut self, client: Client) {
        self.offers.retain(|_, part| part.client != client);
        self.tasks.retain(|_, part| part.client != client);
    }

    fn told(&mut self, client: Client, message: &ToFramework) -> Result<(), Violation> {
        let term = message.session.term;
        match &message.event {
            FrameworkEvent::Subscribed(_) => self.session_ends(client),
            FrameworkEvent::Rescinded(offers) => offers.iter().for_each(|id| drop(self.offers.remove(&(term, *id)))),
            FrameworkEvent::Offers(offers) => {
                for offer in offers {
                    let part = Part { client, role: offer.role.clone(), resources: offer.resources.clone() };
                    self.offers.insert((term, offer.id), part);
                }
                for offer in offers {
                    self.within_limits(&offer.role, &offer.resources, || format!("offer {} of {}", offer.id, offer.resources))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn ordered(&mut self, record: &Record, client: Client, agent: usize, message: &ToAgent) -> Result<(), Violation> {
        match &message.order {
            AgentOrder::Registered(_) => {
                self.session_ends(client);
                let launches = record.machines[agent].lives.iter();
                for (launch, truth) in launches.filter_map(|launch| Some((*launch, record.launches.get(launch)?))) {
                    self.tasks.insert(launch, Part { client, role: truth.role.clone(), resources: truth.resources.clone() });
                }
                Ok(())
            }
            AgentOrder::Launch(order) => {
                let (role, resources) = (order.role.clone(), order.task.resources.clone());
                self.tasks.insert(order.launch, Part { client, role: role.clone(), resources: resources.clone() });
                let framework = record.framework_of(order.framework);
                let group = framework.and_then(|it| self.accepted_for.get(&(it, order.task.id.clone())));
                let left = group.map(|group| &mut self.accepted[*group]);
                match left.map(|left| left.checked_sub(&resources).map(|rest| *left = rest)) {
                    Some(Ok(())) => Ok(()),
                    // It is lifted by what no offer held.
                    _ => self.within_limits(&role, &resources, || format!("launch {} of {resources}", order.launch)),
                }
            }
            _ => Ok(()),
        }
    }

    fn called(&mut self, client: Client, framework: usize, message: &FromFramework) {
        for call in &message.calls {
            match (call, message.session) {
                (Call::Subscribe(_), _) => self.session_ends(client),
                (Call::Decline(decline), Some(session)) => {
                    decline.offers.iter().for_each(|id| drop(self.offers.remove(&(session.term, *id))));
                }
                (Call::Accept(accept), Some(session)) => {
                    accept.groups.iter().for_each(|group| self.accepts(framework, session.term, group));
                }
                _ => {}
            }
        }
    }

    fn accepts(&mut self, framework: usize, term: Term, group: &AcceptGroup) {
        let leases = group.leases.iter().filter_map(|id| self.offers.remove(&(term, *id)));
        let sum = leases.fold(Resources::none(), |sum, part| sum.checked_add(&part.resources).unwrap_or(sum));
        let tasks = group.operations.iter().flat_map(|operation| match operation {
            Operation::Launch(tasks) => tasks.as_slice(),
            Operation::Unimplemented(_) => &[],
        });
        for task in tasks {
            self.accepted_for.insert((framework, task.id.clone()), self.accepted.len());
        }
        self.accepted.push(sum);
    }

    fn reported(&mut self, client: Client, message: &FromAgent) {
        match &message.report {
            AgentReport::Register(_) => self.session_ends(client),
            AgentReport::Fact(fact) if fact.update.state.is_terminal() => {
                if let Some(launch) = fact.update.launch {
                    self.tasks.remove(&launch);
                }
            }
            _ => {}
        }
    }

    /// Whether a role and all around it are within their limits, as far as they have just got more.
    fn within_limits(&self, role: &Role, got: &Resources, what: impl Fn() -> String) -> Result<(), Violation> {
        for (limited, limit) in self.limits.iter().filter(|(limited, _)| role.is_within(limited)) {
            let parts = self.offers.values().chain(self.tasks.values()).filter(|part| part.role.is_within(limited));
            let sum = parts.fold(Resources::none(), |sum, part| plus(&sum, &part.resources));
            if let Some(name) = exceeded(&sum, limit, got) {
                let message = format!("{} lifts role {limited} above its limit {limit} of {name}: it has {sum}", what());
                return Err(Violation::new(NAME, message));
            }
        }
        Ok(())
    }
}

/// The sum of scalars: the same port of two agents is not one thing twice.
fn plus(sum: &Resources, part: &Resources) -> Resources {
    let part = part.clone().with_ports(meros_types::Ports::default());
    sum.checked_add(&part).unwrap_or_else(|_| sum.clone())
}

/// The first scalar of which there is more than the limit, and of which some was got just now.
fn exceeded<'a>(sum: &Resources, limit: &'a Bounds, got: &Resources) -> Option<&'a str> {
    let common = (0..COMMON_NAMES.len()).find(|at| {
        let most = limit.common()[*at];
        got.common()[*at] > 0 && most.is_some_and(|most| sum.common()[*at] > most)
    });
    let custom = || limit.custom().iter().find(|(name, most)| got.custom_milli(name) > 0 && sum.custom_milli(name) > *most);
    common.map(|at| COMMON_NAMES[at]).or_else(|| custom().map(|(name, _)| &**name))
}
