//! Who is offered what: demand, its shapes and versions, and what follows at once from each change.

use meros_types::{Call, Demand, DemandCall, Resources, Shape};

use crate::harness::*;

fn shape(each: &str, any_ports: u32, copies: Option<u64>) -> Shape {
    Shape { any_ports, copies, ..Shape::of(resources(each)) }
}

#[test]
fn nothing_is_offered_to_whoever_wants_nothing() {
    let mut world = World::new().with_framework("f");
    world.check(registers("a"), &["a registered"]);
    world.check(says("f", [demand(1, Demand::nothing())]), &[]);
    world.check(says("f", [demand(2, copies("cpus:1", 0))]), &[]);
}

#[test]
fn anything_is_the_whole_remainder_of_each_agent() {
    let mut world = World::new().with_framework("f");
    world.run(registers("a").with("cpus:4;mem:8GiB;ports:[31000-31009]"));
    world.run(registers("b").with("cpus:0.005;mem:1MiB"));
    world.check(says("f", [demand(1, Demand::anything())]), &["f offers 1@a(cpus:4;mem:8GiB;ports:[31000-31009])"]);
}

#[test]
fn an_offer_is_as_large_as_the_want_and_no_larger() {
    let mut world = World::new().with_agent("a", "cpus:4;mem:8GiB").with_agent("b", "cpus:4;mem:8GiB").with_framework("f");
    world.check(says("f", [demand(1, copies("cpus:1;mem:1GiB", 6))]), &["f offers 1@a(cpus:4;mem:4GiB) 2@b(cpus:2;mem:2GiB)"]);
}

#[test]
fn ports_are_given_by_name_or_by_number() {
    let mut world = World::new().with_agent("a", "cpus:4;ports:[31000-31009]").with_framework("f");
    let shapes = vec![shape("cpus:1;ports:[31002-31002]", 2, Some(3))];
    world.check(says("f", [demand(1, Demand { shapes })]), &["f offers 1@a(cpus:1;ports:[31000-31002])"]);
}

#[test]
fn live_leases_count_against_a_new_version_of_the_want() {
    let mut world = World::new().with_agent("a", "cpus:4").with_agent("b", "cpus:4").with_framework("f");
    world.check(says("f", [demand(1, copies("cpus:1", 3))]), &["f offers 1@a(cpus:3)"]);
    world.check(says("f", [demand(2, copies("cpus:1", 3))]), &[]);
    world.check(says("f", [demand(3, copies("cpus:1", 5))]), &["f offers 2@a(cpus:1) 3@b(cpus:1)"]);
}

#[test]
fn an_old_version_of_the_demand_is_ignored() {
    let mut world = World::new().with_agent("a", "cpus:4").with_framework("f");
    world.run(says("f", [demand(5, Demand::nothing())]));
    world.check(says("f", [demand(5, Demand::anything()), demand(4, Demand::anything())]), &[]);
    world.check(says("f", [demand(6, Demand::anything())]), &["f offers 1@a(cpus:4)"]);
}

#[test]
fn a_demand_for_a_role_that_was_not_subscribed_is_refused() {
    let mut world = World::new().with_framework("f");
    let call = Call::Demand(DemandCall { role: role("other"), version: 1, demand: Demand::anything() });
    world.check(says("f", [call]), &["f DEMAND refused: the framework did not subscribe with role other"]);
    let shapes = vec![shape("cpus:1", 0, None); 65];
    world.check(says("f", [demand(1, Demand { shapes })]), &["f DEMAND refused: a demand may have 64 shapes at the most"]);
}

#[test]
fn suppressing_leaves_offers_that_stand_and_makes_no_more() {
    let mut world = World::new().with_agent("a", "cpus:4").with_taker("f");
    world.check(says("f", [demand(2, Demand::nothing())]), &[]);
    world.check(registers("b"), &["b registered"]);
    world.check(says("f", [decline(&[1], 0)]), &[]);
}

#[test]
fn what_a_decline_frees_is_offered_in_the_same_flush() {
    let mut world = World::new().with_agent("a", "cpus:4").with_taker("f").with_taker("g");
    world.check(says("f", [decline(&[1], 5)]), &["g offers 2@a(cpus:4)"]);
    world.check(says("g", [decline(&[2], 5)]), &[]);
}

#[test]
fn what_a_task_frees_is_offered_in_the_same_flush() {
    let world = World::new().with_agent("a", "cpus:4").with_taker("f");
    let mut world = world.after(says("f", [accept(&[1], &[("t", "cpus:4")])]));
    world.check(
        states("a", "f", "t", (1, 1), meros_types::TaskState::Finished, 1),
        &["f t FINISHED EXITED #1", "f offers 2@a(cpus:4)"],
    );
}

/// An agent and a client that turn up in one batch meet once.
#[test]
fn nothing_is_offered_twice_in_one_pass() {
    let mut world = World::new().with_framework("f");
    let both = batch([registers("a").into(), says("f", [demand(1, Demand::anything())])]);
    world.check(both, &["a registered", "f offers 1@a(cpus:4;mem:8GiB)"]);
}

/// The want that closed is open again, though another of the same client was open all the time.
#[test]
fn a_want_that_opens_again_looks_at_every_agent() {
    let mut world = World::new().with_agent("a", "cpus:1").with_agent("b", "cpus:1").with_framework("f");
    let shapes = vec![shape("cpus:1", 0, Some(1)), shape("cpus:100", 0, None)];
    world.check(says("f", [demand(1, Demand { shapes })]), &["f offers 1@a(cpus:1)"]);
    world.check(says("f", [decline(&[1], 5)]), &["f offers 2@b(cpus:1)"]);
}

#[test]
fn a_want_opens_again_when_its_agent_is_lost() {
    let mut world = World::new().with_agent("a", "cpus:1").with_agent("b", "cpus:1").with_framework("f");
    world.run(says("f", [demand(1, copies("cpus:1", 1))]));
    world.check(closes("a"), &["f rescinded 1", "f offers 2@b(cpus:1)"]);
}

/// Two that want crumbs of a large agent: a step for each crumb would take for ever.
#[test]
fn crumbs_are_shared_in_portions() {
    let mut world = World::new().with_agent("a", "mem:1TiB").with_framework("f").with_framework("g");
    let crumbs = |name| says(name, [demand(1, Demand { shapes: vec![shape("mem:1B", 0, None)] })]);
    let lines = world.run(batch([crumbs("f"), crumbs("g")]));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(world.agent_state("a").free, Resources::none());
    let state = world.master.state();
    let most = state.frameworks.iter().map(|framework| framework.allocated.memory_bytes()).max().unwrap();
    assert!(most < 600 << 30, "{most}");
}
