//! What operators see.

use meros_types::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::task_update;
use crate::strategies::*;

pub(crate) fn cluster_state() -> impl Strategy<Value = ClusterState> {
    let lists = (vec(agent(), 0..3), vec(framework(), 0..3), vec(task(), 0..3), vec(offer(), 0..3));
    (any::<u64>().prop_map(Term), lists).prop_map(|(term, (agents, frameworks, tasks, offers))| ClusterState {
        term,
        agents,
        frameworks,
        tasks,
        offers,
    })
}

fn agent() -> impl Strategy<Value = AgentState> {
    let sums = (huge_resources(), huge_resources(), huge_resources(), huge_resources(), huge_resources());
    (agent_id(), display_name(), attributes(), any::<bool>(), sums).prop_map(|(id, hostname, attributes, connected, sums)| {
        let (total, free, offered, used, releasing) = sums;
        AgentState { id, hostname, attributes, connected, total, free, offered, used, releasing }
    })
}

fn framework() -> impl Strategy<Value = FrameworkState> {
    let who = (framework_id(), display_name(), option::of(display_name()), vec(role(), 0..3));
    let how = (epoch(), any::<bool>(), huge_resources(), any::<u64>(), any::<u64>());
    (who, how).prop_map(|((id, name, key, roles), (epoch, connected, allocated, live_tasks, offers))| FrameworkState {
        id,
        name,
        key,
        roles,
        epoch,
        connected,
        allocated,
        live_tasks,
        offers,
    })
}

fn task() -> impl Strategy<Value = TaskInfo> {
    let who = (framework_id(), display_name(), launch_id(), agent_id());
    (who, role(), huge_resources(), task_update()).prop_map(|((framework, name, launch, agent), role, resources, update)| {
        TaskInfo { framework, name, launch, agent, role, resources, update }
    })
}

fn offer() -> impl Strategy<Value = OfferState> {
    (offer_id(), framework_id(), role(), agent_id(), huge_resources(), wall_time())
        .prop_map(|(id, framework, role, agent, resources, at)| OfferState { id, framework, role, agent, resources, at })
}
