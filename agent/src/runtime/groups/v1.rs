//! What a container's groups under cgroup v1 say and do. Deliberately absent: anything about version 2.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill as signal};

use meros_agent_core::shim::counters::{field, number};
use meros_types::Usage;

use super::{Controller, Groups, processes, read_counter};

/// How often the freezer is asked whether it is done before the processes are killed as they are. It mostly is at once.
const FREEZER_LOOKS_MAX: u32 = 64;

pub(super) fn usage(groups: &Groups) -> Usage {
    let cpu_stat = read(groups, Controller::Cpu, "cpu.stat");
    let count = |text: &str| number(text).unwrap_or_default();
    Usage {
        cpu: Duration::from_nanos(count(&read(groups, Controller::CpuAccounting, "cpuacct.usage"))),
        memory_peak_bytes: count(&read(groups, Controller::Memory, "memory.max_usage_in_bytes")),
        throttled_periods: field(&cpu_stat, "nr_throttled").unwrap_or_default(),
        throttled: Duration::from_nanos(field(&cpu_stat, "throttled_time").unwrap_or_default()),
        pids_refused: field(&read(groups, Controller::Pids, "pids.events"), "max").unwrap_or_default(),
        oom_kills: oom_kills(groups),
        wall: Duration::ZERO,
    }
}

pub(super) fn oom_kills(groups: &Groups) -> u64 {
    field(&read(groups, Controller::Memory, "memory.oom_control"), "oom_kill").unwrap_or_default()
}

/// Frozen, so that nothing forks away meanwhile, and thawed, because only then it dies.
pub(super) fn kill(freezer: &Path) -> io::Result<()> {
    let state = freezer.join("freezer.state");
    fs::write(&state, "FROZEN")?;
    let killed = wait_frozen(&state).and_then(|()| kill_all(freezer));
    // Whatever happened: frozen processes never die.
    fs::write(&state, "THAWED")?;
    killed
}

fn wait_frozen(state: &Path) -> io::Result<()> {
    for _ in 0..FREEZER_LOOKS_MAX {
        if read_counter(state)?.trim() == "FROZEN" {
            break;
        }
    }
    Ok(())
}

fn kill_all(freezer: &Path) -> io::Result<()> {
    for pid in processes(freezer)? {
        // One that just ended is as good as killed.
        let _ = signal(pid, Signal::SIGKILL);
    }
    Ok(())
}

fn read(groups: &Groups, controller: Controller, file: &str) -> String {
    groups.directory(controller).and_then(|path| read_counter(&path.join(file)).ok()).unwrap_or_default()
}
