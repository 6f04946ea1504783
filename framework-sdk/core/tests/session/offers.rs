//! Offers are lent: used, declined, or back by themselves.

use std::time::Duration;

use meros_session::{LaunchError, Offer};
use meros_types::*;

use crate::desk::*;

/// What three offers lead to when the scheduler does `act` with them.
#[track_caller]
fn check(act: impl FnMut(&mut [Offer]) + Send + 'static, calls: &[Call]) {
    let mut act = act;
    let mut desk = Desk::registered();
    desk.call(move |script, _| script.on_offers = Some(Box::new(move |offers, _| act(offers))));
    assert_eq!(desk.receive(FrameworkEvent::Offers(vec![offer(1), offer(2), offer(3)])), calls);
}

#[test]
fn what_is_not_used_goes_back() {
    check(|_| {}, &[decline(&[1, 2, 3], FILTER_DEFAULT)]);
}

#[test]
fn what_is_declined_goes_back_for_as_long_as_it_says() {
    let hour = Duration::from_secs(3_600);
    let calls = [decline(&[2, 3], FILTER_DEFAULT), decline(&[1], hour)];
    check(
        move |offers| {
            offers[0].decline_for(hour);
            offers[1].decline();
        },
        &calls,
    );
    check(|offers| offers[0].decline_for(FILTER_MAX * 2), &[decline(&[2, 3], FILTER_DEFAULT), decline(&[1], FILTER_MAX)]);
}

#[test]
fn launches_leave_in_one_accept_before_the_declines() {
    check(
        |offers| {
            offers[0].launch(task("a")).unwrap();
            offers[2].launch(task("b")).unwrap();
            offers[0].launch(task("c")).unwrap();
        },
        &[
            Call::Accept(Accept {
                groups: vec![
                    AcceptGroup { leases: vec![OfferId(1)], operations: vec![Operation::Launch(vec![task("a"), task("c")])] },
                    AcceptGroup { leases: vec![OfferId(3)], operations: vec![Operation::Launch(vec![task("b")])] },
                ],
                all_or_nothing: false,
                filter: FILTER_DEFAULT,
            }),
            decline(&[2], FILTER_DEFAULT),
        ],
    );
}

#[test]
fn the_rest_of_a_used_offer_has_the_filter_that_was_asked_for() {
    let Call::Accept(mut used) = accept(1, vec![task("a")]) else { panic!() };
    used.filter = Duration::ZERO;
    check(
        |offers| {
            offers[0].launch(task("a")).unwrap();
            offers[0].decline_for(Duration::ZERO);
        },
        &[Call::Accept(used), decline(&[2, 3], FILTER_DEFAULT)],
    );
}

#[test]
fn an_offer_shrinks_with_each_launch() {
    check(
        |offers| {
            for name in ["a", "b", "c", "d"] {
                assert!(offers[0].fits(&task(name).resources));
                offers[0].launch(task(name)).unwrap();
            }
            assert_eq!(*offers[0].resources(), Resources::none());
            let LaunchError::Shortfall { shortfall, .. } = offers[0].launch(task("e")).unwrap_err() else { panic!() };
            assert_eq!(shortfall.to_string(), "cpus: 1 wanted, 0 available");
        },
        &[accept(1, ["a", "b", "c", "d"].map(task).to_vec()), decline(&[2, 3], FILTER_DEFAULT)],
    );
}

#[test]
fn a_task_that_can_not_run_is_refused_on_the_spot() {
    check(
        |offers| {
            let mut refuse = |change: fn(&mut TaskSpec), reason: &str| {
                let mut bad = task("a");
                change(&mut bad);
                let error = offers[0].launch(bad).unwrap_err().to_string();
                assert!(error.contains(reason), "{error}");
            };
            refuse(|task| task.command = Command::words([] as [&str; 0]), "empty");
            refuse(|task| task.command = Command::shell(" "), "empty");
            refuse(|task| task.resources = Resources::none(), "no resources");
            refuse(|task| task.pids_limit = Some(0), "pids limit");
            refuse(|task| task.command = Command::shell("a\0"), "NUL");
            refuse(|task| task.command = Command::shell("a".repeat(200_000)), "128 KiB");
            refuse(|task| task.name = "a\nb".into(), "control character");
            refuse(|task| drop(task.command.environment.insert("a=b".into(), String::new())), "=");
            offers[1].decline();
            assert!(matches!(offers[1].launch(task("a")), Err(LaunchError::Declined { .. })));
        },
        &[decline(&[1, 2, 3], FILTER_DEFAULT)],
    );
}

