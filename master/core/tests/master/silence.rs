//! Heartbeats, and peers that say nothing any more.

use std::time::Duration;

use meros_types::TaskState::Running;

use crate::harness::*;

#[test]
fn each_stream_carries_a_heartbeat_every_five_seconds() {
    let mut world = World::new().with_agent("a", "cpus:4").with_framework("f");
    world.shows_heartbeats = true;
    world.check(passes(5), &["a heartbeat", "f heartbeat"]);
    world.check(passes(10), &["a heartbeat", "f heartbeat", "a heartbeat", "f heartbeat"]);
}

#[test]
fn a_silent_agent_is_unreachable_after_half_a_minute_in_all() {
    let world = World::new().with_agent("silent agent", "cpus:4").with_taker("f");
    let world = world.after(says("f", [accept(&[1], &[("t", "cpus:1")])]));
    let mut world = world.after(states("silent agent", "f", "t", (1, 1), Running, 1)).after(passes(5));
    world.check(passes(24), &[]);
    let lines = ["close silent agent", "f rescinded 2", "f t UNREACHABLE AGENT_UNREACHABLE"];
    world.check(passes(1), &lines);
    world.check(closes("silent agent"), &[]);
}

#[test]
fn a_silent_framework_loses_its_stream_and_then_its_time_begins() {
    let mut world = World::new().with_agent("a", "cpus:4").with_framework("silent f");
    world.check(passes(29), &[]);
    world.check(passes(1), &["close silent f"]);
    world.check(passes(59), &[]);
    assert_eq!(world.master.state().frameworks.len(), 1);
    world.run(passes(1));
    assert_eq!(world.master.state().frameworks.len(), 0);
}

#[test]
fn whoever_speaks_is_heard_until_it_stops() {
    let mut world = World::new().with_agent("silent a", "cpus:4");
    world.run(passes(29));
    world.run(beats("silent a"));
    world.check(passes(29), &[]);
    world.check(passes(1), &["close silent a"]);
}

/// With no time between two heartbeats, one event would never end.
#[test]
fn a_heartbeat_of_zero_is_not_taken_at_its_word() {
    let mut world = World::configured(|config| config.heartbeat = Duration::ZERO).with_agent("a", "cpus:4");
    world.run(Step::Passes(Duration::from_millis(10)));
}
