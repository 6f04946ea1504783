//! What operators see.

use meros_types::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::demand::demand;
use super::operator::{domain, duty, role_settings, unavailability, window};
use super::task_update;
use crate::strategies::*;

pub(crate) fn cluster_state() -> impl Strategy<Value = ClusterState> {
    let lists = (vec(agent(), 0..3), vec(framework(), 0..3), vec(task(), 0..3), vec(offer(), 0..3));
    let decided = (vec(role_state(), 0..3), vec(window(), 0..3));
    (any::<u64>().prop_map(Term), lists, decided).prop_map(|(term, (agents, frameworks, tasks, offers), (roles, windows))| {
        ClusterState { term, agents, frameworks, tasks, offers, roles, windows }
    })
}

fn role_state() -> impl Strategy<Value = RoleState> {
    let sums = (huge_resources(), huge_resources(), huge_resources());
    (role(), role_settings(), sums, any::<u64>(), any::<u64>()).prop_map(
        |(role, settings, (allocated, consumed, unmet), share_millionths, frameworks)| RoleState {
            role,
            settings,
            allocated,
            consumed,
            unmet,
            share_millionths,
            frameworks,
        },
    )
}

fn client() -> impl Strategy<Value = ClientState> {
    (role(), huge_resources(), demand(), any::<[u64; 3]>()).prop_map(
        |(role, allocated, demand, [share_millionths, offers, filters])| ClientState {
            role,
            allocated,
            share_millionths,
            demand,
            offers,
            filters,
        },
    )
}

fn agent() -> impl Strategy<Value = AgentState> {
    let sums = (huge_resources(), huge_resources(), huge_resources(), huge_resources(), huge_resources());
    let who = (agent_id(), display_name(), attributes(), option::of(domain()));
    let how = (any::<bool>(), duty(), any::<bool>(), option::of(unavailability()));
    (who, how, sums).prop_map(|((id, hostname, attributes, domain), (connected, duty, drained, unavailability), sums)| {
        let (total, free, offered, used, releasing) = sums;
        AgentState {
            id,
            hostname,
            attributes,
            domain,
            duty,
            drained,
            unavailability,
            connected,
            total,
            free,
            offered,
            used,
            releasing,
        }
    })
}

fn framework() -> impl Strategy<Value = FrameworkState> {
    let who = (framework_id(), display_name(), option::of(display_name()), vec(role(), 0..3));
    let how = (epoch(), any::<bool>(), huge_resources(), any::<u64>(), any::<u64>());
    let clients = vec(client(), 0..3);
    (who, how, clients).prop_map(|((id, name, key, roles), (epoch, connected, allocated, live_tasks, offers), clients)| {
        FrameworkState { id, name, key, roles, clients, epoch, connected, allocated, live_tasks, offers }
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
