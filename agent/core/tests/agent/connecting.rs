//! The connection: registering, sessions, silence, and waiting longer after each failure.

use std::time::Duration;

use meros_agent_core::Event;
use meros_types::{AgentId, AgentOrder, Exit, Refusal, Registered, SessionId, Term};

use crate::harness::*;

fn disconnected() -> Event {
    Event::Disconnected { reason: "it broke".to_owned() }
}

#[test]
fn it_registers_first_and_then_beats() {
    let mut world = World::began();
    world.check(Event::Connected, &["register []"]);
    world.run_registered();
    world.check_pass(seconds(11), &["heartbeat", "heartbeat"]);
}

#[test]
fn nothing_but_the_registration_is_sent_before_it_is_answered() {
    let mut world = World::began().after(Event::Connected);
    world.check_pass(seconds(10), &[]);
}

#[test]
fn it_waits_longer_after_each_failure_and_not_for_ever() {
    let mut world = World::began();
    let mut waits = Vec::new();
    for _ in 0..12 {
        world.check(disconnected(), &[]);
        waits.push(world.agent.wakeup().unwrap().since(world.now.mono));
        world.check_pass(seconds(11), &["connect"]);
    }
    for (failures, wait) in waits.iter().enumerate() {
        let longest = Duration::from_millis(100).saturating_mul(1 << failures.min(20)).min(seconds(10));
        assert!(*wait <= longest && *wait >= longest * 3 / 4, "{failures}: {wait:?}");
    }
}

#[test]
fn a_registration_makes_it_forget_the_failures() {
    let mut world = World::began();
    for _ in 0..5 {
        world.run(disconnected());
        world.pass(seconds(11));
    }
    let mut world = world.registered();
    world.run(disconnected());
    world.check_pass(Duration::from_millis(100), &["connect"]);
}

#[test]
fn several_reports_of_one_loss_are_one_failure() {
    let mut world = World::began();
    world.run(disconnected());
    let wakeup = world.agent.wakeup();
    world.run(disconnected());
    assert_eq!(world.agent.wakeup(), wakeup);
}

#[test]
fn a_silent_master_is_given_up() {
    let mut world = World::began().registered();
    let lines = world.pass(seconds(30));
    assert_eq!(lines.last().unwrap(), "connect");
    // Also one that never answered the registration.
    world.run(Event::Connected);
    world.check_pass(seconds(30), &["connect"]);
}

#[test]
fn a_new_registration_shows_what_there_is_and_old_orders_are_dropped() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    let (old_kill, old_launch) = (world.kills(1, None), world.launches(2, "u", "cpus:1"));
    world.run(disconnected());
    world.check_pass(seconds(1), &["connect"]);
    world.check(old_launch.clone(), &[]);
    world.check(Event::Connected, &["register [1.1 t RUNNING (cpus:1)]"]);
    world.check(old_kill.clone(), &[]);
    assert_eq!(world.last_registration.as_ref().unwrap().agent, Some(AgentId::from_bytes([9; 16])));
    world.run_registered();
    world.check(old_launch, &[]);
    world.check(old_kill, &[]);
    world.check(world.launches(2, "u", "cpus:1"), &["start 2 u"]);
}

#[test]
fn a_master_of_an_earlier_term_is_not_obeyed() {
    let mut world = World::began();
    world.session.term = Term(5);
    let mut world = world.registered().after(disconnected());
    world.pass(seconds(1));
    world.run(Event::Connected);
    assert_eq!(world.last_registration.as_ref().unwrap().term, Term(5));
    world.session = SessionId { term: Term(4), n: 0 };
    world.run_registered();
    world.check(world.launches(1, "t", "cpus:1"), &[]);
}

#[test]
fn a_refusal_ends_the_process_with_its_reason() {
    let mut world = World::began().after(Event::Connected);
    world.check(world.order(AgentOrder::Refused(Refusal { retry: false, message: "no".to_owned() })), &["exit: no"]);
}

#[test]
fn a_refusal_that_may_pass_is_waited_out_longer_each_time() {
    let mut world = World::began();
    let mut waits = Vec::new();
    for _ in 0..12 {
        world.run(Event::Connected);
        let refusal = Refusal { retry: true, message: "the master is starting".to_owned() };
        world.check(world.order(AgentOrder::Refused(refusal)), &[]);
        // That its stream ends then is no second failure.
        world.check(disconnected(), &[]);
        waits.push(world.agent.wakeup().unwrap().since(world.now.mono));
        world.check_pass(seconds(11), &["connect"]);
    }
    assert!(waits[0] <= Duration::from_millis(100) && waits[11] > seconds(7), "{waits:?}");
}

/// Otherwise the agent would do nothing but beat.
#[test]
fn a_heartbeat_of_zero_is_not_taken_at_its_word() {
    let mut world = World::began().after(Event::Connected);
    world.session.n += 1;
    let registered = Registered { agent: AgentId::from_bytes([9; 16]), heartbeat: Duration::ZERO };
    world.run(world.order(AgentOrder::Registered(registered)));
    assert!(world.pass(seconds(1)).len() <= 10);
}

#[test]
fn what_is_over_is_registered_as_long_as_its_facts_wait() {
    let mut world = World::with_task(spec("t", "cpus:1"));
    world.run(world.ended(1, Exit::Code(0)));
    world.run(disconnected());
    world.pass(seconds(1));
    world.check(Event::Connected, &["register [1.1 t FINISHED ()]"]);
    world.run_registered();
    world.run(world.acknowledges(2));
    world.run(disconnected());
    world.pass(seconds(1));
    world.check(Event::Connected, &["register []"]);
}
