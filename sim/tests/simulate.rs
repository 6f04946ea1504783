//! What `meros simulate` runs.

use meros_sim::{Report, SimulateOptions, simulate};

fn run(options: SimulateOptions) -> Report {
    simulate(&options).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn a_batch_comes_to_its_end_though_agents_die() {
    let report = run(SimulateOptions::new(7, 10, 100));
    assert_eq!((report.done, report.failed, report.agents_killed), (100, 0, 2));
    assert!(report.to_string().contains("agents         10, 2 of them killed"), "{report}");
}

#[test]
fn the_same_seed_gives_the_same_log() {
    let logs = [7, 7, 8].map(|seed| run(SimulateOptions::new(seed, 5, 40)).log);
    assert!(logs[0] == logs[1] && logs[1] != logs[2]);
}

#[test]
fn nothing_to_do_is_done() {
    assert_eq!(run(SimulateOptions::new(1, 1, 0)).done, 0);
}

#[test]
fn a_thousand_agents_and_thousands_of_tasks_take_seconds() {
    let report = run(SimulateOptions::new(3, 1_000, 3_000));
    assert_eq!(report.done, 3_000);
}
