//! Making a container's groups and setting their limits.
//!
//! Each limit is read back: the kernel rounds some and clamps others without a word, and what is not in force must not be promised.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use cgroups_rs::fs::MaxValue;
use cgroups_rs::fs::cpu::CpuController;
use cgroups_rs::fs::error::Error as CgroupError;
use cgroups_rs::fs::memory::MemController;
use cgroups_rs::fs::pid::PidController;
use nix::unistd::{SysconfVar, sysconf};

use meros_types::Limits;

use super::{Controller, Groups};
use crate::runtime::RuntimeError;
use crate::runtime::groups::read_counter;

/// The weight of one core under cgroup v1.
const SHARES_PER_CORE: u64 = 1_024;
/// What the kernel accepts as a weight there.
const SHARES: RangeInclusive<u64> = 2..=262_144;
/// The weight of one core under version 2: what a group has by default, as above.
const WEIGHT_PER_CORE: u64 = 100;
/// What the kernel accepts as a weight there.
const WEIGHTS: RangeInclusive<u64> = 1..=10_000;
/// The period over which the kernel enforces a CPU ceiling: its default. Shorter ones throttle smoother and cost more.
const PERIOD_US: i64 = 100_000;
/// The lowest ceiling that the kernel accepts, a hundredth of a core.
const QUOTA_US_MIN: i64 = 1_000;
/// The highest: beyond it, arithmetic in the kernel would overflow. No machine has a hundred thousand cores.
const QUOTA_US_MAX: i64 = 100_000 * PERIOD_US;
/// The limit of memory and swap together under cgroup v1.
const LIMIT_WITH_SWAP: &str = "memory.memsw.limit_in_bytes";
/// The limit of swap alone under version 2.
const LIMIT_OF_SWAP: &str = "memory.swap.max";
/// The size of a page where the system does not tell.
const PAGE_BYTES_DEFAULT: u64 = 4_096;

/// The version of cgroups, which decides how a limit's file is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// What the machine's kernel has and does, looked up once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Features {
    /// Whether memory with swap can be limited. Kernels can be built or booted without counting swap.
    swap: bool,
    page_bytes: u64,
}

impl Features {
    /// Of the hierarchies in which the agent has these groups.
    pub(super) fn detect(parents: &Groups) -> Result<Self, RuntimeError> {
        let file = |controller, name: &str| Some(parents.directory(controller)?.join(name));
        if let Some(period) = file(Controller::Cpu, "cpu.cfs_period_us") {
            // New groups have the default, whatever the agent's own has; if that was changed, somebody else works here.
            verify(&period, &PERIOD_US.to_string())?;
        }
        let swap_limit = file(Controller::Memory, LIMIT_WITH_SWAP).or_else(|| file(Controller::Unified, LIMIT_OF_SWAP));
        Ok(Self { swap: swap_limit.is_some_and(|path| path.exists()), page_bytes: page_bytes() })
    }
}

/// Makes a container's group in every hierarchy, with its limits in force.
///
/// With the controllers of cgroups-rs one by one: its `Cgroup` would look at every hierarchy of the machine each time.
pub(super) fn make(groups: &Groups, limits: &Limits, features: Features) -> Result<(), RuntimeError> {
    for (controller, path) in groups.iter() {
        std::fs::create_dir_all(path).map_err(|error| RuntimeError::file("make the cgroup", path, error))?;
        match controller {
            Controller::Freezer | Controller::CpuAccounting => {}
            Controller::Pids => enforce_pids(path, Version::V1, limits.pids)?,
            Controller::Memory => enforce_memory(path, Version::V1, limits.memory_bytes, features)?,
            Controller::Cpu => enforce_cpu(path, Version::V1, limits.cpu_milli)?,
            Controller::Unified => {
                enforce_pids(path, Version::V2, limits.pids)?;
                enforce_memory(path, Version::V2, limits.memory_bytes, features)?;
                enforce_cpu(path, Version::V2, limits.cpu_milli)?;
            }
        }
    }
    Ok(())
}

fn enforce_pids(group: &Path, version: Version, pids: u32) -> Result<(), RuntimeError> {
    let controller = PidController::new(group.to_owned(), root(), version == Version::V2);
    set(group, "pids.max", &pids.to_string(), || controller.set_pid_max(MaxValue::Value(i64::from(pids))))
}

