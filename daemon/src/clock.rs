//! The two clocks, and where random numbers come from. The core reads none of them: it is handed what is read here.

use std::fs::File;
use std::io::{self, Read};
use std::time::SystemTime;

use meros_types::{Now, Time, WallTime};
use nix::time::{ClockId, clock_gettime};

/// The present.
pub fn now() -> Now {
    Now { mono: mono(), wall: wall() }
}

/// Time since boot, sleep included: a lease runs on while the machine is suspended.
fn mono() -> Time {
    let read = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has had this clock since 2.6.39");
    let (seconds, nanos) = (read.tv_sec().unsigned_abs(), read.tv_nsec().unsigned_abs());
    Time(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

fn wall() -> WallTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    WallTime(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Bytes that nobody can guess.
///
/// # Errors
/// When /dev/urandom can't be read.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
