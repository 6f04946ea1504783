//! Timers come when asked for, once, connected or not.

use std::time::Duration;

use meros_session::{Event, TimerId};

use crate::desk::*;

#[test]
fn timers_come_in_their_order() {
    let mut desk = Desk::registered();
    desk.call(|_, cx| {
        cx.after(Duration::from_secs(2));
        cx.after(Duration::from_secs(1));
        let cancelled = cx.after(Duration::from_secs(1));
        assert!(cx.cancel(cancelled) && !cx.cancel(cancelled));
    });
    assert_eq!(desk.wait(Duration::from_secs(10)), []);
    assert_eq!(desk.heard(), ["timer 2 at 1.000000", "timer 1 at 2.000000"]);
}

#[test]
fn timers_go_on_without_a_connection() {
    let mut desk = Desk::registered();
    desk.lose();
    desk.call(|_, cx| assert_eq!(cx.after(Duration::from_millis(1)), TimerId(1)));
    assert_eq!(desk.host.wakeup(), Some(desk.now.mono.after(Duration::from_millis(1))));
    desk.now.mono = desk.host.wakeup().unwrap();
    desk.event(Event::TimePassed);
    assert_eq!(desk.heard(), ["timer 1 at 0.001000"]);
}

#[test]
fn a_timer_of_no_time_takes_some() {
    let mut desk = Desk::registered();
    desk.call(|_, cx| assert_eq!(cx.after(Duration::ZERO), TimerId(1)));
    assert_eq!(desk.host.wakeup(), Some(desk.now.mono.after(meros_session::limits::TIMER_MIN)));
}

#[test]
fn randomness_follows_from_the_seed() {
    let draw = || {
        let mut desk = Desk::registered();
        let (drawn, numbers) = std::sync::mpsc::sync_channel(1);
        desk.call(move |_, cx| drawn.send([cx.random_u64(), cx.random_u64()]).unwrap());
        numbers.recv().unwrap()
    };
    let first = draw();
    assert_eq!(first, draw());
    assert_ne!(first[0], first[1]);
}
