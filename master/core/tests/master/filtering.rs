//! Filters and leases: what keeps an agent from being offered again, and what ends that.

use meros_types::{Demand, TaskState};

use crate::harness::*;

fn declined(filter_seconds: u64) -> World {
    World::new().with_agent("a", "cpus:4").with_taker("f").after(says("f", [decline(&[1], filter_seconds)]))
}

#[test]
fn a_declined_agent_is_offered_again_when_the_filter_ends() {
    let mut world = declined(5);
    world.check(passes(4), &[]);
    world.check(passes(1), &["f offers 2@a(cpus:4)"]);
}

#[test]
fn a_filter_is_a_day_at_the_longest() {
    let mut world = declined(u64::MAX);
    world.check(passes(24 * 60 * 60 - 1), &[]);
    world.check(passes(1), &["f offers 2@a(cpus:4)"]);
}

#[test]
fn a_new_version_of_the_demand_clears_filters() {
    let mut world = declined(60);
    world.check(says("f", [demand(2, Demand::anything())]), &["f offers 2@a(cpus:4)"]);
}

#[test]
fn a_new_session_clears_filters() {
    let mut world = declined(60);
    let step = subscribes("g").of("f").resumes(1).then([demand(1, Demand::anything())]);
    world.check(step, &["f ended Fenced", "close f", "g subscribed, epoch 1", "g offers 2@a(cpus:4)"]);
}

#[test]
fn what_has_grown_passes_the_filter_and_what_has_not_does_not() {
    let mut world = World::new().with_agent("a", "cpus:4").with_framework("f").with_framework("g");
    world.run(says("g", [demand(1, copies("cpus:1", 2))]));
    world.check(says("f", [demand(1, Demand::anything())]), &["f offers 2@a(cpus:2)"]);
    world.check(says("f", [decline(&[2], 60)]), &[]);
    // Less than was declined: one task more.
    world.run(says("g", [demand(2, copies("cpus:1", 3))]));
    world.check(says("g", [demand(3, copies("cpus:1", 2)), decline(&[3], 60)]), &[]);
    // More than was declined.
    world.check(says("g", [demand(4, Demand::nothing()), decline(&[1], 60)]), &["f offers 4@a(cpus:4)"]);
}

#[test]
fn an_agent_that_comes_again_is_not_filtered() {
    let mut world = declined(60);
    world.check(registers("b").of("a").with("cpus:4"), &["close a", "b registered", "f offers 2@b(cpus:4)"]);
}

#[test]
fn what_an_accept_leaves_is_filtered() {
    let world = World::new().with_agent("a", "cpus:4").with_taker("f");
    let mut world = world.after(says("f", [accept(&[1], &[("t", "cpus:1")])]));
    world.check(passes(4), &[]);
    world.check(passes(1), &["f offers 2@a(cpus:3)"]);
}

#[test]
fn a_lease_ends_as_a_decline_whose_filter_doubles() {
    let mut world = World::new().with_agent("a", "cpus:4").with_taker("f");
    for (offer, filter) in [(1, 5), (2, 10), (3, 20)] {
        world.check(passes(29), &[]);
        world.check(passes(1), &[&format!("f rescinded {offer}")]);
        world.check(passes(filter - 1), &[]);
        world.check(passes(1), &[&format!("f offers {}@a(cpus:4)", offer + 1)]);
    }
    // Whoever answers is no hoarder.
    world.check(says("f", [decline(&[4], 0)]), &["f offers 5@a(cpus:4)"]);
    world.run(passes(30));
    world.check(passes(5), &["f offers 6@a(cpus:4)"]);
}

#[test]
fn an_expired_offer_goes_to_another_at_once() {
    let mut world = World::new().with_agent("a", "cpus:4").with_taker("f").with_taker("g");
    world.check(passes(30), &["f rescinded 1", "g offers 2@a(cpus:4)"]);
}

/// A decline with a long filter, again and again, leaves nothing behind: `check` counts the filters' ends.
#[test]
fn filters_that_are_replaced_are_forgotten() {
    let mut world = World::new().with_agent("a", "cpus:4").with_taker("f");
    for n in 1..100 {
        world.run(says("f", [decline(&[n], 3600), demand(n + 1, Demand::anything())]));
    }
    let world = world.after(says("f", [accept(&[100], &[("t", "cpus:1")])]));
    let mut world = world.after(states("a", "f", "t", (1, 1), TaskState::Finished, 1));
    world.check(passes(4), &[]);
}
