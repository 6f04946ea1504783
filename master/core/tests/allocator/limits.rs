//! Limits hold at each level, and a role that is at its limit is looked at again when it no longer is.

use meros_types::{Demand, RoleSettings};
use proptest::prelude::*;

use crate::harness::*;

#[test]
fn a_limit_holds_for_all_below_it() {
    let mut world = World::new();
    world.role("eng", limit("cpus:5")).role("eng/a", limit("cpus:2")).agent("m", "cpus:16");
    for (name, of) in [("a", "eng/a"), ("b", "eng/b"), ("o", "ops")] {
        world.client(name, of).wants(name, each("cpus:1"));
    }
    world.pass();
    let held: Vec<_> = ["a", "b", "o"].iter().map(|name| world.held(name).cpu_milli()).collect();
    assert_eq!(held, [2_000, 3_000, 11_000]);
}

#[test]
fn who_takes_anything_is_offered_what_the_limit_leaves() {
    let mut world = World::new();
    world.role("eng", limit("cpus:6;licences:1")).client("f", "eng").wants("f", Demand::anything());
    world.agent("m", "cpus:4;mem:8GiB;licences:4").agent("n", "cpus:4;mem:8GiB;ports:[1-2]").agent("o", "mem:8GiB");
    let lines = ["f m cpus:4;mem:8GiB;licences:1", "f n cpus:2;mem:8GiB;ports:[1-2]"];
    assert_eq!(world.pass(), lines, "and no memory alone, though nobody limits that");
}

#[test]
fn what_a_role_gives_back_it_may_take_anywhere() {
    let mut world = World::new();
    world.role("eng", limit("cpus:2")).client("f", "eng").wants("f", copies("cpus:2", 9)).agent("m", "cpus:2").agent("n", "cpus:2");
    assert_eq!(world.pass(), ["f m cpus:2"]);
    world.client("g", "eng").wants("g", each("cpus:1"));
    assert_eq!(world.pass(), [""; 0]);
    world.end(&[1]).wants("f", Demand::nothing());
    assert_eq!(world.pass(), ["g m cpus:2"]);
    world.role("eng", limit("cpus:3"));
    assert_eq!(world.pass(), ["g n cpus:1"]);
    world.role("eng", RoleSettings::default());
    assert_eq!(world.pass(), ["g n cpus:1"]);
}

/// It is open for the small one, but not for the large one: that waits for more, and is not forgotten.
#[test]
fn a_limit_may_hold_back_some_and_not_others() {
    let mut world = World::new();
    world.role("eng", limit("cpus:4")).agent("m", "cpus:4").agent("n", "cpus:8");
    world.client("small", "eng").client("large", "eng").wants("small", copies("cpus:1", 1));
    assert_eq!(world.pass(), ["small m cpus:1"]);
    world.wants("large", each("cpus:4"));
    assert_eq!(world.pass(), [""; 0]);
    world.role("eng", limit("cpus:5"));
    assert_eq!(world.pass(), ["large n cpus:4"]);
}

#[test]
fn a_custom_scalar_can_be_limited() {
    let mut world = World::new();
    world.role("eng", limit("licences:3")).client("f", "eng").wants("f", each("cpus:1;licences:2")).agent("m", "cpus:9;licences:9");
    assert_eq!(world.pass(), ["f m cpus:1;licences:2"]);
    world.role("eng", limit("licences:4"));
    assert_eq!(world.pass(), ["f m cpus:1;licences:2"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_ever_above(limits in proptest::collection::vec(0..9_u64, 4), wants in proptest::collection::vec(0..4_u64, 6)) {
        const ROLES: [&str; 4] = ["a", "a/x", "a/y", "b"];
        let mut world = World::new();
        for (of, most) in ROLES.iter().zip(&limits) {
            world.role(of, limit(&format!("cpus:{most}")));
        }
        world.agent("m", "cpus:7;mem:9GiB").agent("n", "cpus:7;mem:9GiB");
        for (at, want) in wants.iter().enumerate() {
            let name = at.to_string();
            let demand = if *want == 0 { Demand::anything() } else { each(&format!("cpus:{want}")) };
            world.client(&name, ROLES[at % ROLES.len()]).wants(&name, demand);
        }
        world.pass();
        for (of, most) in ROLES.iter().zip(&limits) {
            let consumed = world.allocator.role_state(&role(of)).unwrap().consumed;
            prop_assert!(consumed.cpu_milli() <= most * 1_000, "{of} has {consumed} and may have {most}");
        }
    }
}
