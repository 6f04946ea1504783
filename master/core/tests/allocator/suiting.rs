//! Which agents suit whom, beside their size.

use meros_master_core::allocator::{AllocatorConfig, Traits};
use meros_types::Demand;

use crate::harness::*;

#[test]
fn a_shape_goes_only_where_its_constraints_hold() {
    let mut world = World::new();
    world.agent_like("m", "cpus:4", "rack:a", None).agent_like("n", "cpus:4", "rack:b", None).agent("o", "cpus:4");
    world.client("f", "*").wants("f", on("cpus:1", &["rack", "rack!=a"]));
    assert_eq!(world.pass(), ["f n cpus:4"]);
}

#[test]
fn agents_with_gpus_are_for_those_who_ask_for_some() {
    let mut world = World::new();
    world.agent("g", "cpus:4;gpus:2").agent("m", "cpus:4").client("f", "*").wants("f", Demand::anything());
    assert_eq!(world.pass(), ["f m cpus:4"]);
    world.client("h", "*").wants("h", copies("cpus:1;gpus:1", 1));
    assert_eq!(world.pass(), ["h g cpus:1;gpus:1"]);
    world.client_like("i", "*", Traits { gpu_agents: true, ..Traits::default() }).wants("i", Demand::anything());
    assert_eq!(world.pass(), ["i g cpus:3;gpus:1"]);
}

#[test]
fn remote_agents_are_for_those_who_ask_for_a_region() {
    let mut world = World::configured(AllocatorConfig { region: Some("eu".to_owned()), ..AllocatorConfig::default() });
    world.agent_like("far", "cpus:4", "", Some("us/us-1")).agent_like("near", "cpus:4", "", Some("eu/eu-1")).agent("m", "cpus:4");
    world.client("f", "*").wants("f", each("cpus:4"));
    assert_eq!(world.pass(), ["f near cpus:4", "f m cpus:4"]);
    world.client("g", "*").wants("g", Demand { shapes: on("cpus:1", &["@region=us"]).shapes });
    assert_eq!(world.pass(), ["g far cpus:4"]);
    world.wants("g", Demand::nothing()).end(&[3]);
    world.client_like("h", "*", Traits { remote_regions: true, ..Traits::default() }).wants("h", Demand::anything());
    assert_eq!(world.pass(), ["h far cpus:4"]);
}

#[test]
fn who_takes_anything_takes_no_less_than_its_least() {
    let mut world = World::new();
    world.agent("m", "cpus:0.005;mem:31MiB;disk:1TiB").agent("n", "cpus:1;mem:1MiB");
    world.client("f", "*").wants("f", Demand::anything());
    assert_eq!(world.pass(), ["f n cpus:1;mem:1MiB"]);
    let least = vec![resources("disk:1GiB")];
    world.client_like("g", "*", Traits { least, ..Traits::default() }).wants("g", Demand::anything());
    assert_eq!(world.pass(), ["g m cpus:0.005;mem:31MiB;disk:1TiB"]);
}

#[test]
fn new_traits_open_what_was_closed() {
    let mut world = World::new();
    world.agent("g", "cpus:4;gpus:2").client("f", "*").wants("f", each("cpus:1"));
    assert_eq!(world.pass(), [""; 0]);
    world.allocator.set_traits(world.client_ix("f"), Traits { gpu_agents: true, ..Traits::default() });
    assert_eq!(world.pass(), ["f g cpus:4"]);
}
