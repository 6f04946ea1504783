//! Accepts: what is launched, what is refused and how, and that a refusal disturbs nothing else.

use meros_types::{Operation, TaskState, TaskUpdate};

use crate::harness::*;

const INVALID: &str = "f t DROPPED INVALID_OFFER";

fn with_offer() -> World {
    World::new().with_agent("a", "cpus:4;mem:8GiB").with_taker("f")
}

#[test]
fn tasks_go_to_the_agent_in_order_and_the_rest_is_free() {
    let mut world = with_offer();
    let calls = [accept(&[1], &[("t", "cpus:1;mem:1GiB"), ("u", "cpus:2;mem:1GiB")])];
    world.check(
        says("f", calls),
        &["f t STAGING ACCEPTED", "a launch 1.1 t cpus:1;mem:1GiB", "f u STAGING ACCEPTED", "a launch 1.2 u cpus:2;mem:1GiB"],
    );
    let state = world.agent_state("a");
    assert_eq!((state.used, state.free), (resources("cpus:3;mem:2GiB"), resources("cpus:1;mem:6GiB")));
}

#[test]
fn a_task_that_asks_for_too_much_is_an_error_and_the_next_one_runs() {
    let mut world = with_offer();
    let calls = [accept(&[1], &[("t", "cpus:5"), ("u", "cpus:4")])];
    world.check(says("f", calls), &["f t ERROR EXCEEDS_OFFER", "f u STAGING ACCEPTED", "a launch 1.1 u cpus:4"]);
}

#[test]
fn a_task_that_cannot_run_is_an_error() {
    let refused = |change: fn(&mut meros_types::TaskSpec)| {
        let mut task = spec("t", "cpus:1");
        change(&mut task);
        let group = meros_types::AcceptGroup { operations: vec![Operation::Launch(vec![task])], ..group(&[1], &[]) };
        with_offer().check(says("f", [accept_groups([group], false)]), &["f t ERROR INVALID_TASK"]);
    };
    refused(|task| task.command = meros_types::Command::shell(" \n"));
    refused(|task| task.command = meros_types::Command::words::<String>([]));
    refused(|task| task.command = meros_types::Command::words([""]));
    refused(|task| task.resources = meros_types::Resources::none());
    refused(|task| task.pids_limit = Some(0));
}

#[test]
fn an_offer_that_is_no_more_drops_the_task() {
    let accepts = |offers: &[u64]| says("f", [accept(offers, &[("t", "cpus:1")])]);
    // Never made, another's, declined, expired, accepted, none at all.
    with_offer().check(accepts(&[99]), &[INVALID]);
    let mut world = with_offer().after(subscribes("g").then([demand(1, meros_types::Demand::anything())]));
    world.run(registers("b"));
    world.check(accepts(&[2]), &[INVALID]);
    world.check(
        says("g", [accept(&[2], &[("t", "cpus:1")])]),
        &["g t STAGING ACCEPTED", "b launch 1.1 t cpus:1", "f offers 3@b(cpus:3;mem:8GiB)"],
    );
    with_offer().after(says("f", [decline(&[1], 60)])).check(accepts(&[1]), &[INVALID]);
    with_offer().after(passes(30)).check(accepts(&[1]), &[INVALID]);
    with_offer().after(says("f", [accept(&[1], &[("u", "cpus:1")])])).check(accepts(&[1]), &[INVALID]);
    with_offer().after(closes("a")).check(accepts(&[1]), &[INVALID]);
    with_offer().check(accepts(&[]), &[INVALID]);
    with_offer().check(accepts(&[1, 1]), &[INVALID]);
}

#[test]
fn a_bad_offer_drops_the_group_and_gives_back_its_good_ones() {
    let mut world = with_offer();
    world.check(says("f", [accept(&[99, 1], &[("t", "cpus:1")])]), &[INVALID]);
    assert_eq!(world.agent_state("a").free, resources("cpus:4;mem:8GiB"));
    world.check(passes(5), &["f offers 2@a(cpus:4;mem:8GiB)"]);
}

/// The second group can't have offer 2, and ends it all the same; the third must not count on it.
#[test]
fn an_offer_of_a_refused_group_is_not_accepted_by_a_later_one() {
    let mut world = with_offer().with_agent("b", "cpus:4");
    let groups = [group(&[1], &[("s", "cpus:1")]), group(&[1, 2], &[("t", "cpus:1")]), group(&[2], &[("u", "cpus:1")])];
    let lines = ["f s STAGING ACCEPTED", "a launch 1.1 s cpus:1", "f t DROPPED INVALID_OFFER", "f u DROPPED INVALID_OFFER"];
    world.check(says("f", [accept_groups(groups, false)]), &lines);
}

