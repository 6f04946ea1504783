//! Filters: what they cover, when they end, and that they leave nothing behind.

use std::time::Duration;

use meros_types::{Demand, Time};

use crate::harness::*;

fn declined(seconds: u64) -> World {
    let mut world = World::new();
    world.agent("m", "cpus:4").client("f", "*").wants("f", Demand::anything());
    world.pass();
    world.declines("f", seconds);
    assert_eq!(world.pass(), [""; 0]);
    world
}

#[test]
fn it_ends_when_its_time_has_come() {
    let mut world = declined(5);
    assert_eq!(world.allocator.wakeup(), Some(Time(5_000_000_000)));
    assert_eq!(world.passes(4).pass(), [""; 0]);
    assert_eq!(world.passes(1).pass(), ["f m cpus:4"]);
    assert_eq!(world.allocator.wakeup(), None);
}

/// Less than was declined is covered, as much is, and more is not.
#[test]
fn what_has_grown_passes() {
    let mut world = World::new();
    world.agent("m", "cpus:4").client("g", "*").client("f", "*").wants("g", copies("cpus:1", 2));
    world.pass();
    world.wants("f", Demand::anything());
    assert_eq!(world.pass(), ["f m cpus:2"]);
    world.declines("f", 60);
    assert_eq!(world.pass(), [""; 0]);
    world.wants("g", copies("cpus:1", 3));
    assert_eq!(world.pass(), ["g m cpus:1"]);
    world.wants("g", copies("cpus:1", 2)).end(&[3]);
    assert_eq!(world.pass(), [""; 0]);
    world.wants("g", Demand::nothing()).end(&[1]);
    assert_eq!(world.pass(), ["f m cpus:4"]);
}

#[test]
fn a_new_demand_clears_them() {
    let mut world = declined(60);
    assert_eq!(world.wants("f", each("cpus:1")).pass(), ["f m cpus:4"]);
    assert_eq!(world.allocator.wakeup(), None);
}

/// Again and again: `check` sees that fallen filters' ends don't pile up.
#[test]
fn filters_that_fall_leave_nothing_behind() {
    let mut world = declined(60);
    world.client("g", "*").wants("g", copies("cpus:9", 1));
    for n in 0..5_000 {
        let (client, agent) = (world.client_ix(["f", "g"][n % 2]), world.agent_ix("m"));
        world.allocator.declined(Time(n as u64), client, agent, &resources("cpus:4"), Duration::from_secs(60));
        if n % 2 == 0 {
            world.allocator.set_demand(client, copies("cpus:8", 1));
        }
    }
    world.pass();
}

/// Everybody has declined everything.
#[test]
fn all_pairs_keep_everything_from_everybody_until_it_grows() {
    let mut world = World::new();
    let (agents, clients) = (20, 70);
    for agent in 0..agents {
        world.agent(&agent.to_string(), "cpus:4");
    }
    for client in 0..clients {
        let name = format!("f{client}");
        world.client(&name, "*").wants(&name, Demand::anything());
        for agent in 0..agents {
            let (client, agent) = (world.client_ix(&name), world.agent_ix(&agent.to_string()));
            world.allocator.declined(Time(0), client, agent, &resources("cpus:3"), Duration::from_secs(60));
        }
    }
    assert_eq!(world.pass().len(), 20, "there is more than they declined");
    let all: Vec<_> = world.offers.keys().copied().collect();
    world.end(&all);
    for name in world.names() {
        for agent in 0..agents {
            let (client, agent) = (world.client_ix(&name), world.agent_ix(&agent.to_string()));
            world.allocator.declined(Time(0), client, agent, &resources("cpus:4"), Duration::from_secs(60));
        }
    }
    assert_eq!(world.pass(), [""; 0]);
    assert_eq!(world.passes(60).pass().len(), 20);
}

#[test]
fn who_comes_and_goes_loses_its_turn() {
    let mut world = World::new();
    world.agent("m", "cpus:4").client("f", "*").client("g", "*").wants("f", Demand::anything()).wants("g", Demand::anything());
    assert_eq!(world.pass(), ["f m cpus:4"]);
    world.end(&[1]);
    let f = world.client_ix("f");
    world.allocator.set_active(f, false);
    world.allocator.set_active(f, true);
    assert_eq!(world.pass(), ["g m cpus:4"]);
}

/// What is left beside others is too little for the one that waits; whoever takes it ends nobody's turn.
#[test]
fn a_round_does_not_end_by_what_others_leave() {
    let mut world = World::new();
    world.agent("m", "cpus:4").client("a", "*").client("b", "*").client("meek", "*");
    world.wants("a", copies("cpus:2", 1)).wants("b", copies("cpus:2", 1)).wants("meek", copies("cpus:4", 1));
    assert_eq!(world.pass(), ["a m cpus:2", "b m cpus:2"]);
    world.declines("a", 0).declines("b", 0);
    assert_eq!(world.pass(), ["meek m cpus:4"]);
}
