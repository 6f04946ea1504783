//! The only clock and the only random source of a scheduler's process.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use meros_types::{Now, Time, WallTime};
use tokio::time::Instant;

/// Time since the clock was made. Unlike the daemons' it stands still while the machine sleeps: a scheduler runs on people's
/// laptops too, where the runtime's timers do the same, and the master's word on a lease counts anyway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { mono: Time::default().after(self.origin.elapsed()), wall: WallTime(wall.as_millis() as u64) }
    }

    /// The runtime's name for `time`.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        /// What is further away is looked at again then.
        const FARTHEST: Duration = Duration::from_secs(24 * 60 * 60);
        let since_start = time.since(Time::default());
        self.origin + since_start.min(self.origin.elapsed() + FARTHEST)
    }
}

/// A number that differs in every process: std takes it from the operating system for its hash maps.
pub(crate) fn seed() -> u64 {
    RandomState::new().hash_one("meros")
}
