//! What a scheduler keeps itself.

use meros_session::limits::{SAVED_BYTES_MAX, SAVED_KEY_BYTES_MAX, SAVED_KEYS_MAX, SAVED_VALUE_BYTES_MAX};
use meros_session::{Context, Effect, Event, StateChange};

use crate::desk::*;

fn registered() -> Desk {
    let mut desk = Desk::new(keyed());
    desk.connect();
    desk.subscribe(1);
    desk
}

#[test]
fn a_value_is_there_at_once_and_after_a_restart() {
    let mut desk = registered();
    desk.call(|_, cx| {
        cx.save("count", 7_u64.to_le_bytes());
        assert_eq!(cx.saved("count"), Some(&7_u64.to_le_bytes()[..]));
        cx.save(String::from("done/a"), "yes");
        cx.save("done/b", vec![1]);
        cx.save("donut", "");
    });
    desk.call(|_, cx| assert!(cx.forget("done/b") && !cx.forget("done/b") && !cx.forget("other")));
    let desk = desk.restart();
    let cx = desk.host.context();
    assert_eq!((cx.saved("count"), cx.saved("done/b")), (Some(&7_u64.to_le_bytes()[..]), None));
    assert_eq!(cx.saved_keys("done/").collect::<Vec<_>>(), ["done/a"]);
    assert_eq!(cx.saved_keys("").collect::<Vec<_>>(), ["count", "done/a", "donut"]);
    assert_eq!(cx.saved("donut"), Some(&[][..]));
}

#[test]
fn only_what_changes_is_stored() {
    let mut desk = registered();
    desk.call(|_, cx| cx.save("a", "1"));
    desk.holds_commits = true;
    assert_eq!(desk.call(|_, cx| cx.save("a", "1")), []);
    let effects = desk.event(Event::Called(Box::new(|_: &mut Script, cx: &mut Context| {
        cx.save("a", "2");
        cx.save("a", "3");
        cx.save("b", "1");
        cx.forget("b");
    })));
    let put = StateChange::Put { key: "a".into(), value: b"3".to_vec() };
    assert_eq!(Desk::commit_of(effects).1, [put, StateChange::Delete { key: "b".into() }]);
}

#[test]
fn values_are_kept_without_a_connection_too() {
    let mut desk = registered();
    desk.lose();
    assert_eq!(desk.call(|_, cx| cx.save("a", "1")), []);
    assert_eq!(desk.saved.values["a"], b"1");
}

/// The scheduler saves too much: why it ends. Nothing of the batch is stored.
fn refused(act: impl FnOnce(&mut Context) + Send + 'static) -> String {
    let mut desk = registered();
    desk.holds_commits = true;
    let event = Event::Called(Box::new(|_: &mut Script, cx: &mut Context| {
        cx.save("innocent", "1");
        act(cx);
    }));
    let effects = desk.event(event);
    let [Effect::Disconnect, Effect::Finished(Err(error))] = &effects[..] else { panic!("{effects:?}") };
    error.to_string()
}

#[test]
fn what_is_too_much_ends_the_scheduler_before_anything_is_stored() {
    let longest = "k".repeat(SAVED_KEY_BYTES_MAX);
    let mut desk = registered();
    desk.call({
        let longest = longest.clone();
        move |_, cx| cx.save(longest, vec![0; SAVED_VALUE_BYTES_MAX])
    });
    assert_eq!(desk.saved.values.len(), 1);
    let long_key = refused(move |cx| cx.save(longest + "k", "1"));
    assert_eq!(long_key, "the scheduler has more than 256 bytes in the name of a saved value");
    let large = refused(|cx| cx.save("a", vec![0; SAVED_VALUE_BYTES_MAX + 1]));
    assert_eq!(large, "the scheduler has more than 1048576 bytes in one saved value");
    let many = refused(|cx| (0..SAVED_KEYS_MAX).for_each(|n| cx.save(n.to_string(), "")));
    assert_eq!(many, "the scheduler has more than 65536 saved values");
    let all = refused(|cx| {
        (0..SAVED_BYTES_MAX / SAVED_VALUE_BYTES_MAX).for_each(|n| cx.save(n.to_string(), vec![0; SAVED_VALUE_BYTES_MAX]))
    });
    assert_eq!(all, "the scheduler has more than 67108864 bytes of saved values");
}
