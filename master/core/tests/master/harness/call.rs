//! What frameworks say, in a few words.

use std::time::Duration;

use meros_types::*;

use super::{resources, task_id};

/// A demand for role `*`.
pub(crate) fn demand(version: u64, demand: Demand) -> Call {
    Call::Demand(DemandCall { role: Role::default(), version, demand })
}

pub(crate) fn copies(each: &str, count: u64) -> Demand {
    Demand::of(resources(each), count)
}

pub(crate) fn decline(offers: &[u64], filter_seconds: u64) -> Call {
    let offers = offers.iter().map(|n| OfferId(*n)).collect();
    Call::Decline(Decline { offers, filter: Duration::from_secs(filter_seconds) })
}

pub(crate) fn spec(name: &str, each: &str) -> TaskSpec {
    TaskSpec::new(task_id(name), Command::shell("true"), resources(each))
}

pub(crate) fn group(offers: &[u64], tasks: &[(&str, &str)]) -> AcceptGroup {
    let specs = tasks.iter().map(|(name, each)| spec(name, each)).collect();
    AcceptGroup { leases: offers.iter().map(|n| OfferId(*n)).collect(), operations: vec![Operation::Launch(specs)] }
}

/// An accept with the default filter.
pub(crate) fn accept_groups(groups: impl IntoIterator<Item = AcceptGroup>, all_or_nothing: bool) -> Call {
    Call::Accept(Accept { groups: groups.into_iter().collect(), all_or_nothing, filter: FILTER_DEFAULT })
}

pub(crate) fn accept(offers: &[u64], tasks: &[(&str, &str)]) -> Call {
    accept_groups([group(offers, tasks)], false)
}

pub(crate) fn kill(name: &str) -> Call {
    Call::Kill(KillCall { task: task_id(name), grace: None })
}

pub(crate) fn reconcile(names: &[&str]) -> Call {
    Call::Reconcile(names.iter().map(|name| task_id(name).into()).collect())
}

/// A question about a task that was launched on this agent.
pub(crate) fn reconcile_on(agent: AgentId, name: &str) -> Call {
    Call::Reconcile(vec![TaskQuery { task: task_id(name), agent: Some(agent) }])
}
