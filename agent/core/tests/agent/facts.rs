//! Facts: in order, kept until acknowledged, repeated until then.

use meros_agent_core::Event;
use meros_types::{Acknowledged, AgentOrder, Exit, FactId, FrameworkId, Incarnation};

use crate::harness::*;

/// Launch 1 runs, and nothing is acknowledged.
fn with_fact() -> World {
    let mut world = World::began().registered();
    world.run(world.launches(1, "t", "cpus:1"));
    world.run(world.started(1));
    world
}

const RUNNING: &str = "t RUNNING STARTED #1";

#[test]
fn a_fact_is_repeated_with_longer_and_longer_waits() {
    let mut world = with_fact();
    let mut waited = 0;
    let mut waits = Vec::new();
    while waits.len() < 9 {
        waited += 1;
        if world.pass_alive(seconds(1)) == [RUNNING] {
            waits.push(waited);
            waited = 0;
        }
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn an_acknowledged_fact_is_not_repeated_and_the_others_soon_are() {
    let mut world = with_fact();
    world.pass_alive(seconds(20));
    world.run(world.ended(1, Exit::Code(0)));
    world.check(world.acknowledges(1), &[]);
    assert_eq!(world.pass_alive(seconds(1)), ["t FINISHED EXITED #2"]);
    world.run(world.acknowledges(2));
    assert_eq!(world.pass_alive(seconds(120)), [""; 0]);
}

#[test]
fn acknowledging_twice_or_what_never_was_is_nothing() {
    let mut world = with_fact();
    for n in [1, 1, 0, 99] {
        world.check(world.acknowledges(n), &[]);
    }
}

#[test]
fn an_acknowledgement_of_another_life_is_not_for_this_one() {
    let mut world = with_fact();
    let fact = FactId { incarnation: Incarnation::from_bytes([5; 16]), n: 1 };
    world.check(world.order(AgentOrder::Acknowledged(Acknowledged { framework: FRAMEWORK, fact })), &[]);
    assert_eq!(world.pass_alive(seconds(1)), [RUNNING]);
}

#[test]
fn an_acknowledgement_by_another_framework_is_nothing() {
    let mut world = with_fact();
    world.check(world.acknowledges_as(FrameworkId::from_bytes([9; 16]), 1), &[]);
    assert_eq!(world.pass_alive(seconds(1)), [RUNNING]);
}

#[test]
fn a_framework_that_attaches_is_told_everything_again_in_order() {
    let mut world = with_fact();
    world.pass_alive(seconds(10));
    world.run(world.launches(2, "u", "cpus:1"));
    world.run(world.started(2));
    world.run(world.ended(1, Exit::Code(0)));
    world.check(world.resends(), &[RUNNING, "u RUNNING STARTED #2", "t FINISHED EXITED #3"]);
    // The waits begin anew.
    assert_eq!(world.pass_alive(seconds(1)).len(), 3);
}

#[test]
fn a_new_session_hears_everything_again() {
    let mut world = with_fact();
    world.run(Event::Disconnected { reason: String::new() });
    world.run(world.ended(1, Exit::Code(0)));
    world.pass(seconds(120));
    world.run(Event::Connected);
    assert_eq!(world.run_registered(), [RUNNING, "t FINISHED EXITED #2"]);
}

/// Not only when its repetition is due, which may be a minute away.
#[test]
fn a_new_session_hears_it_at_once() {
    let mut world = with_fact();
    world.pass_alive(seconds(64));
    world.run(Event::Disconnected { reason: String::new() });
    world.pass(seconds(1));
    world.run(Event::Connected);
    assert_eq!(world.run_registered(), [RUNNING]);
}

#[test]
fn facts_stated_without_a_session_wait_for_one() {
    let mut world = with_fact();
    world.run(world.acknowledges(1));
    world.run(Event::Disconnected { reason: String::new() });
    world.check(world.ended(1, Exit::Code(0)), &[]);
    assert!(world.pass(seconds(60)).iter().all(|line| line == "connect"));
    world.run(Event::Connected);
    assert_eq!(world.run_registered(), ["t FINISHED EXITED #2"]);
}
