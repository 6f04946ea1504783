//! The first words with a master, and how it is kept alive.

use std::time::Duration;

use meros_session::{Disconnection, Effect, Event, Identity};
use meros_types::*;

use crate::desk::*;

#[test]
fn a_scheduler_introduces_itself_and_asks_for_what_it_wants() {
    let mut desk = Desk::new(Identity::new("test"));
    let Call::Subscribe(subscribe) = desk.connect() else { panic!() };
    assert_eq!((subscribe.name.as_str(), subscribe.mode, subscribe.framework), ("test", SubscribeMode::Takeover, None));
    assert_eq!((subscribe.roles, subscribe.failover_timeout), (vec![Role::default()], Duration::from_secs(60)));
    desk.call(|script, _| script.wanted = Demand::anything());
    let demand = DemandCall { role: Role::default(), version: 1, demand: Demand::anything() };
    assert_eq!(desk.subscribe(1), [Call::Demand(demand)]);
    assert_eq!(desk.heard(), ["registered New epoch 1"]);
}

#[test]
fn a_scheduler_says_what_its_offers_are_to_be_like() {
    let mut identity = Identity::new("test");
    assert_eq!(identity.preferences, OfferPreferences::default());
    identity.preferences = OfferPreferences {
        lease: Some(Duration::from_secs(5)),
        least: vec![Resources::none().with_cpu_milli(100)],
        gpu_agents: true,
        remote_regions: true,
    };
    let mut desk = Desk::new(identity.clone());
    for _ in 0..2 {
        let Call::Subscribe(subscribe) = desk.connect() else { panic!() };
        assert_eq!(subscribe.preferences, identity.preferences);
        desk.lose();
    }
}

#[test]
fn a_key_lasts_a_week_and_takes_over() {
    let mut identity = Identity::new("test");
    identity.key = Some("orders".into());
    let mut desk = Desk::new(identity);
    let Call::Subscribe(subscribe) = desk.connect() else { panic!() };
    assert_eq!((subscribe.key.as_deref(), subscribe.failover_timeout), (Some("orders"), FAILOVER_TIMEOUT_DEFAULT));
    assert_eq!(desk.subscribe(3), [Call::Reconcile(vec![])]);
    assert_eq!(desk.heard(), ["registered TakenOver epoch 3"]);
}

#[test]
fn the_demand_is_told_when_it_changes() {
    let mut desk = Desk::registered();
    let want = |cpu, copies| Demand::of(Resources::none().with_cpu_milli(cpu), copies);
    let told = |version, demand| [Call::Demand(DemandCall { role: Role::default(), version, demand })];
    assert_eq!(desk.call(move |script, _| script.wanted = want(1, 2)), told(1, want(1, 2)));
    assert_eq!(desk.call(|_, _| {}), []);
    assert_eq!(desk.call(move |script, _| script.wanted = want(1, 1)), told(2, want(1, 1)));
    assert_eq!(desk.call(|_, cx| cx.revive()), told(3, want(1, 1)));
    assert_eq!(desk.call(|script, _| script.wanted = Demand::nothing()), told(4, Demand::nothing()));
    assert_eq!(desk.call(|_, cx| cx.revive()), []);
}

#[test]
fn heartbeats_fill_silence_only() {
    let mut desk = Desk::registered();
    assert_eq!(desk.host.wakeup(), Some(desk.now.mono.after(HEARTBEAT)));
    desk.now.mono = desk.now.mono.after(HEARTBEAT);
    let effects = desk.event(Event::TimePassed);
    assert_eq!(desk.calls_of(effects), [Call::Heartbeat]);
    desk.now.mono = desk.now.mono.after(HEARTBEAT);
    let declined = desk.receive(FrameworkEvent::Offers(vec![offer(1)]));
    assert_eq!(declined, [decline(&[1], FILTER_DEFAULT)]);
    assert_eq!(desk.host.wakeup(), Some(desk.now.mono.after(HEARTBEAT)));
}

#[test]
fn a_silent_master_is_given_up() {
    let mut desk = Desk::registered();
    let from = desk.now.mono;
    let mut effects = Vec::new();
    while !effects.contains(&Effect::Disconnect) {
        desk.now.mono = desk.host.wakeup().unwrap();
        effects = desk.event(Event::TimePassed);
    }
    assert_eq!(desk.now.mono.since(from), Duration::from_secs(30));
    desk.connect();
    desk.subscribe(1);
    assert_eq!(desk.heard(), ["registered Resumed epoch 1"]);
}

#[test]
fn an_unanswered_subscription_is_given_up() {
    let mut desk = Desk::new(Identity::new("test"));
    desk.connect();
    desk.now.mono = desk.host.wakeup().unwrap();
    assert_eq!(desk.event(Event::TimePassed), [Effect::Disconnect]);
    desk.connect();
}

#[test]
fn a_refused_connection_is_the_end() {
    let mut desk = Desk::new(Identity::new("test"));
    assert_eq!(desk.event(Event::TimePassed), [Effect::Connect]);
    let effects = desk.event(Event::Disconnected(Disconnection::Refused("wrong token".into())));
    let [Effect::Finished(Err(error))] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(error.to_string(), "the master refused the connection: wrong token");
    assert_eq!(desk.host.wakeup(), None);
    assert_eq!(desk.event(Event::TimePassed), []);
}

#[test]
fn messages_of_other_sessions_are_dropped() {
    let mut desk = Desk::registered();
    desk.reconnect();
    desk.heard();
    let old = SessionId { n: desk.session.n - 1, ..desk.session };
    let late = ToFramework { session: old, event: FrameworkEvent::Offers(vec![offer(1)]) };
    assert_eq!(desk.event(Event::Received(late)), []);
    assert!(desk.heard().is_empty());
}

#[test]
fn a_master_that_was_replaced_is_left() {
    let mut desk = Desk::new(Identity::new("test"));
    desk.session.term = Term(2);
    desk.connect();
    desk.subscribe(1);
    desk.lose();
    desk.connect();
    for (term, n) in [(1, 9), (2, 1)] {
        let subscribed = Subscribed { framework: FRAMEWORK, epoch: Epoch(1), heartbeat: HEARTBEAT };
        let stale = ToFramework { session: SessionId { term: Term(term), n }, event: FrameworkEvent::Subscribed(subscribed) };
        assert_eq!(desk.event(Event::Received(stale)), [Effect::Disconnect]);
        desk.connect();
    }
    desk.subscribe(1);
}
