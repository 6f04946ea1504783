//! Between a framework and the master.

use std::sync::Arc;

use meros_types::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::demand::{explanation, shape};
use super::operator::{domain, unavailability};
use super::{task_spec, task_update};
use crate::strategies::{
    agent_id, attributes, display_name, duration, epoch, fact_id, framework_id, huge_resources, launch_id, offer_id, resources,
    role, sentence, session_id, task_id,
};

pub(crate) fn from_framework() -> impl Strategy<Value = FromFramework> {
    (option::of(session_id()), vec(call(), 0..6)).prop_map(|(session, calls)| FromFramework { session, calls })
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        1 => subscribe().prop_map(Call::Subscribe),
        1 => demand().prop_map(Call::Demand),
        4 => accept().prop_map(Call::Accept),
        1 => (vec(offer_id(), 0..4), duration()).prop_map(|(offers, filter)| Call::Decline(Decline { offers, filter })),
        1 => (task_id(), option::of(duration())).prop_map(|(task, grace)| Call::Kill(KillCall { task, grace })),
        1 => (agent_id(), launch_id(), fact_id())
            .prop_map(|(agent, launch, fact)| Call::Acknowledge(Acknowledge { agent, launch, fact })),
        1 => vec((task_id(), option::of(agent_id())).prop_map(|(task, agent)| TaskQuery { task, agent }), 0..4).prop_map(Call::Reconcile),
        1 => (role(), option::of(shape())).prop_map(|(role, shape)| Call::Explain(ExplainCall { role, shape })),
        1 => Just(Call::Teardown),
        1 => Just(Call::Heartbeat),
        1 => refused_call().prop_map(Call::Refused),
    ]
}

fn subscribe() -> impl Strategy<Value = Subscribe> {
    let who = (option::of(framework_id()), display_name(), option::of("[a-z]{1,8}"), vec(role(), 1..4));
    let mode = prop_oneof![Just(SubscribeMode::Takeover), epoch().prop_map(SubscribeMode::Resume)];
    (who, mode, duration(), preferences()).prop_map(|((framework, name, key, roles), mode, failover_timeout, preferences)| {
        Subscribe { framework, name, key, roles, mode, failover_timeout, preferences }
    })
}

fn preferences() -> impl Strategy<Value = OfferPreferences> {
    (option::of(duration()), vec(resources(), 0..3), any::<bool>(), any::<bool>())
        .prop_map(|(lease, least, gpu_agents, remote_regions)| OfferPreferences { lease, least, gpu_agents, remote_regions })
}

fn demand() -> impl Strategy<Value = DemandCall> {
    (role(), any::<u64>(), vec(shape(), 0..4)).prop_map(|(role, version, shapes)| DemandCall {
        role,
        version,
        demand: Demand { shapes },
    })
}

fn accept() -> impl Strategy<Value = Accept> {
    (vec(accept_group(), 0..3), any::<bool>(), duration()).prop_map(|(groups, all_or_nothing, filter)| Accept {
        groups,
        all_or_nothing,
        filter,
    })
}

fn accept_group() -> impl Strategy<Value = AcceptGroup> {
    let known = select(vec!["LAUNCH_GROUP", "RESERVE", "UNRESERVE", "CREATE", "DESTROY"]).prop_map(str::to_owned);
    let operation = prop_oneof![
        4 => vec(task_spec(), 0..3).prop_map(Operation::Launch),
        1 => known.prop_map(Operation::Unimplemented),
        1 => display_name().prop_map(Operation::Unimplemented),
    ];
    (vec(offer_id(), 0..4), vec(operation, 0..3)).prop_map(|(leases, operations)| AcceptGroup { leases, operations })
}

fn refused_call() -> impl Strategy<Value = RefusedCall> {
    (display_name(), sentence()).prop_map(|(call, reason)| RefusedCall { call, reason })
}

pub(crate) fn to_framework() -> impl Strategy<Value = ToFramework> {
    (session_id(), event()).prop_map(|(session, event)| ToFramework { session, event })
}

fn event() -> impl Strategy<Value = FrameworkEvent> {
    let kind = select(vec![SessionEndKind::Fenced, SessionEndKind::Removed, SessionEndKind::Invalid]);
    prop_oneof![
        1 => (framework_id(), epoch(), duration()).prop_map(|(framework, epoch, heartbeat)| {
            FrameworkEvent::Subscribed(Subscribed { framework, epoch, heartbeat })
        }),
        4 => vec(offer(), 0..4).prop_map(FrameworkEvent::Offers),
        1 => vec(offer_id(), 0..4).prop_map(FrameworkEvent::Rescinded),
        2 => task_update().prop_map(|update| FrameworkEvent::Update(Box::new(update))),
        1 => explanation().prop_map(|explanation| FrameworkEvent::Explained(Box::new(explanation))),
        1 => refused_call().prop_map(FrameworkEvent::CallRefused),
        1 => (kind, sentence()).prop_map(|(kind, message)| FrameworkEvent::Ended(SessionEnd { kind, message })),
        1 => Just(FrameworkEvent::Heartbeat),
    ]
}

fn offer() -> impl Strategy<Value = Offer> {
    let agent = (agent_id(), display_name(), attributes(), option::of(domain()));
    let agent = agent.prop_map(|(id, hostname, attributes, domain)| OfferedAgent { id, hostname, attributes, domain });
    let place = (agent.prop_map(Arc::new), option::of(unavailability()));
    (offer_id(), role(), place, huge_resources(), duration()).prop_map(|(id, role, (agent, unavailability), resources, lease)| {
        Offer { id, role, agent, resources, lease, unavailability }
    })
}
