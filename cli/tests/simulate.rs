//! The simulator from the shell: the same seed, the same bytes.

#![allow(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

mod support;

use serde_json::Value;
use support::{folder, meros, text};

/// Runs a simulation and returns its log and its summary.
fn simulate(seed: &str) -> (Vec<u8>, Value) {
    let folder = folder();
    let log = folder.path().join("events.log");
    let mut command = meros(folder.path());
    command.args(["simulate", "--seed", seed, "--agents", "10", "--tasks", "100", "--json", "--log"]).arg(&log);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    (std::fs::read(log).unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn the_same_seed_gives_the_same_log_byte_for_byte() {
    let (first, summary) = simulate("7");
    let (second, _) = simulate("7");
    assert!(first == second, "two runs of one seed differ");
    assert!(first.len() > 1_000);
    assert_eq!((&summary["done"], &summary["failed"]), (&100.into(), &0.into()), "{summary}");
    let (other, _) = simulate("8");
    assert!(first != other, "two seeds give the same log");
}

#[test]
fn a_log_that_cannot_be_written_is_one_sentence() {
    let output = support::run(&["simulate", "--tasks", "1", "--log", "/no-such-folder/log"]);
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(said.contains("/no-such-folder/log"), "{said}");
}
