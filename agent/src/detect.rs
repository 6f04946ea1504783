//! What a machine has to give when its operator does not say: all cores, and memory and disk less a reserve.
//!
//! The reserve is Mesos' own: the system needs some memory and disk, and a machine that has little gives half. Deliberately
//! absent: GPUs, which nobody can share safely without a driver's help, so that operators name them.

use std::fs;
use std::path::Path;
use std::thread;

use meros_types::{Ports, Resources};
use nix::sys::statvfs::statvfs;

use crate::error::Error;

const GIB: u64 = 1 << 30;
/// Memory that the system keeps.
const MEMORY_RESERVE_BYTES: u64 = GIB;
/// Disk that the system keeps.
const DISK_RESERVE_BYTES: u64 = 5 * GIB;
/// Ports that no service is usually given and that the kernel gives to nobody by itself.
const PORTS: (u16, u16) = (31_000, 32_000);

/// What the machine has, less the reserve. The disk is that of `work_dir`.
pub(crate) fn resources(work_dir: &Path) -> Result<Resources, Error> {
    let cores = thread::available_parallelism().map_err(Error::file("count the cores in", "/proc/self/status"))?;
    let memory = fs::read_to_string("/proc/meminfo").map_err(Error::file("read", "/proc/meminfo"))?;
    let disk = statvfs(work_dir).map_err(|errno| Error::file("measure", work_dir)(errno.into()))?;
    let disk_bytes = disk.blocks().saturating_mul(disk.fragment_size());
    Ok(Resources::none()
        .with_cpu_milli(cores.get() as u64 * 1_000)
        .with_memory_bytes(less(memory_bytes(&memory), MEMORY_RESERVE_BYTES))
        .with_disk_bytes(less(disk_bytes, DISK_RESERVE_BYTES))
        .with_ports(Ports::from_ranges([PORTS])))
}

/// What is left of `total`: less the reserve, or half of it when the reserve is more than that.
fn less(total: u64, reserve: u64) -> u64 {
    total - reserve.min(total / 2)
}

/// The total in the text of `/proc/meminfo`; none when it has another form.
fn memory_bytes(text: &str) -> u64 {
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.trim().strip_suffix(" kB")).and_then(|number| number.trim().parse::<u64>().ok());
    kib.map_or(0, |kib| kib.saturating_mul(1_024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_machines_give_half() {
        assert_eq!(less(8 * GIB, GIB), 7 * GIB);
        assert_eq!(less(2 * GIB, GIB), GIB);
        assert_eq!(less(GIB, GIB), GIB / 2);
        assert_eq!(less(0, GIB), 0);
    }

    #[test]
    fn memory_is_read_from_the_kernels_text() {
        assert_eq!(memory_bytes("MemTotal:       16384 kB\nMemFree: 1 kB\n"), 16 << 20);
        assert_eq!(memory_bytes("nothing"), 0);
    }

    #[test]
    fn this_machine_has_something_to_give() {
        let found = resources(Path::new("/")).unwrap();
        assert!(found.cpu_milli() >= 1_000 && found.memory_bytes() > 0 && found.ports().count() == 1_001, "{found}");
    }
}
