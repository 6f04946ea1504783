//! Tasks that attack: each is run as a real task, in cgroups and under a user of its own, and seen to fail.
//!
//! Without libtest, because this program is also the launcher of the runtimes that it tests, and the program that its tasks run: an
//! attack says of each thing that it tries whether that was refused, so that a test can tell a failed attack from one that never
//! took place. Not promised, and so not here: that a task can't see the command lines of others, fill `/tmp` or `/dev/shm`, or
//! waste the time of its own CPUs.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test program without libtest prints its own verdicts")]

mod attack;
#[path = "../runtime_containers/cluster.rs"]
#[allow(dead_code, reason = "shared with other test programs, each of which uses its part")]
mod cluster;
mod harness;
#[path = "../daemon_shell/peers.rs"]
#[allow(dead_code, reason = "shared with other test programs, each of which uses its part")]
mod peers;

mod agents;
mod others;
mod output;
mod processes;
mod whole;

use std::process::ExitCode;

fn main() -> ExitCode {
    meros_agent::dispatch_if_launcher();
    if attack::dispatch() {
        return ExitCode::SUCCESS;
    }
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let mut tests = harness::Tests::default();
    others::add(&mut tests);
    agents::add(&mut tests);
    output::add(&mut tests);
    processes::add(&mut tests);
    whole::add(&mut tests);
    tests.run()
}
