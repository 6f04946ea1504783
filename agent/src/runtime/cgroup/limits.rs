//! Making a container's groups and setting their limits.
//!
//! Each limit is read back: the kernel rounds some and clamps others without a word, and what is not in force must not be promised.

use std::fs;
use std::path::{Path, PathBuf};

use cgroups_rs::fs::cpu::CpuController;
use cgroups_rs::fs::error::Error as CgroupError;
use cgroups_rs::fs::hierarchies::V1;
use cgroups_rs::fs::memory::MemController;
use cgroups_rs::fs::pid::PidController;
use cgroups_rs::fs::{Cgroup as Group, ControllIdentifier, Controller as _, MaxValue, Subsystem};

use meros_types::Limits;

use super::{Controller, Groups};
use crate::runtime::RuntimeError;

/// The names of the controllers that containers use, as cgroups-rs has them.
const CONTROLLERS: [&str; 5] = ["freezer", "pids", "memory", "cpu", "cpuacct"];

/// The weight of one core.
const SHARES_PER_CORE: u64 = 1_024;
/// What the kernel accepts as a weight.
const SHARES: std::ops::RangeInclusive<u64> = 2..=262_144;
/// The period over which the kernel enforces a CPU ceiling: its default. Shorter ones throttle smoother and cost more.
const PERIOD_US: i64 = 100_000;
/// The lowest ceiling that the kernel accepts, a hundredth of a core.
const QUOTA_US_MIN: i64 = 1_000;
/// The highest: beyond it, arithmetic in the kernel would overflow. No machine has a hundred thousand cores.
const QUOTA_US_MAX: i64 = 100_000 * PERIOD_US;
/// The kernel counts memory in pages and rounds limits down to them.
const PAGE_BYTES: u64 = 4_096;

/// Makes the group in every hierarchy.
pub(super) fn make(hierarchy: &V1, name: &Path) -> Result<Group, RuntimeError> {
    let controllers = CONTROLLERS.map(str::to_owned).to_vec();
    // The hierarchy was parsed once, when the agent began; looking for it again would read every mount.
    Group::new_with_specified_controllers(Box::new(hierarchy.clone()), name, Some(controllers))
        .map_err(|source| RuntimeError::Cgroup { doing: "make".to_owned(), path: name.to_owned(), source })
}

/// Sets the limits and sees that they hold.
pub(super) fn enforce(group: &Group, groups: &Groups, limits: &Limits) -> Result<(), RuntimeError> {
    enforce_cpu(controller(group, groups, Controller::Cpu)?, limits.cpu_milli)?;
    if limits.memory_bytes > 0 {
        enforce_memory(controller(group, groups, Controller::Memory)?, limits.memory_bytes)?;
    }
    let pids: &PidController = controller(group, groups, Controller::Pids)?;
    set(pids.path(), "pids.max", i64::from(limits.pids), |value| pids.set_pid_max(MaxValue::Value(value)))
}

fn controller<'a, T>(group: &'a Group, groups: &Groups, wanted: Controller) -> Result<&'a T, RuntimeError>
where
    &'a T: From<&'a Subsystem>,
    T: cgroups_rs::fs::Controller + ControllIdentifier,
{
    let path = || groups.directory(wanted).map(Path::to_owned).unwrap_or_default();
    group.controller_of::<T>().ok_or_else(|| RuntimeError::Unusable { reason: format!("{} has no controller", path().display()) })
}

/// A container that asks for no CPU gets what others leave: the lowest weight, and no ceiling.
fn enforce_cpu(cpu: &CpuController, cpu_milli: u64) -> Result<(), RuntimeError> {
    let shares = (cpu_milli.saturating_mul(SHARES_PER_CORE) / 1_000).clamp(*SHARES.start(), *SHARES.end());
    set(cpu.path(), "cpu.shares", shares.cast_signed(), |_| cpu.set_shares(shares))?;
    if cpu_milli == 0 {
        return Ok(());
    }
    // The period is the kernel's default in every new group; only seen to be so.
    verify(&cpu.path().join("cpu.cfs_period_us"), PERIOD_US)?;
    let quota = i64::try_from(cpu_milli).unwrap_or(i64::MAX).saturating_mul(PERIOD_US / 1_000).clamp(QUOTA_US_MIN, QUOTA_US_MAX);
    set(cpu.path(), "cpu.cfs_quota_us", quota, |value| cpu.set_cfs_quota(value))
}

/// Memory, and memory with swap to the same amount: so the container gets no swap, and its limit means what it says.
fn enforce_memory(memory: &MemController, bytes: u64) -> Result<(), RuntimeError> {
    let limit = i64::try_from(bytes / PAGE_BYTES * PAGE_BYTES).unwrap_or(i64::MAX);
    set(memory.path(), "memory.limit_in_bytes", limit, |value| memory.set_limit(value))?;
    const WITH_SWAP: &str = "memory.memsw.limit_in_bytes";
    // Kernels can be built or booted without counting swap.
    if memory.path().join(WITH_SWAP).exists() {
        set(memory.path(), WITH_SWAP, limit, |value| memory.set_memswap_limit(value))?;
    }
    Ok(())
}

fn set(group: &Path, file: &str, value: i64, write: impl FnOnce(i64) -> Result<(), CgroupError>) -> Result<(), RuntimeError> {
    let path = group.join(file);
    write(value).map_err(|source| RuntimeError::Cgroup { doing: format!("set {file} to {value} in"), path: group.to_owned(), source })?;
    verify(&path, value)
}

fn verify(path: &PathBuf, wanted: i64) -> Result<(), RuntimeError> {
    let text = fs::read_to_string(path).map_err(|error| RuntimeError::file("read", path, error))?;
    match text.trim().parse::<i64>() {
        Ok(found) if found == wanted => Ok(()),
        // "max", or anything else that is not the number, reads as no limit.
        other => Err(RuntimeError::Limit { path: path.clone(), wanted, found: other.unwrap_or(-1) }),
    }
}
