//! Arbitrary messages, within what the wire allows.

mod agent;
mod demand;
mod framework;
mod operator;
mod state;

pub(crate) use agent::{from_agent, log_stream, to_agent};
pub(crate) use framework::{from_framework, to_framework};
pub(crate) use operator::{explain, mark_gone, remove_window, roles_update, set_duty, set_window};
pub(crate) use state::cluster_state;

use meros_types::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::strategies::{agent_id, display_name, duration, fact_id, huge_resources, launch_id, sentence, task_id, wall_time};

fn command() -> impl Strategy<Value = Command> {
    let program = prop_oneof![any::<String>().prop_map(Program::Shell), vec(any::<String>(), 1..4).prop_map(Program::Words),];
    let environment = btree_map("[A-Za-z_é.-]{1,6}", any::<String>(), 0..4);
    (program, environment).prop_map(|(program, environment)| Command { program, environment })
}

fn task_spec() -> impl Strategy<Value = TaskSpec> {
    let (pids, grace) = (option::of(any::<u32>()), option::of(duration()));
    (task_id(), display_name(), command(), huge_resources(), pids, grace).prop_map(
        |(id, name, command, resources, pids_limit, kill_grace)| TaskSpec { id, name, command, resources, pids_limit, kill_grace },
    )
}

fn exit() -> impl Strategy<Value = Exit> {
    prop_oneof![(0..=255_i32).prop_map(Exit::Code), (1..=127_i32).prop_map(Exit::Signal)]
}

fn usage() -> impl Strategy<Value = Usage> {
    (duration(), duration(), duration(), any::<[u64; 4]>()).prop_map(|(cpu, throttled, wall, counts)| {
        let [memory_peak_bytes, throttled_periods, pids_refused, oom_kills] = counts;
        Usage { cpu, memory_peak_bytes, throttled_periods, throttled, pids_refused, oom_kills, wall }
    })
}

fn limitation() -> impl Strategy<Value = Limitation> {
    (display_name(), any::<u64>(), any::<u64>()).prop_map(|(resource, limit, measured)| Limitation { resource, limit, measured })
}

fn task_state() -> impl Strategy<Value = TaskState> {
    select(TaskState::ALL)
}

fn task_update() -> impl Strategy<Value = TaskUpdate> {
    let kind = (task_state(), select(Source::ALL), select(Reason::ALL), sentence());
    let place = (option::of(launch_id()), option::of(agent_id()), option::of(fact_id()), wall_time());
    let end = (option::of(exit()), option::of(usage()), option::of(limitation()));
    (task_id(), kind, place, end).prop_map(|(task, kind, place, end)| {
        let (state, source, reason, message) = kind;
        let (launch, agent, fact, at) = place;
        let (exit, usage, limitation) = end;
        TaskUpdate { task, launch, agent, state, source, reason, message, exit, usage, limitation, fact, at }
    })
}
