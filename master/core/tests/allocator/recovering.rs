//! A master that has just started doesn't know yet what limited roles have.

use meros_types::Standing;

use crate::harness::*;

#[test]
fn limited_roles_wait_and_others_go_on() {
    let mut world = World::new();
    world.role("eng", limit("cpus:4")).agent("m", "cpus:4").agent("n", "cpus:4");
    world.allocator.set_recovering(true);
    world.client("e", "eng/a").wants("e", each("cpus:4")).client("o", "ops").wants("o", copies("cpus:4", 1));
    assert_eq!(world.pass(), ["o m cpus:4"]);
    assert_eq!((world.explain("e").standing, world.explain("o").standing), (Standing::Recovering, Standing::Sated));
    world.allocator.set_recovering(false);
    assert_eq!(world.pass(), ["e n cpus:4"]);
}

#[test]
fn a_limit_that_comes_while_recovering_waits_too() {
    let mut world = World::new();
    world.agent("m", "cpus:4").client("e", "eng");
    world.allocator.set_recovering(true);
    world.role("eng", limit("cpus:9")).wants("e", each("cpus:4"));
    assert_eq!(world.pass(), [""; 0]);
    world.role("eng", meros_types::RoleSettings::default());
    assert_eq!(world.pass(), ["e m cpus:4"]);
}