/// A container that asks for no CPU gets what others leave: the lowest weight, and no ceiling.
fn enforce_cpu(group: &Path, version: Version, cpu_milli: u64) -> Result<(), RuntimeError> {
    let cpu = CpuController::new(group.to_owned(), root(), version == Version::V2);
    let (file, weight) = match version {
        Version::V1 => ("cpu.shares", weight(cpu_milli, SHARES_PER_CORE, SHARES)),
        Version::V2 => ("cpu.weight", weight(cpu_milli, WEIGHT_PER_CORE, WEIGHTS)),
    };
    set(group, file, &weight.to_string(), || cpu.set_shares(weight))?;
    if cpu_milli == 0 {
        return Ok(());
    }
    let quota = i64::try_from(cpu_milli).unwrap_or(i64::MAX).saturating_mul(PERIOD_US / 1_000).clamp(QUOTA_US_MIN, QUOTA_US_MAX);
    let (file, wanted) = match version {
        Version::V1 => ("cpu.cfs_quota_us", quota.to_string()),
        Version::V2 => ("cpu.max", format!("{quota} {PERIOD_US}")),
    };
    set(group, file, &wanted, || cpu.set_cfs_quota(quota))
}

fn weight(cpu_milli: u64, per_core: u64, accepted: RangeInclusive<u64>) -> u64 {
    (cpu_milli.saturating_mul(per_core) / 1_000).clamp(*accepted.start(), *accepted.end())
}

/// No swap, so that the limit of memory means what it says. Zero is no limit.
fn enforce_memory(group: &Path, version: Version, bytes: u64, features: Features) -> Result<(), RuntimeError> {
    let memory = MemController::new(group.to_owned(), root(), version == Version::V2);
    // The kernel counts in pages and rounds down to them.
    let limit = i64::try_from(bytes / features.page_bytes * features.page_bytes).unwrap_or(i64::MAX);
    let set_limit = |file: &str| set(group, file, &limit.to_string(), || memory.set_limit(limit));
    match version {
        Version::V1 if bytes == 0 => {}
        Version::V1 => {
            set_limit("memory.limit_in_bytes")?;
            if features.swap {
                // Memory with swap to the same amount as memory.
                set(group, LIMIT_WITH_SWAP, &limit.to_string(), || memory.set_memswap_limit(limit))?;
            }
        }
        Version::V2 => {
            if bytes > 0 {
                set_limit("memory.max")?;
            }
            if features.swap {
                set(group, LIMIT_OF_SWAP, "0", || memory.set_memswap_limit(0))?;
            }
            die_together(group)?;
        }
    }
    Ok(())
}

/// One process that is killed for lack of memory ends the task. Here the kernel kills the others with it, where version 1 leaves
/// them to the shim.
fn die_together(group: &Path) -> Result<(), RuntimeError> {
    let path = group.join("memory.oom.group");
    std::fs::write(&path, "1").map_err(|error| RuntimeError::file("set", &path, error))?;
    verify(&path, "1")
}

/// Where the hierarchy is mounted, which matters to cpuset only.
fn root() -> PathBuf {
    PathBuf::new()
}

fn set(group: &Path, file: &str, value: &str, write: impl FnOnce() -> Result<(), CgroupError>) -> Result<(), RuntimeError> {
    write().map_err(|source| RuntimeError::Cgroup {
        doing: format!("set {file} to {value} in"),
        path: group.to_owned(),
        source,
    })?;
    verify(&group.join(file), value)
}

fn verify(path: &Path, wanted: &str) -> Result<(), RuntimeError> {
    let text = read_counter(path).map_err(|error| RuntimeError::file("read", path, error))?;
    match text.trim() {
        found if found == wanted => Ok(()),
        found => Err(RuntimeError::Limit { path: path.to_owned(), wanted: wanted.to_owned(), found: found.to_owned() }),
    }
}

fn page_bytes() -> u64 {
    let found = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    found.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0).unwrap_or(PAGE_BYTES_DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_core_has_the_default_weight_and_none_the_lowest() {
        assert_eq!(weight(1_000, SHARES_PER_CORE, SHARES), 1_024);
        assert_eq!(weight(1_000, WEIGHT_PER_CORE, WEIGHTS), 100);
        assert_eq!(weight(1_500, WEIGHT_PER_CORE, WEIGHTS), 150);
        for (per_core, accepted) in [(SHARES_PER_CORE, SHARES), (WEIGHT_PER_CORE, WEIGHTS)] {
            assert_eq!(weight(0, per_core, accepted.clone()), *accepted.start());
            assert_eq!(weight(u64::MAX, per_core, accepted.clone()), *accepted.end());
        }
    }
}
