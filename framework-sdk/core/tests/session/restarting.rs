//! A new process goes on where the one before was.

use std::time::Duration;

use meros_session::{Effect, Identity, Saved, SavedFramework, SavedTask, SessionError};
use meros_types::TaskState::*;
use meros_types::*;

use crate::desk::*;

fn id(task: &str) -> TaskId {
    TaskId::new(task).unwrap()
}

/// A registered scheduler with a key.
fn first() -> Desk {
    let mut desk = Desk::new(keyed());
    desk.connect();
    desk.subscribe(1);
    desk.heard();
    desk
}

/// Its successor, registered.
fn second(first: Desk) -> Desk {
    let mut desk = first.restart();
    desk.connect();
    desk.subscribe(2);
    desk.heard();
    desk
}

#[test]
fn the_successor_takes_the_framework_over_with_its_tasks() {
    let mut desk = first();
    desk.launch("a");
    desk.receive(fact("a", 1, Running, 1, 1));
    let mut desk = desk.restart();
    assert_eq!(desk.host.context().task(&id("a")).unwrap().state(), Running);
    let Call::Subscribe(subscribe) = desk.connect() else { panic!() };
    assert_eq!((subscribe.framework, subscribe.mode), (Some(FRAMEWORK), SubscribeMode::Takeover));
    assert_eq!(desk.subscribe(2), [reconcile(&["a"]), Call::Reconcile(vec![])]);
    assert_eq!(desk.heard(), ["registered TakenOver epoch 2"]);
    let framework = SavedFramework { id: FRAMEWORK, epoch: Epoch(2), key: Some("k".into()) };
    assert_eq!(desk.saved.framework, Some(framework));
}

#[test]
fn a_fact_that_was_dealt_with_is_not_told_again() {
    let mut desk = first();
    desk.launch("a");
    desk.launch("b");
    desk.receive(fact("a", 1, Running, 9, 5));
    desk.receive(fact("a", 1, Killing, 1, 1));
    desk.receive(fact("b", 2, Finished, 1, 2));
    let mut desk = second(desk);
    assert_eq!(desk.receive(fact("a", 1, Running, 9, 5)), [acknowledged(1, 9, 5)]);
    assert_eq!(desk.receive(fact("a", 1, Killing, 1, 1)), [acknowledged(1, 1, 1)]);
    assert_eq!(desk.receive(fact("b", 2, Finished, 1, 2)), [acknowledged(2, 1, 2)]);
    desk.receive(view("b", Finished));
    assert!(desk.heard().is_empty());
    assert_eq!(desk.receive(fact("a", 1, Killed, 1, 3)), [acknowledged(1, 1, 3)]);
    assert_eq!(desk.heard(), ["a KILLED STARTED"]);
}

#[test]
fn what_was_heard_and_not_stored_is_heard_again() {
    let mut desk = first();
    desk.launch("a");
    desk.holds_commits = true;
    let running = desk.received(fact("a", 1, Running, 1, 1));
    desk.event(running);
    let mut desk = second(desk);
    assert_eq!(desk.receive(fact("a", 1, Running, 1, 1)), [acknowledged(1, 1, 1)]);
    assert_eq!(desk.heard(), ["a RUNNING STARTED"]);
}

#[test]
fn an_intent_that_the_same_master_does_not_know_was_never_sent() {
    let mut desk = first();
    desk.launch("a");
    let mut desk = second(desk);
    desk.receive(view("a", Unknown));
    assert_eq!(desk.heard(), ["a DROPPED LAUNCH_LOST"]);
    assert!(matches!(desk.saved.tasks[&id("a")], SavedTask::Ended { .. }));
}

/// An intent of the first process, a new master, and the first word on it: with the agent when that has registered.
fn unknown_to_a_new_master(agent: Option<AgentId>) -> Desk {
    let mut desk = first();
    desk.launch("a");
    desk.session = SessionId { term: Term(2), n: 0 };
    let mut desk = second(desk);
    let FrameworkEvent::Update(mut unknown) = view("a", Unknown) else { panic!() };
    unknown.agent = agent;
    desk.receive(FrameworkEvent::Update(unknown));
    desk
}

#[test]
fn an_intent_whose_agent_a_new_master_has_not_seen_is_asked_about_until_it_has() {
    let mut desk = unknown_to_a_new_master(None);
    assert_eq!(desk.heard(), ["a UNKNOWN RECONCILIATION"]);
    let effects = desk.wait(Duration::from_secs(1));
    assert_eq!(desk.calls_of(effects), [reconcile(&["a"])]);
    desk.receive(view("a", Running));
    assert_eq!(desk.heard(), ["a RUNNING RECONCILIATION"]);
    assert_eq!(desk.wait(Duration::from_secs(100)), []);
}

#[test]
fn an_intent_that_its_registered_agent_does_not_have_is_gone() {
    let mut desk = unknown_to_a_new_master(Some(agent()));
    assert_eq!(desk.heard(), ["a GONE LAUNCH_LOST"]);
}

#[test]
fn an_unknown_that_names_no_agent_ends_no_task() {
    let mut desk = first();
    desk.launch("a");
    // The scheduler has heard nothing by this, and the store must know it all the same.
    desk.receive(view("a", Staging));
    desk.session = SessionId { term: Term(2), n: 0 };
    let mut desk = second(desk);
    desk.receive(view("a", Unknown));
    assert_eq!(desk.heard(), ["a UNKNOWN RECONCILIATION"]);
    desk.receive(view("a", Gone));
    assert_eq!((desk.heard().len(), desk.host.context().task_count()), (1, 0));
}

