//! What a container's one group under cgroup v2 says and does. Deliberately absent: anything about version 1.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use meros_agent_core::shim::counters::{field, number};
use meros_types::Usage;

use super::read_counter;

/// The file that counts what befell the group for lack of memory.
pub(super) const MEMORY_EVENTS: &str = "memory.events";

pub(super) fn usage(group: &Path) -> Usage {
    let cpu_stat = read(group, "cpu.stat");
    Usage {
        cpu: Duration::from_micros(field(&cpu_stat, "usage_usec").unwrap_or_default()),
        memory_peak_bytes: memory_peak_bytes(group),
        throttled_periods: field(&cpu_stat, "nr_throttled").unwrap_or_default(),
        throttled: Duration::from_micros(field(&cpu_stat, "throttled_usec").unwrap_or_default()),
        pids_refused: field(&read(group, "pids.events"), "max").unwrap_or_default(),
        oom_kills: oom_kills(group),
        wall: Duration::ZERO,
    }
}

/// Counted with the groups below: a task that owns its group may have made some.
pub(super) fn oom_kills(group: &Path) -> u64 {
    field(&read(group, MEMORY_EVENTS), "oom_kill").unwrap_or_default()
}

/// The kernel does it at once and to the groups below too; what forks meanwhile dies with the rest.
pub(super) fn kill(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.kill"), "1")
}

pub(super) fn is_empty(group: &Path) -> io::Result<bool> {
    Ok(field(&read_counter(&group.join("cgroup.events"))?, "populated") == Some(0))
}

/// Kernels before 5.19 keep no peak. They tell when the group's own limit left no other way than to kill, which is then the peak;
/// otherwise the present usage is all there is to know.
fn memory_peak_bytes(group: &Path) -> u64 {
    let count = |file: &str| number(&read(group, file));
    let own_limit_hit = || field(&read(group, "memory.events.local"), "oom").is_some_and(|count| count > 0);
    let fallback = || if own_limit_hit() { count("memory.max") } else { count("memory.current") };
    count("memory.peak").or_else(fallback).unwrap_or_default()
}

fn read(group: &Path, file: &str) -> String {
    read_counter(&group.join(file)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that reads like a group.
    fn group(files: &[(&str, &str)]) -> tempfile::TempDir {
        let group = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(group.path().join(name), text).unwrap();
        }
        group
    }

    const CPU_STAT: &str = "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 7\nnr_throttled 3\nthrottled_usec 250\n";
    const EVENTS: &str = "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\noom_group_kill 1\n";

    #[test]
    fn counters_read_as_the_kernel_writes_them() {
        let files = [("cpu.stat", CPU_STAT), ("memory.events", EVENTS), ("memory.peak", "4096\n"), ("pids.events", "max 5\n")];
        let group = group(&files);
        let expected = Usage {
            cpu: Duration::from_micros(1_500),
            memory_peak_bytes: 4_096,
            throttled_periods: 3,
            throttled: Duration::from_micros(250),
            pids_refused: 5,
            oom_kills: 1,
            wall: Duration::ZERO,
        };
        assert_eq!(usage(group.path()), expected);
    }

    #[test]
    fn without_a_peak_the_limit_that_was_hit_is_the_peak() {
        let files = [("memory.events.local", EVENTS), ("memory.max", "8192\n"), ("memory.current", "4096\n")];
        assert_eq!(memory_peak_bytes(group(&files).path()), 8_192);
        let calm = [("memory.events.local", "oom 0\noom_kill 1\n"), ("memory.max", "8192\n"), ("memory.current", "4096\n")];
        assert_eq!(memory_peak_bytes(group(&calm).path()), 4_096);
        assert_eq!(memory_peak_bytes(group(&[]).path()), 0);
    }

    #[test]
    fn a_group_is_empty_when_the_kernel_says_so() {
        assert!(is_empty(group(&[("cgroup.events", "populated 0\nfrozen 0\n")]).path()).unwrap());
        assert!(!is_empty(group(&[("cgroup.events", "populated 1\nfrozen 0\n")]).path()).unwrap());
        assert!(is_empty(group(&[]).path()).is_err());
    }
}
