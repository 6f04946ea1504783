//! What a batch decides is stored before any of it leaves.

use meros_session::{Context, Disconnection, Effect, Event, SavedTask, SessionError, StateChange};
use meros_types::TaskState::*;
use meros_types::*;

use crate::desk::*;

/// A registered scheduler with a key, of which the test stores the transactions itself.
fn holding() -> Desk {
    let mut desk = Desk::new(keyed());
    desk.connect();
    desk.subscribe(1);
    desk.heard();
    desk.holds_commits = true;
    desk
}

fn launches(desk: &mut Desk, id: &'static str) {
    desk.call(move |script, _| script.on_offers = Some(Box::new(move |offers, _| offers[0].launch(task(id)).unwrap())));
}

/// The scheduler is offered something: what follows.
fn offered(desk: &mut Desk, id: u64) -> Vec<Effect> {
    let offers = desk.received(FrameworkEvent::Offers(vec![offer(id)]));
    desk.event(offers)
}

fn fact_event(desk: &Desk, task: &str, state: TaskState, n: u64) -> Event<Script> {
    desk.received(fact(task, 1, state, 1, n))
}

#[test]
fn an_accept_leaves_when_its_intent_is_stored() {
    let mut desk = holding();
    launches(&mut desk, "a");
    let commit = Desk::commit_of(offered(&mut desk, 1));
    let [StateChange::Task { id, task: SavedTask::Live(live) }] = &commit.1[..] else { panic!("{commit:?}") };
    assert_eq!((id.as_str(), live.agent, live.accepted_in), ("a", Some(agent()), Some(Term(1))));
    let sent = desk.committed(commit);
    assert_eq!(desk.calls_of(sent), [accept(1, vec![task("a")])]);
}

#[test]
fn a_fact_is_acknowledged_when_what_came_of_it_is_stored() {
    let mut desk = holding();
    let fact = fact_event(&desk, "a", Running, 1);
    let save = Event::Called(Box::new(|_: &mut Script, cx: &mut Context| cx.save("seen", "1")));
    let commit = Desk::commit_of(desk.batch(vec![fact, save]));
    assert_eq!(commit.1.len(), 2);
    assert!(commit.1.contains(&StateChange::Put { key: "seen".into(), value: b"1".to_vec() }));
    let sent = desk.committed(commit);
    assert_eq!(desk.calls_of(sent), [acknowledged(1, 1, 1)]);
}

#[test]
fn what_changes_nothing_leaves_at_once() {
    let mut desk = holding();
    let effects = offered(&mut desk, 1);
    assert_eq!(desk.calls_of(effects), [decline(&[1], FILTER_DEFAULT)]);
    assert_eq!(desk.call(|script, _| script.wanted = Demand::anything()).len(), 1);
}

#[test]
fn while_one_batch_is_stored_the_others_are_handled_and_merged_into_the_next() {
    let mut desk = holding();
    launches(&mut desk, "a");
    let first = Desk::commit_of(offered(&mut desk, 1));
    for (n, state) in [(1, Starting), (2, Running), (3, Finished)] {
        let fact = fact_event(&desk, "a", state, n);
        assert_eq!(desk.event(fact), []);
    }
    assert_eq!(desk.call(|script, _| assert_eq!(script.heard.len(), 4)), []);
    let mut effects = desk.committed(first);
    let second = Desk::commit_of(effects.split_off(1));
    assert_eq!(desk.calls_of(effects), [accept(1, vec![task("a")])]);
    assert_eq!(second.1, [StateChange::Task { id: TaskId::new("a").unwrap(), task: SavedTask::Ended { n: 1 } }]);
    let sent = desk.committed(second);
    assert_eq!(desk.calls_of(sent), [1, 2, 3].map(|n| acknowledged(1, 1, n)));
}

#[test]
fn a_batch_without_changes_keeps_its_place_behind_one_with_some() {
    let mut desk = holding();
    launches(&mut desk, "a");
    let commit = Desk::commit_of(offered(&mut desk, 1));
    desk.call(|script, _| {
        script.on_offers = None;
        script.wanted = Demand::anything();
    });
    assert_eq!(offered(&mut desk, 2), []);
    let mut effects = desk.committed(commit);
    let behind = effects.split_off(1);
    assert_eq!(desk.calls_of(effects), [accept(1, vec![task("a")])]);
    let demand = Call::Demand(DemandCall { role: Role::default(), version: 1, demand: Demand::anything() });
    assert_eq!(desk.calls_of(behind), [demand, decline(&[2], FILTER_DEFAULT)]);
}

