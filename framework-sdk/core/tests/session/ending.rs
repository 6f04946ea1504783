//! How a session ends: by the scheduler's wish or the master's word.

use std::time::Duration;

use meros_session::{Effect, Event, Identity, SessionError};
use meros_types::TaskState::*;
use meros_types::*;

use crate::desk::*;

fn ended(kind: SessionEndKind) -> FrameworkEvent {
    FrameworkEvent::Ended(SessionEnd { kind, message: "because".into() })
}

fn keyed() -> Desk {
    let mut identity = Identity::new("test");
    identity.key = Some("k".into());
    let mut desk = Desk::new(identity);
    desk.connect();
    desk.subscribe(1);
    desk
}

#[test]
fn without_a_key_stopping_tears_down() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.call(|script, _| script.stops = true);
    assert_eq!(desk.receive(fact("a", 1, Finished, 1, 1)), [acknowledged(1, 1, 1), Call::Teardown]);
    let event = desk.received(ended(SessionEndKind::Removed));
    assert_eq!(desk.event(event), [Effect::Disconnect, Effect::Finished(Ok(()))]);
}

#[test]
fn with_a_key_stopping_only_leaves() {
    let mut desk = keyed();
    let effects = desk.event(Event::Called(Box::new(|_, cx| cx.stop())));
    assert_eq!(effects, [Effect::Disconnect, Effect::Finished(Ok(()))]);
    assert_eq!(desk.host.wakeup(), None);
}

#[test]
fn with_a_key_teardown_tears_down() {
    let mut desk = keyed();
    assert_eq!(desk.call(|_, cx| cx.teardown()), [Call::Teardown]);
    let event = desk.received(ended(SessionEndKind::Removed));
    assert_eq!(desk.event(event), [Effect::Disconnect, Effect::Finished(Ok(()))]);
}

#[test]
fn who_never_was_registered_just_ends() {
    let mut desk = Desk::new(Identity::new("test"));
    let effects = desk.event(Event::Called(Box::new(|_, cx| cx.stop())));
    assert_eq!(effects, [Effect::Finished(Ok(()))]);
}

#[test]
fn a_teardown_is_said_again_after_a_lost_connection() {
    let mut desk = keyed();
    desk.call(|_, cx| cx.teardown());
    desk.lose();
    desk.connect();
    assert_eq!(desk.subscribe(1), [Call::Teardown]);
}

#[test]
fn an_unconfirmed_end_is_waited_for_only_so_long() {
    for (teardown, result) in [(true, Err(SessionError::NotTornDown)), (false, Ok(()))] {
        let mut desk = Desk::registered();
        desk.call(move |_, cx| if teardown { cx.teardown() } else { cx.stop() });
        let effects = desk.wait(Duration::from_secs(10));
        assert_eq!(effects, [Effect::Disconnect, Effect::Finished(result)]);
    }
}

#[test]
fn after_the_wish_to_end_nothing_more_is_heard_or_acknowledged() {
    let mut desk = Desk::registered();
    desk.launch("a");
    let stop = Event::Called(Box::new(|_: &mut Script, cx: &mut meros_session::Context| cx.stop()));
    let fact = desk.received(fact("a", 1, Finished, 1, 1));
    let offers = desk.received(FrameworkEvent::Offers(vec![offer(1)]));
    let effects = desk.batch(vec![stop, fact, offers]);
    assert_eq!(desk.calls_of(effects), [Call::Teardown]);
    assert!(desk.host.scheduler().heard.is_empty());
}

#[test]
fn the_masters_last_word_says_what_to_do() {
    for (kind, advice) in [
        (SessionEndKind::Fenced, "another scheduler of this framework runs"),
        (SessionEndKind::Removed, "start the scheduler again"),
        (SessionEndKind::Invalid, "correct the framework's name, key, roles or preferences"),
    ] {
        let mut desk = Desk::registered();
        let event = desk.received(ended(kind));
        let effects = desk.event(event);
        let [Effect::Disconnect, Effect::Finished(Err(error))] = &effects[..] else { panic!("{effects:?}") };
        let text = error.to_string();
        assert!(text.contains("because") && text.contains(advice), "{text}");
        assert_eq!(desk.event(Event::TimePassed), []);
    }
}

#[test]
fn a_refused_subscription_is_the_end() {
    let mut desk = Desk::new(Identity::new("test"));
    desk.connect();
    let event = desk.received(ended(SessionEndKind::Invalid));
    let effects = desk.event(event);
    assert!(matches!(&effects[..], [Effect::Disconnect, Effect::Finished(Err(SessionError::Ended { .. }))]), "{effects:?}");
}
