//! Making a container's groups and setting their limits.
//!
//! Each limit is read back: the kernel rounds some and clamps others without a word, and what is not in force must not be promised.

use std::path::{Path, PathBuf};

use cgroups_rs::fs::Controller as _;
use cgroups_rs::fs::MaxValue;
use cgroups_rs::fs::cpu::CpuController;
use cgroups_rs::fs::cpuacct::CpuAcctController;
use cgroups_rs::fs::error::Error as CgroupError;
use cgroups_rs::fs::freezer::FreezerController;
use cgroups_rs::fs::memory::MemController;
use cgroups_rs::fs::pid::PidController;
use nix::unistd::{SysconfVar, sysconf};

use meros_types::Limits;

use super::{Controller, Groups};
use crate::runtime::RuntimeError;
use crate::runtime::groups::read_counter;

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
/// The limit of memory and swap together.
const LIMIT_WITH_SWAP: &str = "memory.memsw.limit_in_bytes";
/// The size of a page where the system does not tell.
const PAGE_BYTES_DEFAULT: u64 = 4_096;

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
        let file = |controller, name: &str| parents.directory(controller).unwrap_or(Path::new("")).join(name);
        // New groups have the default, whatever the agent's own has; if that was changed, somebody else works here.
        verify(&file(Controller::Cpu, "cpu.cfs_period_us"), PERIOD_US)?;
        Ok(Self { swap: file(Controller::Memory, LIMIT_WITH_SWAP).exists(), page_bytes: page_bytes() })
    }
}

/// Makes a container's group in every hierarchy, with its limits in force.
///
/// With the controllers of cgroups-rs one by one: its `Cgroup` would look at every hierarchy of the machine each time.
pub(super) fn make(groups: &Groups, limits: &Limits, features: Features) -> Result<(), RuntimeError> {
    // Where the hierarchy is mounted matters to cpuset only.
    let root = PathBuf::new;
    for (controller, path) in groups.iter() {
        let path = path.to_owned();
        match controller {
            Controller::Freezer => create(&FreezerController::new(path, root(), false))?,
            Controller::CpuAccounting => create(&CpuAcctController::new(path, root()))?,
            Controller::Pids => {
                let pids = PidController::new(path, root(), false);
                create(&pids)?;
                set(pids.path(), "pids.max", i64::from(limits.pids), |value| pids.set_pid_max(MaxValue::Value(value)))?;
            }
            Controller::Memory => {
                let memory = MemController::new(path, root(), false);
                create(&memory)?;
                enforce_memory(&memory, limits.memory_bytes, features)?;
            }
            Controller::Cpu => {
                let cpu = CpuController::new(path, root(), false);
                create(&cpu)?;
                enforce_cpu(&cpu, limits.cpu_milli)?;
            }
        }
    }
    Ok(())
}

fn create(controller: &impl cgroups_rs::fs::Controller) -> Result<(), RuntimeError> {
    let failed = |source| RuntimeError::Cgroup { doing: "make".to_owned(), path: controller.path().to_owned(), source };
    controller.create().map_err(failed)
}

/// A container that asks for no CPU gets what others leave: the lowest weight, and no ceiling.
fn enforce_cpu(cpu: &CpuController, cpu_milli: u64) -> Result<(), RuntimeError> {
    let shares = (cpu_milli.saturating_mul(SHARES_PER_CORE) / 1_000).clamp(*SHARES.start(), *SHARES.end());
    set(cpu.path(), "cpu.shares", shares.cast_signed(), |_| cpu.set_shares(shares))?;
    if cpu_milli == 0 {
        return Ok(());
    }
    let quota = i64::try_from(cpu_milli).unwrap_or(i64::MAX).saturating_mul(PERIOD_US / 1_000).clamp(QUOTA_US_MIN, QUOTA_US_MAX);
    set(cpu.path(), "cpu.cfs_quota_us", quota, |value| cpu.set_cfs_quota(value))
}

/// Memory, and memory with swap to the same amount: so the container gets no swap, and its limit means what it says. Zero is none.
fn enforce_memory(memory: &MemController, bytes: u64, features: Features) -> Result<(), RuntimeError> {
    if bytes == 0 {
        return Ok(());
    }
    // The kernel counts in pages and rounds down to them.
    let limit = i64::try_from(bytes / features.page_bytes * features.page_bytes).unwrap_or(i64::MAX);
    set(memory.path(), "memory.limit_in_bytes", limit, |value| memory.set_limit(value))?;
    if features.swap {
        set(memory.path(), LIMIT_WITH_SWAP, limit, |value| memory.set_memswap_limit(value))?;
    }
    Ok(())
}

fn set(group: &Path, file: &str, value: i64, write: impl FnOnce(i64) -> Result<(), CgroupError>) -> Result<(), RuntimeError> {
    let path = group.join(file);
    write(value).map_err(|source| RuntimeError::Cgroup {
        doing: format!("set {file} to {value} in"),
        path: group.to_owned(),
        source,
    })?;
    verify(&path, value)
}

fn verify(path: &PathBuf, wanted: i64) -> Result<(), RuntimeError> {
    let text = read_counter(path).map_err(|error| RuntimeError::file("read", path, error))?;
    match text.trim().parse::<i64>() {
        Ok(found) if found == wanted => Ok(()),
        // "max", or anything else that is not the number, reads as no limit.
        other => Err(RuntimeError::Limit { path: path.clone(), wanted, found: other.unwrap_or(-1) }),
    }
}

fn page_bytes() -> u64 {
    let found = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    found.and_then(|bytes| u64::try_from(bytes).ok()).filter(|bytes| *bytes > 0).unwrap_or(PAGE_BYTES_DEFAULT)
}
