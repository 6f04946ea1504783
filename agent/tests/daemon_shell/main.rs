//! The agent's shell against a real master: registration, real tasks and their output, logs, stopping, dying and
//! coming back, and emulated agents.
//!
//! Without libtest, because this program is also the launcher of the agents that it runs, and libtest would start threads first.
//! Every test has a master and directories of its own, and waits for conditions, never for time.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says by a panic that it failed, and its harness prints"
)]

mod disk_full;
mod emulated;
mod fail_points;
mod harness;
mod life;
mod peers;
mod process;
mod restart;
mod tasks;

use std::process::ExitCode;

fn main() -> ExitCode {
    meros_agent::dispatch_if_launcher();
    if let Some(code) = process::dispatch_if_agent() {
        return code;
    }
    let mut tests = harness::Tests::default();
    emulated::add(&mut tests);
    life::add(&mut tests);
    tasks::add(&mut tests);
    restart::add(&mut tests);
    fail_points::add(&mut tests);
    disk_full::add(&mut tests);
    tests.run()
}
