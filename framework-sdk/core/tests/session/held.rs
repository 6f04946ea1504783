//! Offers that are kept beyond a callback.

use std::time::Duration;

use meros_session::Effect;
use meros_types::*;

use crate::desk::*;

/// A scheduler that holds the offers 1 and 2 and gave 3 back.
fn holding() -> Desk {
    let mut desk = Desk::registered();
    desk.call(|script, _| {
        script.on_offers = Some(Box::new(|offers, cx| offers[..2].iter_mut().for_each(|offer| cx.hold(offer))));
    });
    let calls = desk.receive(FrameworkEvent::Offers(vec![offer(1), offer(2), offer(3)]));
    assert_eq!(calls, [decline(&[3], FILTER_DEFAULT)]);
    desk.heard();
    desk
}

#[test]
fn a_held_offer_can_be_used_later() {
    let mut desk = holding();
    assert_eq!(desk.wait(Duration::from_secs(10)), []);
    assert_eq!(desk.call(|_, cx| cx.held(OfferId(2)).unwrap().launch(task("a")).unwrap()), [accept(2, vec![task("a")])]);
    assert_eq!(desk.host.context().held_ids().collect::<Vec<_>>(), [OfferId(1)]);
    assert_eq!(desk.call(|_, cx| cx.held(OfferId(1)).unwrap().decline()), [decline(&[1], FILTER_DEFAULT)]);
    assert_eq!(desk.call(|_, cx| assert!(cx.held(OfferId(1)).is_none())), []);
}

#[test]
fn looking_at_a_held_offer_changes_nothing() {
    let mut desk = holding();
    assert_eq!(desk.call(|_, cx| assert!(cx.held(OfferId(1)).unwrap().fits(&task("a").resources))), []);
    assert_eq!(desk.host.context().held_ids().count(), 2);
}

#[test]
fn a_rescinded_offer_is_told_only_when_it_was_held() {
    let mut desk = holding();
    assert_eq!(desk.receive(FrameworkEvent::Rescinded(vec![OfferId(1), OfferId(3)])), []);
    assert_eq!(desk.heard(), ["rescinded [OfferId(1)]"]);
    assert_eq!(desk.receive(FrameworkEvent::Rescinded(vec![OfferId(1)])), []);
    assert!(desk.heard().is_empty());
}

#[test]
fn a_lease_runs_out() {
    let mut desk = holding();
    assert_eq!(desk.wait(Duration::from_secs(29)), []);
    assert!(desk.heard().is_empty());
    assert_eq!(desk.wait(Duration::from_secs(1)), []);
    assert_eq!(desk.heard(), ["rescinded [OfferId(1), OfferId(2)]"]);
}

#[test]
fn held_offers_are_lost_with_the_connection() {
    let mut desk = holding();
    desk.lose();
    assert_eq!(desk.heard(), ["rescinded [OfferId(1), OfferId(2)]"]);
}

#[test]
fn an_offer_with_launches_is_answered_though_it_is_held() {
    let mut desk = Desk::registered();
    desk.call(|script, _| {
        script.on_offers = Some(Box::new(|offers, cx| {
            cx.hold(&mut offers[0]);
            offers[0].launch(task("a")).unwrap();
        }));
    });
    assert_eq!(desk.receive(FrameworkEvent::Offers(vec![offer(1)])), [accept(1, vec![task("a")])]);
    assert_eq!(desk.host.context().held_ids().count(), 0);
    assert!(!desk.wait(Duration::from_secs(60)).contains(&Effect::Disconnect));
}