#[test]
fn the_wish_to_kill_outlives_the_process() {
    let mut desk = first();
    desk.launch("a");
    let grace = Duration::from_secs(3);
    desk.call(move |_, cx| assert!(cx.kill_within(&id("a"), grace)));
    let mut desk = desk.restart();
    assert!(desk.host.context().task(&id("a")).unwrap().is_kill_requested());
    desk.connect();
    let kill = Call::Kill(KillCall { task: id("a"), grace: Some(grace) });
    assert_eq!(desk.subscribe(2)[0], kill);
    let effects = desk.wait(Duration::from_secs(5));
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Send(message) if message.calls.contains(&kill))), "{effects:?}");
}

#[test]
fn an_id_of_an_earlier_process_is_not_launched_again() {
    let mut desk = first();
    desk.launch("live");
    desk.launch("ended");
    desk.receive(fact("ended", 1, Finished, 1, 1));
    let mut desk = second(desk);
    desk.call(|script, _| {
        script.on_offers = Some(Box::new(|offers, _| {
            offers[0].launch(task("live")).unwrap();
            offers[0].launch(task("ended")).unwrap();
        }));
    });
    assert_eq!(desk.receive(FrameworkEvent::Offers(vec![offer(2)])), [decline(&[2], FILTER_DEFAULT)]);
    assert_eq!(desk.heard()[1..], ["live ERROR DUPLICATE_TASK", "ended ERROR DUPLICATE_TASK"]);
}

#[test]
fn new_ids_are_new_also_at_a_master_that_has_forgotten_the_epoch() {
    let made = |desk: &mut Desk| {
        let (ids, made) = std::sync::mpsc::sync_channel(1);
        desk.call(move |_, cx| ids.send(cx.new_task_id()).unwrap());
        made.recv().unwrap().to_string()
    };
    let mut desk = first();
    assert_eq!(made(&mut desk), "k-1-1");
    let mut desk = second(desk);
    assert_eq!(made(&mut desk), "k-2-1");
    let mut desk = desk.restart();
    desk.connect();
    desk.subscribe(2);
    assert!(made(&mut desk).starts_with("k-x"));
}

#[test]
fn the_oldest_ends_are_forgotten_in_the_store_too() {
    let mut desk = first();
    let ends = |from: usize, to: usize| (from..to).map(|n| fact(&format!("t{n}"), 1, Finished, 1, 1 + n as u64));
    let events = ends(0, meros_session::limits::ENDED_MAX).map(|event| desk.received(event)).collect();
    desk.batch(events);
    let mut desk = second(desk);
    let events = ends(1 << 20, (1 << 20) + 1).map(|event| desk.received(event)).collect();
    desk.batch(events);
    assert_eq!(desk.saved.tasks.len(), meros_session::limits::ENDED_MAX);
    assert!(!desk.saved.tasks.contains_key(&id("t0")) && desk.saved.tasks.contains_key(&id("t1048576")));
}

#[test]
fn without_a_key_everything_begins_anew() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.call(|_, cx| cx.save("note", "1"));
    let saved = std::mem::take(&mut desk.saved);
    assert_eq!((saved.tasks.len(), saved.values.len()), (1, 1));
    let mut desk = Desk::recovered(Identity::new("test"), saved).unwrap();
    assert_eq!((desk.host.context().task_count(), desk.host.context().saved("note")), (0, None));
    let Call::Subscribe(subscribe) = desk.connect() else { panic!() };
    assert_eq!(subscribe.framework, None);
    assert_eq!(desk.saved, Saved::default());
}

#[test]
fn the_state_of_another_framework_is_refused() {
    let state = first().saved;
    let other = Identity { key: Some("other".into()), ..Identity::new("test") };
    for (identity, given) in [(other, "the key \"other\""), (Identity::new("test"), "no key")] {
        let error = Desk::recovered(identity, state.clone()).err().unwrap();
        assert!(matches!(error, SessionError::ForeignState { .. }));
        let text = error.to_string();
        assert!(text.contains("the key \"k\"") && text.contains(given), "{text}");
    }
}

#[test]
fn a_master_that_does_not_know_the_framework_makes_nothing_forgotten() {
    for teardown in [false, true] {
        let mut desk = first();
        desk.launch("a");
        desk.call(|_, cx| cx.save("note", "1"));
        let saved = desk.saved.clone();
        let mut desk = desk.restart();
        if teardown {
            desk.call(|_, cx| cx.teardown());
        }
        desk.connect();
        let end = SessionEnd { kind: SessionEndKind::Removed, message: "it is another cluster's".into() };
        let ended = desk.received(FrameworkEvent::Ended(end));
        let effects = desk.event(ended);
        assert!(matches!(&effects[..], [Effect::Disconnect, Effect::Finished(_)]), "{effects:?}");
        assert_eq!(desk.saved, saved);
    }
}

#[test]
fn an_agent_that_the_master_has_forgotten_proves_nothing() {
    let mut desk = first();
    desk.launch("a");
    desk.launch("b");
    desk.session = SessionId { term: Term(2), n: 0 };
    let mut desk = second(desk);
    let FrameworkEvent::Update(mut forgotten) = view("b", Unknown) else { panic!() };
    (forgotten.agent, forgotten.launch, forgotten.reason) = (Some(agent()), Some(launch_id(2)), Reason::AgentUnreachable);
    desk.receive(FrameworkEvent::Update(forgotten));
    desk.heard();
    desk.receive(view("a", Unknown));
    assert_eq!(desk.heard(), ["a UNKNOWN RECONCILIATION"]);
}
