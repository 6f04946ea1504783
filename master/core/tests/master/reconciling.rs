//! Views: what a new session is told unasked, and what a question about a task that the master doesn't know is answered with.

use meros_types::TaskState::{Finished, Running};

use crate::harness::*;

fn with_task() -> World {
    let world = World::new().with_agent("a", "cpus:4").with_taker("f");
    world.after(says("f", [accept(&[1], &[("t", "cpus:1")])])).after(states("a", "f", "t", (1, 1), Running, 1)).after(passes(5))
}

#[test]
fn a_session_begins_with_the_views_that_it_may_have_missed() {
    let mut world = with_task().after(closes("f")).after(closes("a")).after(passes(30));
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "g t UNREACHABLE AGENT_UNREACHABLE"]);
    let mut world = world.after(closes("g")).after(registers("b").of("a").with("cpus:4"));
    world.check(subscribes("h").of("f"), &["h subscribed, epoch 2", "h t GONE AGENT_FORGOT", "b resend f"]);
}

#[test]
fn a_launch_that_was_lost_while_its_scheduler_was_away_is_told_to_the_next() {
    let world = World::new().with_agent("a", "cpus:4").with_taker("f").after(says("f", [accept(&[1], &[("t", "cpus:1")])]));
    let mut world = world.after(closes("f")).after(registers("b").of("a").with("cpus:4"));
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "g t DROPPED LAUNCH_LOST", "b resend f"]);
}

/// How a task ended comes with its fact, which the agent repeats.
#[test]
fn what_an_agent_states_is_not_told_as_a_view() {
    let mut world = with_task().after(closes("f")).after(states("a", "f", "t", (1, 1), Finished, 2));
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "a resend f"]);
    let over = held("f", "t", (1, 1), Finished, "");
    let mut world = with_task().after(closes("f")).after(registers("b").of("a").with("cpus:4").holding([over]));
    world.check(subscribes("g").of("f").resumes(1), &["g subscribed, epoch 1", "b resend f"]);
}

/// A scheduler that is back before the fact would take a bare end for the last word, and never hear of an exit code.
#[test]
fn a_question_about_a_task_that_is_over_waits_for_the_fact_of_its_end() {
    let mut world = with_task();
    let agent = world.agent_id("a");
    world.run(Step::Restarts);
    world.run(registers("b").of("a").with("cpus:4").holding([held("f", "t", (1, 1), Finished, "")]));
    world.run(subscribes("g").of("f").resumes(1));
    world.check(says("g", [reconcile_on(agent, "t"), reconcile(&["t"])]), &[]);
    world.check(states("b", "g", "t", (1, 1), Finished, 5), &["g t FINISHED EXITED #5"]);
    world.check(says("g", [reconcile_on(agent, "t")]), &["g t FINISHED EXITED #5"]);
}

/// A scheduler that acknowledges facts when its own database has them must be able to do so with an end that it has asked about:
/// of a view it would hear once, and after a crash never again.
#[test]
fn an_end_that_was_stated_is_answered_as_the_fact_that_it_is() {
    let mut world = with_task().after(closes("f")).after(states("a", "f", "t", (1, 1), Finished, 2));
    let agent = world.agent_id("a");
    world.run(subscribes("g").of("f").resumes(1));
    world.check(says("g", [reconcile_on(agent, "t")]), &["g t FINISHED EXITED #2"]);
}

/// After a restart the master knows no task, and agents only by their records.
#[test]
fn a_question_waits_for_the_agent_that_the_task_is_on() {
    let mut world = with_task().with_agent("c", "cpus:1");
    let (agent, other) = (world.agent_id("a"), world.agent_id("c"));
    world.run(Step::Restarts);
    world.run(subscribes("g").of("f").resumes(1));
    world.check(says("g", [reconcile_on(agent, "t")]), &[]);
    // When the agent is back, the task is known, or it is certain that it never will be.
    world.run(registers("b").of("a").with("cpus:4").holding([held("f", "t", (1, 1), Running, "cpus:1")]));
    world.check(
        says("g", [reconcile_on(agent, "t"), reconcile_on(agent, "u")]),
        &["g t RUNNING AGENT_RETURNED", "g u UNKNOWN RECONCILIATION"],
    );
    // The stream of an agent that has registered with this master may be lost for a moment: what it has is known.
    world.run(closes("b"));
    world.check(says("g", [reconcile_on(agent, "u")]), &["g u UNKNOWN RECONCILIATION"]);
    world.check(says("g", [reconcile_on(other, "v")]), &[]);
    world.run(passes(30));
    world.check(says("g", [reconcile_on(other, "v")]), &["g v UNREACHABLE AGENT_UNREACHABLE"]);
}

#[test]
fn the_answer_names_the_agent_only_if_it_rests_on_its_word() {
    let mut world = with_task();
    let agent = world.agent_id("a");
    assert_eq!(world.answered(says("f", [reconcile_on(agent, "u")])).agent, Some(agent));
    let unheard = meros_types::AgentId::from_bytes([9; 16]);
    assert_eq!(world.answered(says("f", [reconcile_on(unheard, "u")])).agent, None);
    assert_eq!(world.answered(says("f", [reconcile(&["u"])])).agent, None);
    world.run(closes("a"));
    world.run(passes(30));
    assert_eq!(world.answered(says("f", [reconcile_on(agent, "u")])).agent, Some(agent));
}
