//! What every simulated process has: a clock of its own, turns at its inbox, and a moment that its core waits for.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use meros_types::{Now, Time, WallTime};

use crate::Random;
use crate::failure::FailureKind;
use crate::machine::Happening;
use crate::network::{Client, Transit};

/// The calendar when a simulation begins: 2026-01-01 (UTC), in milliseconds since 1970.
const WALL_BEGIN_MS: u64 = 1_767_225_600_000;
/// The longest that a process's machine was up before the simulation: no two clocks show the same.
const UPTIME_MAX: Duration = Duration::from_secs(1_000_000);
/// The shortest wait for the moment that a core names, so that one which names the past can't stop the time.
const WAKE_MIN: Duration = Duration::from_micros(1);

/// A process that takes turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    Master,
    Client(Client),
}

/// Something that is to happen.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// A process in this life looks at its inbox.
    Turn(Actor, u32),
    /// The moment that a process in this life waits for.
    Wakes(Actor, u32, Time),
    /// The network brings something over this stream.
    Network(u64, Transit),
    /// Something happens to a container of an agent's machine, since it was powered on so many times.
    Machine(usize, u32, meros_types::ContainerId, Box<Happening>),
    /// A disk has done what a process in this life asked of it.
    Disk(Actor, u32, DiskDone),
    /// A process that died in this life begins anew.
    Restarts(Actor, u32),
}

/// What a disk has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskDone {
    /// The transaction of this number, and all before it, are on the disk.
    Committed(u64),
    /// What was appended up to this number survives the process.
    Appended(u64),
    /// What was written up to the mark survives a power loss; it ends with the record of this number.
    Synced { mark: u64, seq: u64 },
}

impl From<(u64, Transit)> for Delivery {
    fn from((stream, transit): (u64, Transit)) -> Self {
        Delivery::Network(stream, transit)
    }
}

/// The clocks of a process's machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    uptime: Duration,
}

impl Clock {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self { uptime: random.duration(Duration::ZERO, UPTIME_MAX) }
    }

    /// What the clocks show at this virtual time.
    pub(crate) fn now(&self, virtual_time: Time) -> Now {
        Now { mono: virtual_time.after(self.uptime), wall: WallTime(WALL_BEGIN_MS + virtual_time.0 / 1_000_000) }
    }

    /// The virtual time at which the clock shows `mono`.
    fn virtual_time(&self, mono: Time) -> Time {
        Time::default().after(mono.since(Time::default().after(self.uptime)))
    }
}

/// A process's turns.
#[derive(Clone, Debug)]
pub(crate) struct Turns {
    pub(crate) clock: Clock,
    /// Counts the lives of the process: what was meant for an earlier one is dropped.
    pub(crate) life: u32,
    /// Whether it is going to look at its inbox.
    pub(crate) due: bool,
    /// The virtual time that it waits for.
    pub(crate) wakes: Option<Time>,
    /// When its disk will have done what it was asked so far.
    pub(crate) disk_busy: Time,
}

impl Turns {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self { clock: Clock::new(random), life: 0, due: false, wakes: None, disk_busy: Time::default() }
    }

    /// The process is dead, on a machine that runs on.
    pub(crate) fn die(&mut self) {
        (self.due, self.wakes) = (false, None);
        self.life += 1;
    }

    /// The process begins anew, on a machine that was booted anew, or ends.
    pub(crate) fn next_life(&mut self, random: &mut Random) {
        *self = Self { life: self.life + 1, ..Self::new(random) };
    }

    /// Notes what the core waits for. Returns the virtual time to wake it, when that is news.
    pub(crate) fn wait(&mut self, now: Time, wakeup: Option<Time>) -> Option<Time> {
        let at = wakeup.map(|mono| self.clock.virtual_time(mono).max(now.after(WAKE_MIN)));
        let news = at != self.wakes;
        self.wakes = at;
        at.filter(|_| news)
    }
}

/// Decides when to look closer at something whose look costs as much as it is large.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    steps: usize,
}

impl Pace {
    /// One more step. Says whether enough were made since the last look for one at something of this size.
    pub(crate) fn is_due(&mut self, size: usize) -> bool {
        self.steps += 1;
        let due = self.steps >= size;
        if due {
            self.steps = 0;
        }
        due
    }
}

/// Runs code that is not the simulator's. A panic of it is a failure of the simulation.
pub(crate) fn guard<R>(process: impl fmt::Display, code: impl FnOnce() -> R) -> Result<R, FailureKind> {
    // Whoever gets the failure never touches the half-changed state again.
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        FailureKind::Panicked {
            process: process.to_string(),
            message: text.unwrap_or_else(|| "something that is no text".to_owned()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wakeup_in_the_past_still_takes_time() {
        let mut turns = Turns::new(&mut Random::seeded(1));
        let now = Time(1_000_000);
        let mono = turns.clock.now(now).mono;
        assert_eq!(turns.wait(now, Some(mono)), Some(now.after(WAKE_MIN)));
        assert_eq!(turns.wait(now, Some(mono)), None, "it is not news");
        assert_eq!(turns.wait(now, Some(mono.after(Duration::from_secs(1)))), Some(now.after(Duration::from_secs(1))));
        assert_eq!(turns.wait(now, None), None);
    }

    #[test]
    fn looks_are_as_rare_as_they_are_dear() {
        let mut pace = Pace::default();
        let looks = (0..100).filter(|_| pace.is_due(10)).count();
        assert_eq!(looks, 10);
        assert!((0..10).all(|_| pace.is_due(0)));
    }
}
