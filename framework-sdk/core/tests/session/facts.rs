//! Facts are delivered once, in order for each task, and acknowledged; views are delivered when they change something.

use meros_types::TaskState::*;
use meros_types::*;

use crate::desk::*;

#[test]
fn a_fact_is_delivered_once_and_acknowledged_each_time() {
    let mut desk = Desk::registered();
    desk.launch("a");
    assert_eq!(desk.receive(fact("a", 1, Running, 1, 1)), [acknowledged(1, 1, 1)]);
    assert_eq!(desk.heard(), ["a RUNNING STARTED"]);
    assert_eq!(desk.receive(fact("a", 1, Running, 1, 1)), [acknowledged(1, 1, 1)]);
    assert!(desk.heard().is_empty());
    assert_eq!(desk.receive(fact("a", 1, Finished, 1, 2)), [acknowledged(1, 1, 2)]);
    assert_eq!(desk.receive(fact("a", 1, Finished, 1, 2)), [acknowledged(1, 1, 2)]);
    assert_eq!(desk.receive(fact("a", 1, Running, 1, 1)), [acknowledged(1, 1, 1)]);
    assert_eq!(desk.heard(), ["a FINISHED STARTED"]);
    assert_eq!(desk.host.context().task_count(), 0);
}

#[test]
fn a_fact_overtaken_by_another_tasks_fact_is_not_lost() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.launch("b");
    desk.receive(fact("b", 2, Running, 1, 7));
    assert_eq!(desk.receive(fact("a", 1, Finished, 1, 6)), [acknowledged(1, 1, 6)]);
    assert_eq!(desk.heard(), ["b RUNNING STARTED", "a FINISHED STARTED"]);
}

#[test]
fn facts_of_an_agents_earlier_life_are_old() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.receive(fact("a", 1, Running, 9, 5));
    desk.receive(fact("a", 1, Killing, 2, 1));
    assert_eq!(desk.receive(fact("a", 1, Running, 9, 5)), [acknowledged(1, 9, 5)]);
    assert_eq!(desk.receive(fact("a", 1, Starting, 9, 4)), [acknowledged(1, 9, 4)]);
    assert_eq!(desk.heard(), ["a RUNNING STARTED", "a KILLING STARTED"]);
}

#[test]
fn a_view_is_news_only_when_it_changes_something() {
    let mut desk = Desk::registered();
    desk.launch("a");
    for state in [Staging, Running, Running, Unreachable, Unreachable, Running, Gone, Gone] {
        assert_eq!(desk.receive(view("a", state)), []);
    }
    let reason = "RECONCILIATION";
    assert_eq!(desk.heard(), ["RUNNING", "UNREACHABLE", "RUNNING", "GONE"].map(|state| format!("a {state} {reason}")));
}

#[test]
fn a_task_that_ended_by_a_view_hears_no_late_fact() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.receive(view("a", Finished));
    assert_eq!(desk.receive(fact("a", 1, Finished, 1, 2)), [acknowledged(1, 1, 2)]);
    assert_eq!(desk.heard(), ["a FINISHED RECONCILIATION"]);
}

#[test]
fn another_launch_of_the_same_id_is_not_this_task() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.receive(fact("a", 5, Running, 1, 1));
    assert_eq!(desk.receive(fact("a", 4, Failed, 1, 2)), [acknowledged(4, 1, 2)]);
    assert_eq!(desk.heard(), ["a RUNNING STARTED"]);
    assert_eq!(desk.host.context().task_count(), 1);
}

#[test]
fn acknowledgements_leave_with_what_the_update_led_to() {
    let mut desk = Desk::registered();
    desk.launch("a");
    let events = vec![
        desk.received(fact("a", 1, Running, 1, 1)),
        desk.received(FrameworkEvent::Offers(vec![offer(2)])),
        desk.received(fact("a", 1, Finished, 1, 2)),
    ];
    let effects = desk.batch(events);
    assert_eq!(desk.calls_of(effects), [decline(&[2], FILTER_DEFAULT), acknowledged(1, 1, 1), acknowledged(1, 1, 2)]);
}

/// A scheduler that has taken over from another process.
fn taken_over() -> Desk {
    let mut identity = meros_session::Identity::new("test");
    identity.key = Some("k".into());
    let mut desk = Desk::new(identity);
    desk.connect();
    desk.subscribe(2);
    desk.heard();
    desk
}

#[test]
fn tasks_of_an_earlier_process_are_adopted_with_a_key() {
    let mut desk = taken_over();
    desk.receive(view("old", Running));
    assert_eq!(desk.receive(fact("ended", 3, Finished, 1, 1)), [acknowledged(3, 1, 1)]);
    desk.receive(fact("ended", 3, Finished, 1, 1));
    desk.receive(view("ended", Finished));
    desk.receive(view("nobodys", Unknown));
    assert_eq!(desk.heard(), ["old RUNNING RECONCILIATION", "ended FINISHED STARTED"]);
    assert_eq!(desk.host.context().tasks().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["old"]);
}

#[test]
fn an_adopted_task_ends_once() {
    let mut desk = taken_over();
    desk.receive(view("old", Running));
    desk.receive(fact("old", 3, Finished, 1, 2));
    assert_eq!(desk.receive(fact("old", 3, Running, 1, 1)), [acknowledged(3, 1, 1)]);
    assert_eq!(desk.receive(fact("old", 3, Finished, 1, 2)), [acknowledged(3, 1, 2)]);
    desk.receive(view("old", Running));
    assert_eq!(desk.heard(), ["old RUNNING RECONCILIATION", "old FINISHED STARTED"]);
}

#[test]
fn the_end_of_a_duplicate_is_not_the_end_of_the_task() {
    let mut desk = taken_over();
    desk.launch("web");
    let mut refused = TaskUpdate::new(TaskId::new("web").unwrap(), Error, Source::Master, Reason::DuplicateTask, "", WallTime(0));
    refused.launch = None;
    desk.receive(FrameworkEvent::Update(Box::new(refused)));
    desk.receive(view("web", Running));
    assert_eq!(desk.heard(), ["web ERROR DUPLICATE_TASK", "web RUNNING RECONCILIATION"]);
    assert_eq!(desk.host.context().task_count(), 1);
}
