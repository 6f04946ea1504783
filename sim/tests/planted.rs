//! The harness is proved: each planted fault of the simulator breaks something by one line, and the invariant that names it must
//! notice within a few seeds. Without the fault the same seeds pass (`seeds.rs` runs them).

use meros_sim::{Planted, Swarm};

/// How many seeds may pass in spite of the fault: not every scenario gives it a chance.
const SEEDS: u64 = 1_000;

#[track_caller]
fn check(planted: Planted, invariant: &str) {
    let failures = (0..SEEDS).filter_map(|seed| Swarm::seeded(seed).planted(planted).run().err());
    let first = failures.into_iter().next().unwrap_or_else(|| panic!("{SEEDS} seeds pass in spite of {planted:?}"));
    assert_eq!(first.invariant(), Some(invariant), "{first}");
    assert!(first.to_string().contains(&format!("--first-seed {} --seeds 1", first.seed)), "the failure says how to see it again");
}

#[test]
fn a_container_that_ends_on_paper_only() {
    check(Planted::EndsEarly, "terminal_is_released");
}

#[test]
fn a_registration_that_doubles_what_the_agent_has() {
    check(Planted::DoublesResources, "ledger_adds_up");
}

#[test]
fn a_program_that_is_executed_twice() {
    check(Planted::StartsTwice, "starts_once");
}

#[test]
fn a_launch_that_is_lost_on_a_stream_that_never_broke() {
    check(Planted::LosesLaunch, "convergence");
}

#[test]
fn a_registry_that_says_stored_before_it_is() {
    check(Planted::CommitsEarly, "told_is_stored");
}

#[test]
fn a_log_that_says_synced_and_is_not() {
    check(Planted::SyncsNothing, "told_is_stored");
}

#[test]
fn a_state_store_that_says_saved_before_it_is() {
    check(Planted::SavesEarly, "facts_in_order");
}

#[test]
fn a_new_master_in_an_old_term() {
    check(Planted::TermStandsStill, "never_steps_back");
}

#[test]
fn a_new_master_that_has_forgotten_the_limits() {
    check(Planted::ForgetsLimits, "limits_hold");
}
