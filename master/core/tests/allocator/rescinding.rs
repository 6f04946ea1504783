//! Which offers must end for a lowered limit.

use crate::harness::*;

fn above(world: &World) -> Vec<usize> {
    let newest_first = world.offers.iter().rev().map(|(number, offer)| (*number, offer.client, &offer.resources));
    world.allocator.offers_above_limits(newest_first)
}

/// Offers of one CPU each: 1 to 4 of `eng/a`, 5 to 8 of `ops`.
fn offered() -> World {
    let mut world = World::new();
    for agent in 0..8 {
        world.agent(&agent.to_string(), "cpus:1;mem:1GiB");
    }
    world.client("e", "eng/a").wants("e", copies("cpus:1", 4));
    world.pass();
    world.client("o", "ops").wants("o", copies("cpus:1", 4));
    world.pass();
    world
}

#[test]
fn the_newest_end_and_just_enough_of_them() {
    let mut world = offered();
    assert_eq!(above(&world), [0; 0]);
    world.role("eng", limit("cpus:1.5"));
    assert_eq!(above(&world), [4, 3, 2]);
    world.end(&[4, 3, 2]);
    assert_eq!(above(&world), [0; 0]);
    assert_eq!(world.pass(), [""; 0], "what was taken back is not offered again");
}

#[test]
fn what_ends_for_one_limit_counts_for_the_others_around_it() {
    let mut world = offered();
    world.role("eng/a", limit("cpus:2")).role("eng", limit("cpus:3")).role("ops", limit("mem:0B"));
    assert_eq!(above(&world), [4, 3]);
}
