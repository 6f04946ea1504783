//! The users that tasks run as: one for each container, for as long as anything of it is left.

use meros_types::Exit;

use crate::harness::*;

fn with_users(count: u32, ended_kept: usize) -> World {
    World::configured(|config| {
        config.uids = Some(1_000..1_000 + count);
        config.ended_kept = ended_kept;
    })
    .registered()
}

fn ends(world: &mut World, number: usize) -> Vec<String> {
    world.run(world.started(number));
    world.run(world.ended(number, Exit::Code(0)))
}

#[test]
fn each_container_has_its_own_and_the_next_one_is_taken_in_turn() {
    let mut world = with_users(3, 0);
    world.check(world.launches(1, "t", "cpus:1"), &["start 1 t as 1000"]);
    world.check(world.launches(2, "u", "cpus:1"), &["start 2 u as 1001"]);
    assert_eq!(ends(&mut world, 1), ["t FINISHED EXITED #2", "remove 1"]);
    world.check(world.launches(3, "v", "cpus:1"), &["start 3 v as 1002"]);
    world.check(world.launches(4, "w", "cpus:1"), &["start 4 w as 1000"]);
}

#[test]
fn with_every_user_at_work_a_launch_is_refused() {
    let mut world = with_users(1, 10);
    world.run(world.launches(1, "t", "cpus:1"));
    world.check(world.launches(2, "u", "cpus:1"), &["u DROPPED AGENT_REFUSED #1"]);
}

/// A range below the number of directories that are kept must not end all launching.
#[test]
fn what_is_over_makes_room_for_what_is_to_run() {
    let mut world = with_users(2, 10);
    for n in 1..=2 {
        world.run(world.launches(n, "t", "cpus:1"));
        ends(&mut world, usize::try_from(n).unwrap());
    }
    world.check(world.launches(3, "u", "cpus:1"), &["remove 1", "start 3 u as 1000"]);
    world.check(world.launches(4, "v", "cpus:1"), &["remove 2", "start 4 v as 1001"]);
    world.check(world.launches(5, "w", "cpus:1"), &["w DROPPED AGENT_REFUSED #5"]);
}

/// A launch that is refused anyway removes nothing.
#[test]
fn a_refused_launch_costs_nobody_a_directory() {
    let mut world = with_users(1, 10);
    world.run(world.launches(1, "t", "cpus:1"));
    ends(&mut world, 1);
    world.check(world.launches(2, "u", "cpus:99"), &["u DROPPED AGENT_REFUSED #3"]);
}

#[test]
fn an_empty_range_starts_nothing() {
    let mut world = with_users(0, 10);
    world.check(world.launches(1, "t", "cpus:1"), &["t DROPPED AGENT_REFUSED #1"]);
}
