//! What a framework's offers are to be like.

use meros_types::{Demand, LEASE_MAX, LEAST_MAX, OfferPreferences};

use crate::harness::*;

#[test]
fn offers_stand_for_as_long_as_their_framework_has_asked() {
    let taker = |name: &str| subscribes(name).then([demand(1, copies("cpus:2", 1))]);
    let mut world = World::new().with_agent("a", "cpus:4").after(taker("f"));
    world.check(taker("g").lease(2), &["g subscribed, epoch 1", "g offers 2@a(cpus:2)"]);
    // The newer one ends first.
    world.check(passes(1), &[]);
    let lines = world.run(passes(1));
    assert_eq!(lines[0], "g rescinded 2");
    let lines = world.run(passes(28));
    assert!(lines.contains(&"f rescinded 1".to_owned()), "{lines:?}");
}

#[test]
fn the_newest_subscription_counts() {
    let mut world = World::new().with_agent("a", "cpus:4").after(subscribes("f").lease(2));
    world.run(subscribes("g").of("f").resumes(1).lease(LEASE_MAX.as_secs()).then([demand(1, Demand::anything())]));
    world.check(passes(LEASE_MAX.as_secs() - 1), &[]);
    assert_eq!(world.run(passes(1))[0], "g rescinded 1");
    let mut world = World::new().with_agent("a", "cpus:4").after(subscribes("f").lease(2));
    world.run(subscribes("g").of("f").then([demand(1, Demand::anything())]));
    world.check(passes(29), &[]);
    assert_eq!(world.run(passes(1))[0], "g rescinded 1");
}

#[test]
fn what_offers_can_t_be_like_is_turned_away() {
    let mut world = World::new();
    for lease in [0, LEASE_MAX.as_secs() + 1] {
        world.check(subscribes("f").lease(lease), &["f ended Invalid", "close f"]);
    }
    let mut many = subscribes("f");
    many.preferences = OfferPreferences { least: vec![resources("cpus:1"); LEAST_MAX + 1], ..OfferPreferences::default() };
    world.check(many, &["f ended Invalid", "close f"]);
    assert_eq!(world.master.state().frameworks, []);
}
