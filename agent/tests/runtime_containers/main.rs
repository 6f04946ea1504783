//! The container runtimes with real processes in real cgroups.
//!
//! Without libtest, because this program is also the launcher of the runtimes that it tests, and libtest would start threads first.
//! Every test has an agent's name and work directory of its own, waits for conditions and never for time, and is swept afterwards,
//! passed or not.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test program without libtest prints its own verdicts")]

mod cluster;
mod harness;

mod adopt;
mod hygiene;
mod kill;
mod launch;
mod limits;
mod output;
mod survive;
mod unified;

use std::process::ExitCode;

fn main() -> ExitCode {
    meros_agent::dispatch_if_launcher();
    // A descriptor that launchers inherit, to see that no task does.
    let _inheritable = nix::unistd::dup(std::io::stderr()).unwrap();
    // Further groups of this process, to see that no task is in them. Without root there is no right to set or to keep them.
    let _ = nix::unistd::setgroups(&[0, 4, 7].map(nix::unistd::Gid::from_raw));
    // Shims whose launcher is dead become children of this process, and not of an init that may not care.
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let mut tests = harness::Tests::default();
    launch::add(&mut tests);
    output::add(&mut tests);
    hygiene::add(&mut tests);
    kill::add(&mut tests);
    limits::add(&mut tests);
    survive::add(&mut tests);
    adopt::add(&mut tests);
    unified::add(&mut tests);
    tests.run()
}
