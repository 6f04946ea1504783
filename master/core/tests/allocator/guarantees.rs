//! Guarantees keep a quantity back, wherever it is, and put those first to whom it is owed.

use meros_types::{Demand, RoleSettings};

use crate::harness::*;

fn taker(world: &mut World) -> &mut World {
    world.client("f", "*").wants("f", Demand::anything())
}

#[test]
fn what_is_guaranteed_is_kept_back() {
    let mut world = World::new();
    taker(world.role("eng", guarantee("cpus:6")).agent("m", "cpus:4;mem:4GiB").agent("n", "cpus:4;mem:4GiB"));
    assert_eq!(world.pass(), ["f m cpus:2;mem:4GiB"]);
    world.client("e", "eng").wants("e", each("cpus:1"));
    assert_eq!(world.pass(), ["e m cpus:2", "e n cpus:4", "f n mem:4GiB"]);
}

#[test]
fn who_is_owed_goes_first_however_much_the_role_has() {
    let mut world = World::new();
    world.role("eng", guarantee("cpus:6")).agent("m", "cpus:10");
    for (name, of) in [("o", "ops"), ("e", "eng")] {
        world.client(name, of).wants(name, each("cpus:1"));
    }
    world.pass();
    assert_eq!((world.held("e"), world.held("o")), (resources("cpus:6"), resources("cpus:4")));
}

/// The guarantee of one below is met, that of the role around it is not.
#[test]
fn what_a_role_is_owed_beyond_its_children_is_for_all_below_it() {
    let mut world = World::new();
    world.role("eng", guarantee("cpus:6")).role("eng/a", guarantee("cpus:4")).agent("m", "cpus:8");
    for (name, of) in [("o", "ops"), ("b", "eng/b")] {
        world.client(name, of).wants(name, each("cpus:1"));
    }
    world.pass();
    assert_eq!((world.held("b"), world.held("o")), (resources("cpus:2"), resources("cpus:2")));
    let unmet = |of| world.allocator.role_state(&role(of)).unwrap().unmet;
    assert_eq!((unmet("eng"), unmet("eng/a")), (resources("cpus:4"), resources("cpus:4")));
}

/// Shares alone would give each a half; what is kept back for somebody who doesn't ask changes nothing between the others.
#[test]
fn a_guarantee_that_nobody_uses_puts_nobody_first() {
    let mut world = World::new();
    world.role("eng/idle", guarantee("cpus:2")).role("ops", guarantee("mem:1GiB")).agent("m", "cpus:10;mem:1GiB");
    for (name, of) in [("e", "eng/x"), ("o", "ops"), ("p", "pub")] {
        world.client(name, of).wants(name, copies("cpus:1", 8));
    }
    world.pass();
    let held: Vec<_> = ["e", "o", "p"].iter().map(|name| world.held(name).cpu_milli() / 1_000).collect();
    assert_eq!(held.iter().sum::<u64>(), 8);
    assert!(held.iter().all(|cpus| (2..=3).contains(cpus)), "{held:?}");
}

/// There is not as much as is guaranteed: all of it is kept back, and who is owed takes it.
#[test]
fn more_than_there_is_can_be_guaranteed() {
    let mut world = World::new();
    taker(world.role("eng", guarantee("cpus:20")).agent("m", "cpus:4;mem:4GiB"));
    assert_eq!(world.pass(), [""; 0]);
    world.client("e", "eng").wants("e", each("cpus:3"));
    assert_eq!(world.pass(), ["e m cpus:3"]);
}

/// What becomes free on one agent lets somebody take what lay kept back on another.
#[test]
fn who_was_held_back_is_looked_at_again() {
    let mut world = World::new();
    world.role("eng", guarantee("cpus:4")).client("g", "*").wants("g", copies("cpus:4", 1));
    world.agent("m", "cpus:4").agent("n", "cpus:2").agent("o", "cpus:2");
    assert_eq!(world.pass(), ["g m cpus:4"]);
    world.client("f", "*").wants("f", copies("cpus:2", 1));
    assert_eq!(world.pass(), [""; 0]);
    world.wants("g", Demand::nothing()).end(&[1]);
    assert_eq!(world.pass(), ["f m cpus:2"]);
    world.wants("f", copies("cpus:2", 3));
    assert_eq!(world.pass(), ["f m cpus:2"]);
    world.role("eng", guarantee("cpus:2"));
    assert_eq!(world.pass(), ["f n cpus:2"]);
    world.role("eng", RoleSettings::default()).wants("f", each("cpus:1"));
    assert_eq!(world.pass(), ["f o cpus:2"]);
}

/// The kept CPUs are taken in the same pass, and then memory alone is worth an offer.
#[test]
fn a_guarantee_that_is_met_in_a_pass_keeps_nothing_back_in_it() {
    let mut world = World::new();
    taker(world.role("eng", guarantee("cpus:2")).agent("m", "cpus:2;mem:4GiB"));
    assert_eq!(world.pass(), [""; 0]);
    world.client("e", "eng").wants("e", copies("cpus:2", 1));
    assert_eq!(world.pass(), ["e m cpus:2", "f m mem:4GiB"]);
}