#[test]
fn heartbeats_wait_for_no_store() {
    let mut desk = holding();
    launches(&mut desk, "a");
    let commit = Desk::commit_of(offered(&mut desk, 1));
    for _ in 0..20 {
        desk.now.mono = desk.now.mono.after(HEARTBEAT);
        let alive = desk.received(FrameworkEvent::Heartbeat);
        let effects = desk.batch(vec![alive, Event::TimePassed]);
        assert_eq!(desk.calls_of(effects), [Call::Heartbeat]);
        assert_eq!(desk.host.wakeup(), Some(desk.now.mono.after(HEARTBEAT)));
    }
    let sent = desk.committed(commit);
    assert_eq!(desk.calls_of(sent), [accept(1, vec![task("a")])]);
}

#[test]
fn an_accept_whose_session_was_lost_is_never_sent_and_dropped() {
    let mut desk = holding();
    launches(&mut desk, "a");
    let commit = Desk::commit_of(offered(&mut desk, 1));
    assert_eq!(desk.event(Event::Disconnected(Disconnection::Lost("test".into()))), []);
    assert_eq!(desk.host.scheduler().heard, ["offers 1", "a DROPPED LAUNCH_LOST"]);
    let dropped = Desk::commit_of(desk.committed(commit));
    assert!(matches!(&dropped.1[..], [StateChange::Task { task: SavedTask::Ended { .. }, .. }]), "{dropped:?}");
    assert_eq!(desk.committed(dropped), []);
    desk.connect();
    assert_eq!(desk.subscribe(1), []);
}

#[test]
fn a_new_session_begins_though_a_batch_of_the_old_is_being_stored() {
    let mut desk = holding();
    launches(&mut desk, "a");
    let commit = Desk::commit_of(offered(&mut desk, 1));
    desk.lose();
    desk.connect();
    assert_eq!(desk.subscribe(1), []);
    desk.call(|script, _| script.wanted = Demand::anything());
    let dropped = Desk::commit_of(desk.committed(commit));
    let sent = desk.committed(dropped);
    assert!(matches!(&desk.calls_of(sent)[..], [Call::Demand(_)]));
}

#[test]
fn the_answer_to_an_older_transaction_is_no_answer() {
    let mut desk = holding();
    launches(&mut desk, "a");
    let commit = Desk::commit_of(offered(&mut desk, 1));
    assert_eq!(desk.event(Event::Committed { seq: commit.0 - 1 }), []);
    assert_eq!(desk.event(Event::Committed { seq: commit.0 }).len(), 1);
}

#[test]
fn a_store_that_fails_is_the_end_and_nothing_leaves() {
    let mut desk = holding();
    launches(&mut desk, "a");
    offered(&mut desk, 1);
    let effects = desk.event(Event::CommitFailed { reason: "no space left".into() });
    let [Effect::Disconnect, Effect::Finished(Err(error))] = &effects[..] else { panic!("{effects:?}") };
    assert!(matches!(error, SessionError::NotSaved(_)) && error.to_string().contains("no space left"), "{error}");
}

#[test]
fn a_scheduler_that_stops_is_stored_first() {
    let mut desk = holding();
    desk.call(|script, _| script.stops = true);
    let fact = fact_event(&desk, "a", Finished, 1);
    let commit = Desk::commit_of(desk.event(fact));
    let late = fact_event(&desk, "a", Finished, 2);
    assert_eq!(desk.event(late), []);
    let mut effects = desk.committed(commit);
    assert_eq!(effects.split_off(1), [Effect::Disconnect, Effect::Finished(Ok(()))]);
    assert_eq!(desk.calls_of(effects), [acknowledged(1, 1, 1)]);
}

#[test]
fn a_framework_that_is_torn_down_is_forgotten_and_its_values_are_not() {
    let mut desk = Desk::new(keyed());
    desk.connect();
    desk.subscribe(1);
    desk.launch("a");
    desk.call(|_, cx| cx.save("note", "kept"));
    assert_eq!(desk.call(|_, cx| cx.teardown()), [Call::Teardown]);
    desk.holds_commits = true;
    let end = SessionEnd { kind: SessionEndKind::Removed, message: "torn down".into() };
    let ended = desk.received(FrameworkEvent::Ended(end));
    let mut effects = desk.event(ended);
    assert_eq!(effects.split_off(1), [Effect::Disconnect, Effect::Finished(Ok(()))]);
    desk.saved.apply(Desk::commit_of(effects).1);
    assert_eq!((desk.saved.framework, desk.saved.tasks.len()), (None, 0));
    assert_eq!(desk.saved.values["note"], b"kept");
}
