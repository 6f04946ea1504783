//! Whose memory ran out. Deliberately absent: finding out *that* it did, which the kernel counts.

use meros_types::{ExitRecord, Limits};

/// How far below its limit a container's peak may stay when the limit was what stopped it: the kernel charges in batches of
/// 64 pages and gives up on the last one that does not fit.
const PEAK_SLACK_BYTES: u64 = 256 * 1024;

/// Why the kernel killed a process of a container for lack of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfMemory {
    /// The container reached its own limit.
    ContainerLimit,
    /// The container was within its limit: the agent's machine, or a group around the container, had no memory left.
    Agent,
}

/// Whose memory ran out, if any process of the container was killed for that.
pub fn out_of_memory(record: &ExitRecord, limits: &Limits) -> Option<OutOfMemory> {
    if record.usage.oom_kills == 0 {
        return None;
    }
    let limited = limits.memory_bytes > 0;
    // A small container's slack is a sixteenth, so that "at the limit" still means something.
    let slack = PEAK_SLACK_BYTES.min(limits.memory_bytes / 16);
    let at_limit = record.usage.memory_peak_bytes.saturating_add(slack) >= limits.memory_bytes;
    Some(if limited && at_limit { OutOfMemory::ContainerLimit } else { OutOfMemory::Agent })
}

#[cfg(test)]
mod tests {
    use meros_types::{Exit, Usage};

    use super::*;

    const MIB: u64 = 1 << 20;

    fn check(oom_kills: u64, peak: u64, limit: u64, expected: Option<OutOfMemory>) {
        let usage = Usage { oom_kills, memory_peak_bytes: peak, ..Usage::default() };
        let limits = Limits { cpu_milli: 100, memory_bytes: limit, pids: 10, disk_bytes: 0 };
        assert_eq!(out_of_memory(&ExitRecord { exit: Exit::Signal(9), usage }, &limits), expected);
    }

    #[test]
    fn nothing_killed_is_no_lack_of_memory() {
        check(0, 64 * MIB, 64 * MIB, None);
    }

    #[test]
    fn a_peak_at_the_limit_blames_the_limit() {
        check(1, 64 * MIB, 64 * MIB, Some(OutOfMemory::ContainerLimit));
        check(1, 64 * MIB - 4096, 64 * MIB, Some(OutOfMemory::ContainerLimit));
        check(3, 60 * 1024, 64 * 1024, Some(OutOfMemory::ContainerLimit));
    }

    #[test]
    fn a_peak_below_the_limit_blames_the_agent() {
        check(1, 48 * MIB, 64 * MIB, Some(OutOfMemory::Agent));
        check(1, 32 * 1024, 64 * 1024, Some(OutOfMemory::Agent));
    }

    #[test]
    fn a_container_without_a_limit_cannot_reach_it() {
        check(1, 64 * MIB, 0, Some(OutOfMemory::Agent));
    }
}
