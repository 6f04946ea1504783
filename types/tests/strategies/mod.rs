//! Arbitrary values of the vocabulary: quantities, ids and names. The wire's tests include this file too.
//!
//! Small values are drawn often, so that two draws meet; the bounds themselves are drawn as well.

#![allow(dead_code, reason = "each test binary that includes this file uses some of it")]

use std::time::Duration;

use meros_types::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// An amount that text and JSON can carry.
pub(crate) fn amount() -> impl Strategy<Value = u64> {
    prop_oneof![2 => Just(0), 4 => 0..4_u64, 2 => 0..100_000_u64, 2 => (0..64_u64).prop_map(|n| n << 30), 1 => 0..=AMOUNT_MAX, 1 => Just(AMOUNT_MAX)]
}

/// Any amount whatever, up to where sums overflow.
pub(crate) fn huge_amount() -> impl Strategy<Value = u64> {
    prop_oneof![4 => amount(), 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

/// Ranges of ports, valid, in any order, touching and overlapping; often near the ends.
pub(crate) fn port_ranges() -> impl Strategy<Value = Vec<(u16, u16)>> {
    let first = prop_oneof![8 => 0..48_u16, 1 => 65_500..=65_535_u16, 1 => any::<u16>()];
    let range = (first, 0..6_u16).prop_map(|(first, more)| (first, first.saturating_add(more)));
    vec(range, 0..5)
}

pub(crate) fn ports() -> impl Strategy<Value = Ports> {
    port_ranges().prop_map(Ports::from_ranges)
}

fn resources_of<A: Strategy<Value = u64>>(amount: fn() -> A) -> impl Strategy<Value = Resources> {
    let common = (amount(), amount(), amount(), amount());
    let name = prop_oneof![4 => "[a-c]", 1 => "[a-z][a-z0-9_.-]{0,10}"];
    // The names of the common scalars are refused as custom ones; such a draw leaves the quantity as it is.
    let custom = vec((name, amount()), 0..4);
    (common, custom, ports()).prop_map(|((cpu, memory, disk, gpu), custom, ports)| {
        let all = Resources::none().with_cpu_milli(cpu).with_memory_bytes(memory).with_disk_bytes(disk).with_gpu_milli(gpu);
        let with = |all: Resources, (name, milli): &(String, u64)| all.clone().with_custom(name, *milli).unwrap_or(all);
        custom.iter().fold(all, with).with_ports(ports)
    })
}

/// A quantity that text and JSON can carry.
pub(crate) fn resources() -> impl Strategy<Value = Resources> {
    resources_of(amount)
}

/// Any quantity, up to where sums overflow.
pub(crate) fn huge_resources() -> impl Strategy<Value = Resources> {
    resources_of(huge_amount)
}

pub(crate) fn shape() -> impl Strategy<Value = Shape> {
    let copies = option::of(prop_oneof![0..4_u64, any::<u64>()]);
    let any_ports = prop_oneof![4 => 0..3_u32, 1 => any::<u32>()];
    (resources(), any_ports, copies).prop_map(|(resources, any_ports, copies)| Shape { any_ports, copies, ..Shape::of(resources) })
}

pub(crate) fn role() -> impl Strategy<Value = Role> {
    let text = prop_oneof![1 => Just("*".to_owned()), 4 => "[a-zA-Z0-9_][a-z0-9_.-]{0,6}(/[A-Z0-9_][a-z0-9_.-]{0,6}){0,2}"];
    text.prop_map(|text| Role::new(&text).expect("a role"))
}

pub(crate) fn attributes() -> impl Strategy<Value = Attributes> {
    let pair = ("[a-z]{1,4}", "[a-zA-Z0-9:é,/=]{1,8}");
    proptest::collection::btree_map(pair.0, pair.1, 0..4).prop_map(|pairs| Attributes::new(pairs).expect("attributes"))
}

pub(crate) fn task_id() -> impl Strategy<Value = TaskId> {
    prop_oneof![8 => "[!-.0-~]{1,12}", 1 => "[!-.0-~]{128}"].prop_map(|text| TaskId::new(text).expect("a task id"))
}

/// What people see: anything but control characters.
pub(crate) fn display_name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z-]{0,12}", 1 => "\\PC{0,20}"]
}

pub(crate) fn sentence() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z .]{0,20}", 1 => any::<String>()]
}

pub(crate) fn duration() -> impl Strategy<Value = Duration> {
    let any_length = (any::<u64>(), 0..1_000_000_000_u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos));
    prop_oneof![1 => Just(Duration::ZERO), 4 => (0..100_000_u64).prop_map(Duration::from_millis), 2 => any_length, 1 => Just(Duration::MAX)]
}

pub(crate) fn agent_id() -> impl Strategy<Value = AgentId> {
    any::<[u8; 16]>().prop_map(AgentId::from_bytes)
}

pub(crate) fn framework_id() -> impl Strategy<Value = FrameworkId> {
    any::<[u8; 16]>().prop_map(FrameworkId::from_bytes)
}

pub(crate) fn container_id() -> impl Strategy<Value = ContainerId> {
    any::<[u8; 16]>().prop_map(ContainerId::from_bytes)
}

pub(crate) fn incarnation() -> impl Strategy<Value = Incarnation> {
    any::<[u8; 16]>().prop_map(Incarnation::from_bytes)
}

pub(crate) fn session_id() -> impl Strategy<Value = SessionId> {
    any::<(u64, u64)>().prop_map(|(term, n)| SessionId { term: Term(term), n })
}

pub(crate) fn launch_id() -> impl Strategy<Value = LaunchId> {
    any::<(u64, u64)>().prop_map(|(term, n)| LaunchId { term: Term(term), n })
}

pub(crate) fn fact_id() -> impl Strategy<Value = FactId> {
    (incarnation(), any::<u64>()).prop_map(|(incarnation, n)| FactId { incarnation, n })
}

pub(crate) fn offer_id() -> impl Strategy<Value = OfferId> {
    any::<u64>().prop_map(OfferId)
}

pub(crate) fn epoch() -> impl Strategy<Value = Epoch> {
    any::<u64>().prop_map(Epoch)
}

pub(crate) fn wall_time() -> impl Strategy<Value = WallTime> {
    any::<u64>().prop_map(WallTime)
}