#[test]
fn offers_of_two_agents_are_no_group() {
    let mut world = with_offer().with_agent("b", "cpus:4");
    world.check(says("f", [accept(&[1, 2], &[("t", "cpus:1")])]), &[INVALID]);
    // Each counts as declined.
    world.check(passes(4), &[]);
    world.check(passes(1), &["f offers 3@a(cpus:4;mem:8GiB) 4@b(cpus:4)"]);
}

#[test]
fn two_offers_of_one_agent_are_used_together() {
    let mut world = World::new().with_agent("a", "cpus:4").with_framework("f");
    world.run(says("f", [demand(1, copies("cpus:1", 2))]));
    world.run(says("f", [demand(2, copies("cpus:1", 4))]));
    world.check(says("f", [accept(&[1, 2], &[("t", "cpus:3")])]), &["f t STAGING ACCEPTED", "a launch 1.1 t cpus:3"]);
}

#[test]
fn a_task_id_in_use_is_refused_and_the_task_that_has_it_runs_on() {
    let mut world = with_offer().after(says("f", [accept(&[1], &[("t", "cpus:1")])]));
    world.run(passes(5));
    let refused = "f ACCEPT refused: task id t is in use, or was; take another";
    world.check(
        says("f", [accept(&[2], &[("t", "cpus:1"), ("u", "cpus:1")])]),
        &[refused, "f u STAGING ACCEPTED", "a launch 1.2 u cpus:1"],
    );
    world.check(says("f", [reconcile(&["t"])]), &["f t STAGING ACCEPTED"]);
    world.run(states("a", "f", "t", (1, 1), TaskState::Finished, 1));
    world.run(passes(5));
    // Also when it is over, and twice in one accept.
    world.check(
        says("f", [accept(&[3], &[("t", "cpus:1"), ("v", "cpus:1"), ("v", "cpus:1")])]),
        &[refused, "f v STAGING ACCEPTED", "a launch 1.3 v cpus:1", "f ACCEPT refused: task id v is in use, or was; take another"],
    );
}

#[test]
fn an_operation_that_is_not_built_refuses_its_group_only() {
    let mut world = with_offer().with_agent("b", "cpus:4");
    let mut first = group(&[1], &[("t", "cpus:1")]);
    first.operations.push(Operation::Unimplemented("RESERVE".to_owned()));
    let groups = [first, group(&[2], &[("u", "cpus:1")])];
    world.check(
        says("f", [accept_groups(groups, false)]),
        &["f t DROPPED UNIMPLEMENTED", "f u STAGING ACCEPTED", "b launch 1.1 u cpus:1"],
    );
}

#[test]
fn all_or_nothing_is_nothing_when_a_part_is_refused() {
    let mut world = with_offer().with_agent("b", "cpus:4");
    let groups = [group(&[1], &[("t", "cpus:1")]), group(&[2], &[("u", "cpus:99")])];
    world.check(says("f", [accept_groups(groups, true)]), &["f t DROPPED GROUP_REFUSED", "f u ERROR EXCEEDS_OFFER"]);
    assert_eq!(world.metrics().tasks_live, 0);
}

#[test]
fn a_launch_carries_the_epoch_of_its_scheduler() {
    let mut world = with_offer().after(subscribes("g").of("f").then([demand(1, meros_types::Demand::anything())]));
    assert_eq!(world.epoch("g").0, 2);
    world.check(says("g", [accept(&[2], &[("t", "cpus:1")])]), &["g t STAGING ACCEPTED", "a launch 1.1 t cpus:1"]);
    assert_eq!(world.launched_epochs, [2]);
}

#[test]
fn a_task_is_staging_until_its_agent_says_otherwise() {
    let world = with_offer().after(says("f", [accept(&[1], &[("t", "cpus:1")])]));
    let tasks = world.master.state().tasks;
    assert_eq!(tasks.len(), 1);
    let TaskUpdate { state, launch: of, agent, .. } = tasks[0].update.clone();
    assert_eq!((state, of, agent), (TaskState::Staging, Some(launch((1, 1))), Some(world.agent_id("a"))));
}
