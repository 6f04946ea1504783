//! Weighted shares over the tree of roles.

use std::collections::BTreeSet;

use meros_master_core::allocator::AllocatorConfig;

use crate::harness::*;

fn held(world: &World, names: &[&str]) -> Vec<u64> {
    names.iter().map(|name| world.held(name).cpu_milli() / 1_000).collect()
}

/// `eng` has a half of everything, and `eng/a` three quarters of that.
#[test]
fn weights_divide_each_level_by_itself() {
    let mut world = World::new();
    world.role("eng/a", weight(3)).role("eng/b", weight(1)).role("ops", weight(1)).agent("m", "cpus:32");
    for (name, of) in [("a", "eng/a"), ("b", "eng/b"), ("o", "ops")] {
        world.client(name, of).wants(name, each("cpus:1"));
    }
    world.pass();
    assert_eq!(held(&world, &["a", "b", "o"]), [12, 4, 16]);
}

/// Its own frameworks together are one child beside its child roles.
#[test]
fn a_roles_own_frameworks_share_like_one_child() {
    let mut world = World::new();
    world.agent("m", "cpus:30");
    for (name, of) in [("f", "eng"), ("g", "eng"), ("a", "eng/a"), ("b", "eng/b")] {
        world.client(name, of).wants(name, each("cpus:1"));
    }
    world.pass();
    assert_eq!(held(&world, &["f", "g", "a", "b"]), [5, 5, 10, 10]);
}

#[test]
fn what_somebody_does_not_want_goes_to_the_nearest_in_the_tree() {
    let mut world = World::new();
    world.agent("m", "cpus:16").client("a", "eng/a").client("b", "eng/b").client("o", "ops");
    world.wants("a", copies("cpus:1", 2)).wants("b", each("cpus:1")).wants("o", each("cpus:1"));
    world.pass();
    assert_eq!(held(&world, &["a", "b", "o"]), [2, 6, 8]);
}

#[test]
fn scalars_may_be_left_out_of_shares() {
    let excluded = BTreeSet::from(["mem".to_owned()]);
    let mut world = World::configured(AllocatorConfig { excluded, ..AllocatorConfig::default() });
    world.agent("m", "cpus:12;mem:12GiB").client("f", "*").client("g", "*");
    world.wants("f", each("cpus:1;mem:2GiB")).wants("g", each("cpus:1"));
    world.pass();
    assert_eq!(held(&world, &["f", "g"]), [6, 6]);
}

#[test]
fn a_role_is_known_as_long_as_something_needs_it() {
    let mut world = World::new();
    world.role("eng/a", weight(2)).client("f", "ops/x");
    let names = |world: &World| world.allocator.role_states().into_iter().map(|state| state.role.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&world), ["eng", "eng/a", "ops", "ops/x"]);
    assert_eq!(world.allocator.role_state(&role("ops/x")).unwrap().frameworks, 1);
    world.role("eng/a", weight(1));
    world.allocator.remove_client(world.client_ix("f"));
    assert_eq!(names(&world), [""; 0]);
    world.allocator.check_alone();
}
