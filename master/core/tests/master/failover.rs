//! Frameworks without a stream: how long their tasks outlive it.

use meros_types::Demand;
use meros_types::TaskState::{Finished, Running};

use crate::harness::*;

fn with_task(step: Subscribes) -> World {
    let world = World::new().with_agent("a", "cpus:4").after(step.then([demand(1, Demand::anything())]));
    world.after(says("f", [accept(&[1], &[("t", "cpus:1")])])).after(states("a", "f", "t", (1, 1), Running, 1))
}

#[test]
fn offers_end_with_the_stream_and_go_to_others_at_once() {
    let mut world = World::new().with_agent("a", "cpus:4").with_taker("f").with_taker("g");
    world.check(closes("f"), &["g offers 2@a(cpus:4)"]);
}

#[test]
fn without_a_key_tasks_outlive_the_stream_by_a_minute() {
    let mut world = with_task(subscribes("f").failover(3600)).after(closes("f"));
    world.check(passes(59), &[]);
    world.check(passes(1), &["a kill 1.1"]);
    world.check(subscribes("g").of("f").resumes(1), &["g ended Removed", "close g"]);
}

#[test]
fn with_a_key_they_outlive_it_by_the_failover_timeout() {
    let mut world = with_task(subscribes("f").key("k").failover(3600)).after(closes("f"));
    world.check(passes(3599), &[]);
    world.check(passes(1), &["a kill 1.1"]);
}

#[test]
fn a_scheduler_that_comes_back_in_time_keeps_them_and_is_told_what_it_missed() {
    let mut world = with_task(subscribes("f")).after(closes("f"));
    world.run(passes(59));
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "a resend f"]);
    world.check(passes(120), &[]);
    // The time begins anew with each loss.
    world.run(closes("g"));
    world.check(passes(59), &[]);
    world.check(passes(1), &["a kill 1.1"]);
}

#[test]
fn a_failover_timeout_without_end_is_one() {
    let mut world = with_task(subscribes("f").key("k").failover(u64::MAX)).after(closes("f"));
    world.check(passes(30 * 24 * 3600), &[]);
}

/// Each loss sets a timer a week away; coming back must take it away again.
#[test]
fn coming_and_going_leaves_no_timers_behind() {
    let mut world = World::new().after(subscribes("f").key("k"));
    for _ in 0..100 {
        world.run(closes("f"));
        world.run(subscribes("f").key("k"));
    }
    let shown = format!("{:?}", world.master);
    assert_eq!(shown.matches("FrameworkLost").count(), 0);
}

#[test]
fn facts_of_a_framework_without_a_stream_wait_for_it() {
    let mut world = with_task(subscribes("f")).after(closes("f"));
    world.check(states("a", "f", "t", (1, 1), Finished, 2), &[]);
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "a resend f"]);
    world.check(states("a", "g", "t", (1, 1), Finished, 2), &["g t FINISHED EXITED #2"]);
}
