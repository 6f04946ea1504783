//! Between an agent and the master.

use meros_types::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::operator::domain;
use super::{task_spec, task_state, task_update};
use crate::strategies::*;

pub(crate) fn from_agent() -> impl Strategy<Value = FromAgent> {
    let fact = (framework_id(), task_update()).prop_map(|(framework, update)| Fact { framework, update });
    let report = prop_oneof![
        2 => register().prop_map(|register| AgentReport::Register(Box::new(register))),
        2 => fact.prop_map(|fact| AgentReport::Fact(Box::new(fact))),
        1 => Just(AgentReport::Heartbeat),
    ];
    (option::of(session_id()), report).prop_map(|(session, report)| FromAgent { session, report })
}

fn register() -> impl Strategy<Value = Register> {
    let secret = any::<[u8; 16]>().prop_map(AgentSecret::from_bytes);
    let who = (option::of(agent_id()), secret, incarnation(), any::<u64>().prop_map(Term), display_name());
    let what = (resources(), attributes(), option::of(domain()), vec(container(), 0..3));
    (who, what).prop_map(|((agent, secret, incarnation, term, hostname), (resources, attributes, domain, containers))| Register {
        agent,
        secret,
        boot: BootId::new("a boot"),
        incarnation,
        term,
        hostname,
        resources,
        attributes,
        domain,
        containers,
    })
}

fn container() -> impl Strategy<Value = ContainerSnapshot> {
    let task = (task_id(), display_name(), task_state()).prop_map(|(task, name, state)| TaskSnapshot { task, name, state });
    let ids = (container_id(), framework_id(), epoch(), role(), launch_id());
    (ids, resources(), vec(task, 0..3)).prop_map(|((container, framework, epoch, role, launch), resources, tasks)| {
        ContainerSnapshot { container, framework, epoch, role, launch, resources, tasks }
    })
}

pub(crate) fn to_agent() -> impl Strategy<Value = ToAgent> {
    let kill = (launch_id(), option::of(duration())).prop_map(|(launch, grace)| KillOrder { launch, grace });
    let acknowledged = (framework_id(), fact_id()).prop_map(|(framework, fact)| Acknowledged { framework, fact });
    let order = prop_oneof![
        1 => (agent_id(), duration()).prop_map(|(agent, heartbeat)| AgentOrder::Registered(Registered { agent, heartbeat })),
        3 => launch().prop_map(|launch| AgentOrder::Launch(Box::new(launch))),
        1 => kill.prop_map(AgentOrder::Kill),
        1 => acknowledged.prop_map(AgentOrder::Acknowledged),
        1 => framework_id().prop_map(AgentOrder::Resend),
        1 => open_log().prop_map(AgentOrder::OpenLog),
        1 => (any::<bool>(), sentence()).prop_map(|(retry, message)| AgentOrder::Refused(Refusal { retry, message })),
        1 => Just(AgentOrder::Heartbeat),
    ];
    (session_id(), order).prop_map(|(session, order)| ToAgent { session, order })
}

fn launch() -> impl Strategy<Value = Launch> {
    (launch_id(), framework_id(), epoch(), role(), task_spec()).prop_map(|(launch, framework, epoch, role, task)| Launch {
        launch,
        framework,
        epoch,
        role,
        task,
    })
}

pub(crate) fn log_stream() -> impl Strategy<Value = LogStream> {
    prop_oneof![Just(LogStream::Stdout), Just(LogStream::Stderr)]
}

fn open_log() -> impl Strategy<Value = OpenLog> {
    (any::<u64>(), launch_id(), log_stream(), any::<u64>(), any::<bool>())
        .prop_map(|(request, launch, stream, offset, follow)| OpenLog { request, launch, stream, offset, follow })
}
