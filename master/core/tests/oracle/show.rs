//! Acts as short text, so that what proptest shrinks a failure to can be read.

use std::fmt;

use meros_master_core::allocator::Traits;
use meros_types::{Demand, Resources, RoleSettings};

use crate::acts::{Act, ROLES};

fn list(sets: &[Resources]) -> String {
    sets.iter().map(|set| format!("{set}|")).collect()
}

pub(crate) fn demand(demand: &Demand) -> String {
    let shape = |shape: &meros_types::Shape| {
        let copies = shape.copies.map_or("any".to_owned(), |copies| copies.to_string());
        let on: String = shape.constraints.iter().map(|constraint| format!(" on {constraint}")).collect();
        format!("({copies} x {} +{} ports{on})", shape.resources, shape.any_ports)
    };
    demand.shapes.iter().map(shape).collect()
}

fn traits(traits: &Traits) -> String {
    format!("least {} gpu agents {} remote {}", list(&traits.least), traits.gpu_agents, traits.remote_regions)
}

pub(crate) fn settings(settings: &RoleSettings) -> String {
    format!("weight {} limit {} guarantee {}", settings.weight, settings.limit, settings.guarantee)
}

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Demands(who, wanted) => format!("client {who} demands {}", demand(wanted)),
            Self::Accepts(which, launch, filter) => format!("offer {which} is accepted, {launch:?} launched, filter {filter} s"),
            Self::Declines(which, filter) => format!("offer {which} is declined, filter {filter} s"),
            Self::TaskEnds(which) => format!("task {which} ends"),
            Self::AgentComes(kind) => format!("an agent of kind {kind} comes"),
            Self::AgentGoes(which) => format!("agent {which} goes"),
            Self::OffDuty(which) => format!("agent {which} off duty"),
            Self::OnDuty(which) => format!("agent {which} on duty"),
            Self::ClientComes(role, given) => format!("a client of {} comes: {}", ROLES[role % ROLES.len()], traits(given)),
            Self::ClientGoes(who) => format!("client {who} goes"),
            Self::StreamCloses(who) => format!("client {who} off"),
            Self::StreamOpens(who) => format!("client {who} on"),
            Self::Prefers(who, given) => format!("client {who} prefers {}", traits(given)),
            Self::Role(of, given) => format!("role {}: {}", ROLES[of % ROLES.len()], settings(given)),
            Self::Recovering(recovering) => format!("recovering: {recovering}"),
            Self::Time(secs) => format!("{secs} s pass"),
        };
        f.write_str(&text)
    }
}
