//! On what a figure was measured, and how much CPU it took.

use std::process::Command;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};

/// One line that every result carries: cores, kernel, commit, load.
pub fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?").to_owned();
    let commit = Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let commit = commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    format!("{cores} cores, kernel {kernel}, commit {commit}, load {load}")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).map_or_else(|_| "?".to_owned(), |text| text.trim().to_owned())
}

/// The CPU time of this process so far, user and system, over all its threads.
pub fn own_cpu() -> Duration {
    // It fails only for an argument that it doesn't know.
    getrusage(UsageWho::RUSAGE_SELF).map_or(Duration::ZERO, |usage| duration(usage.user_time()) + duration(usage.system_time()))
}

/// The CPU time of this thread so far, user and system, in nanoseconds' resolution.
pub fn thread_cpu() -> Duration {
    // It fails only for a clock that the kernel doesn't have, and every Linux has this one.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

fn duration(value: TimeVal) -> Duration {
    let (seconds, micros) = (value.tv_sec().unsigned_abs(), value.tv_usec().unsigned_abs());
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}