#[test]
fn an_offer_says_where_its_agent_stands_and_which_shapes_it_suits() {
    let mut desk = Desk::registered();
    let away = Unavailability { start: WallTime(7), duration: Duration::from_secs(1) };
    let there = OfferedAgent {
        attributes: "rack:a".parse().unwrap(),
        domain: Some("eu/eu-1".parse().unwrap()),
        ..OfferedAgent::new(agent(), "host")
    };
    let placed = meros_types::Offer { agent: std::sync::Arc::new(there), unavailability: Some(away), ..offer(1) };
    let (told, heard) = std::sync::mpsc::sync_channel(1);
    desk.call(move |script, _| {
        script.on_offers = Some(Box::new(move |offers, _| {
            let shape = |constraint: &str| Shape::of(task("a").resources).on(constraint.parse().unwrap());
            let suits = ["rack=a", "@zone=eu-1", "!gpu", "rack=b", "@region=us"].map(|text| offers[0].suits(&shape(text)));
            let fitting = [offers[0].fitting(&shape("rack=a").copies(9)), offers[0].fitting(&shape("rack=b"))];
            let large = Shape::of(Resources::none().with_cpu_milli(4_001)).on("rack=a".parse().unwrap());
            assert!(!offers[0].suits(&large) && offers[0].suits(&Shape::of(Resources::none())));
            told.send((offers[0].domain().cloned(), offers[0].unavailability(), suits, fitting)).unwrap();
        }));
    });
    desk.receive(FrameworkEvent::Offers(vec![placed]));
    let eu = Some("eu/eu-1".parse().unwrap());
    assert_eq!(heard.recv().unwrap(), (eu, Some(away), [true, true, true, false, false], [4, 0]));
}

#[test]
fn the_demand_leaves_with_the_launch_that_changes_it() {
    let mut desk = Desk::registered();
    let one = Demand::of(task("a").resources, 1);
    desk.call({
        let one = one.clone();
        |script, _| script.wanted = one
    });
    desk.call(|script, _| script.on_offers = Some(Box::new(|offers, _| offers[0].launch(task("a")).unwrap())));
    let mut events = vec![desk.received(FrameworkEvent::Offers(vec![offer(1)]))];
    events.push(meros_session::Event::Called(Box::new(|script: &mut Script, _| script.wanted = Demand::nothing())));
    let effects = desk.batch(events);
    let demand = Call::Demand(DemandCall { role: Role::default(), version: 2, demand: Demand::nothing() });
    assert_eq!(desk.calls_of(effects), [demand, accept(1, vec![task("a")])]);
}

#[test]
fn an_id_is_launched_once() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.call(|script, _| script.on_offers = Some(Box::new(|offers, _| offers[0].launch(task("a")).unwrap())));
    assert_eq!(desk.receive(FrameworkEvent::Offers(vec![offer(2)])), [decline(&[2], FILTER_DEFAULT)]);
    assert_eq!(desk.heard(), ["offers 2", "a ERROR DUPLICATE_TASK"]);
    assert_eq!(desk.host.context().task_count(), 1);
}

#[test]
fn the_id_of_an_ended_task_is_not_launched_again() {
    let mut desk = Desk::registered();
    desk.launch("a");
    desk.receive(fact("a", 1, TaskState::Finished, 1, 1));
    desk.heard();
    desk.call(|script, _| script.on_offers = Some(Box::new(|offers, _| offers[0].launch(task("a")).unwrap())));
    assert_eq!(desk.receive(FrameworkEvent::Offers(vec![offer(2)])), [decline(&[2], FILTER_DEFAULT)]);
    assert_eq!(desk.heard(), ["offers 2", "a ERROR DUPLICATE_TASK"]);
}

#[test]
fn ids_are_new_and_made_of_name_and_epoch() {
    let mut desk = Desk::new(meros_session::Identity::new("my batch"));
    let early = |desk: &mut Desk| {
        let (ids, made) = std::sync::mpsc::sync_channel(1);
        desk.call(move |_, cx| ids.send(cx.new_task_id()).unwrap());
        made.recv().unwrap().to_string()
    };
    assert!(early(&mut desk).starts_with("my_batch-x"));
    desk.connect();
    desk.subscribe(4);
    assert_eq!(early(&mut desk), "my_batch-4-2");
    desk.lose();
    assert_eq!(early(&mut desk), "my_batch-4-3");
}

#[test]
fn an_offer_that_arrives_twice_is_lent_once() {
    let mut desk = Desk::registered();
    let both = || FrameworkEvent::Offers(vec![offer(1), offer(2)]);
    assert_eq!(desk.receive(both()), [decline(&[1, 2], FILTER_DEFAULT)]);
    assert_eq!(desk.receive(both()), []);
    assert_eq!(desk.receive(FrameworkEvent::Offers(vec![offer(2), offer(3)])), [decline(&[3], FILTER_DEFAULT)]);
    // Another master counts anew.
    desk.session = SessionId { term: Term(2), n: 0 };
    desk.reconnect();
    assert_eq!(desk.receive(both()), [decline(&[1, 2], FILTER_DEFAULT)]);
}
