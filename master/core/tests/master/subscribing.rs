//! Frameworks subscribe: who takes over from whom, who may resume, and who is turned away.

use meros_types::{Call, Demand};

use crate::harness::*;

#[test]
fn a_new_framework_begins_with_the_first_epoch() {
    World::new().check(subscribes("f"), &["f subscribed, epoch 1"]);
}

#[test]
fn calls_in_the_first_message_apply_before_anything_is_offered() {
    let mut world = World::new().with_agent("a", "cpus:4");
    let step = subscribes("f").then([demand(1, copies("cpus:1", 2))]);
    world.check(step, &["f subscribed, epoch 1", "f offers 1@a(cpus:2)"]);
}

#[test]
fn nothing_follows_a_teardown_in_the_first_message() {
    let mut world = World::new().with_agent("a", "cpus:4");
    let step = subscribes("f").then([Call::Teardown, demand(1, Demand::anything()), kill("t")]);
    world.check(step, &["f subscribed, epoch 1", "f ended Removed", "close f"]);
}

#[test]
fn a_takeover_fences_the_scheduler_before_and_frees_its_offers() {
    let mut world = World::new().with_agent("a", "cpus:4").with_taker("f");
    let step = subscribes("g").of("f").then([demand(1, Demand::anything())]);
    world.check(step, &["f ended Fenced", "close f", "g subscribed, epoch 2", "g offers 2@a(cpus:4)"]);
    // What the fenced one still says is nobody's.
    world.check(says("f", [accept(&[1], &[("t", "cpus:1")])]), &["close f"]);
}

#[test]
fn a_key_finds_its_framework_without_an_id() {
    let mut world = World::new().after(subscribes("f").key("k"));
    world.check(subscribes("g").key("k"), &["f ended Fenced", "close f", "g subscribed, epoch 2"]);
    assert_eq!(world.framework_id("f"), world.framework_id("g"));
}

#[test]
fn resuming_needs_the_newest_epoch() {
    let mut world = World::new().with_framework("f").after(subscribes("g").of("f"));
    world.check(subscribes("h").of("f").resumes(1), &["h ended Fenced", "close h"]);
    world.check(subscribes("i").of("f").resumes(2), &["g ended Fenced", "close g", "i subscribed, epoch 2"]);
}

#[test]
fn an_id_that_was_never_stored_is_over_or_another_clusters() {
    let mut world = World::new();
    world.check(subscribes("g").of("unheard"), &["g ended Removed", "close g"]);
    world.check(subscribes("h").of("unheard").resumes(7), &["h ended Removed", "close h"]);
    // Nor does it help that an agent has heard of it: whoever launched was stored before.
    world.run(registers("a").holding([held("x", "t", (0, 1), meros_types::TaskState::Running, "cpus:1")]));
    world.check(subscribes("i").of("x").resumes(1), &["i ended Removed", "close i"]);
}

#[test]
fn the_last_epoch_there_can_be_is_no_trouble() {
    let mut world = World::new().with_framework("f");
    let last = format!("g subscribed, epoch {}", u64::MAX);
    world.check(subscribes("g").of("f").resumes(u64::MAX), &["f ended Fenced", "close f", &last]);
    let last = format!("h subscribed, epoch {}", u64::MAX);
    world.check(subscribes("h").of("f"), &["g ended Fenced", "close g", &last]);
}

#[test]
fn a_removed_framework_does_not_return() {
    let mut world = World::new().after(subscribes("f").key("k")).after(says("f", [Call::Teardown]));
    world.check(subscribes("g").of("f"), &["g ended Removed", "close g"]);
    // Its key is free for another.
    world.check(subscribes("h").key("k"), &["h subscribed, epoch 1"]);
    assert_ne!(world.framework_id("f"), world.framework_id("h"));
}

#[test]
fn an_id_and_a_key_must_be_of_one_framework() {
    let mut world = World::new().after(subscribes("f").key("k")).after(subscribes("g").key("l"));
    world.check(subscribes("h").of("f").key("l"), &["h ended Invalid", "close h"]);
    world.check(subscribes("i").of("f").key("m"), &["i ended Invalid", "close i"]);
    world.check(subscribes("j").of("x").key("k"), &["j ended Removed", "close j"]);
}

#[test]
fn a_framework_without_a_role_is_turned_away() {
    World::new().check(subscribes("f").roles(&[]), &["f ended Invalid", "close f"]);
}

#[test]
fn the_first_call_must_subscribe() {
    World::new().check(says("f", [Call::Teardown]), &["f ended Invalid", "close f"]);
}

#[test]
fn subscribing_twice_over_one_stream_is_refused() {
    let mut world = World::new().with_framework("f");
    let again = world.subscription(&subscribes("f"));
    world.check(says("f", [again]), &["f SUBSCRIBE refused: this stream is subscribed already"]);
}

#[test]
fn roles_that_are_subscribed_with_no_more_are_forgotten() {
    let mut world = World::new().with_agent("a", "cpus:4").after(subscribes("f").roles(&["r0"]));
    for n in 1..50 {
        let (name, of) = (format!("f{n}"), if n == 1 { "f".to_owned() } else { format!("f{}", n - 1) });
        world.run(subscribes(&name).of(&of).roles(&[&format!("r{n}")]));
    }
    let state = world.master.state();
    assert_eq!(state.frameworks[0].roles, [role("r49")]);
    assert!(!format!("{:?}", world.master).contains("\"r48\""));
}

#[test]
fn a_new_session_begins_with_no_demand_and_its_versions_begin_anew() {
    let mut world = World::new().with_agent("a", "cpus:4").with_framework("f");
    world.run(says("f", [demand(9, copies("cpus:1", 1))]));
    world.check(subscribes("g").of("f").resumes(1), &["f ended Fenced", "close f", "g subscribed, epoch 1"]);
    world.check(says("g", [demand(1, copies("cpus:1", 1))]), &["g offers 2@a(cpus:1)"]);
}
