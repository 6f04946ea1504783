//! How long something takes: CPU time of the thread that does it, over and over, and the median.

use std::time::Duration;

use crate::machine;
use crate::stats;

/// How often a pass is measured at the least.
pub const PASSES_MIN: usize = 5;
/// How often at the most: past this a median doesn't change any more.
const PASSES_MAX: usize = 101;
/// As long as the passes together took less than this, there are more of them.
const ENOUGH: Duration = Duration::from_millis(300);
/// How often the clock is read to know what that costs.
const READINGS: usize = 1_001;

/// The median of several times that the same thing took.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Milliseconds of CPU, less what reading the clock takes.
    pub milliseconds: f64,
    /// How often it was done.
    pub passes: usize,
    /// How many offers it made: the median too.
    pub offers: usize,
}

/// Times that the same thing took.
#[derive(Clone, Debug, Default)]
pub struct Stopwatch {
    times: Vec<f64>,
    offers: Vec<f64>,
    sum: Duration,
}

impl Stopwatch {
    /// Does it once; `step` says how many offers it made.
    pub fn time(&mut self, step: impl FnOnce() -> usize) {
        let began = machine::thread_cpu();
        let offers = step();
        let took = machine::thread_cpu().saturating_sub(began);
        self.times.push(took.as_secs_f64() * 1e3);
        self.offers.push(offers as f64);
        self.sum += took;
    }

    /// Does it so often in a row as one time, and takes the mean; for what is shorter than reading the clock.
    pub fn time_many(&mut self, times: usize, mut step: impl FnMut() -> usize) {
        let began = machine::thread_cpu();
        let offers: usize = (0..times).map(|_| step()).sum();
        let took = machine::thread_cpu().saturating_sub(began);
        self.times.push(took.as_secs_f64() * 1e3 / times as f64 + clock_milliseconds());
        self.offers.push(offers as f64 / times as f64);
        self.sum += took;
    }

    /// Takes all that another measured as one time.
    pub fn add(&mut self, other: &Self) {
        let clock = clock_milliseconds() * other.times.len() as f64;
        self.times.push((other.times.iter().sum::<f64>() - clock).max(0.0));
        self.offers.push(other.offers.iter().sum());
        self.sum += other.sum;
    }

    /// How often it was done.
    pub fn count(&self) -> usize {
        self.times.len()
    }

    /// Whether it was done often enough.
    pub fn is_enough(&self) -> bool {
        let done = self.times.len();
        done >= PASSES_MAX || (done >= PASSES_MIN && self.sum >= ENOUGH)
    }

    /// The median of what was measured.
    pub fn timing(&self) -> Timing {
        let milliseconds = (stats::median(&self.times) - clock_milliseconds()).max(0.0);
        Timing { milliseconds, passes: self.times.len(), offers: stats::median(&self.offers) as usize }
    }
}

/// What reading the clock twice takes by itself.
fn clock_milliseconds() -> f64 {
    let reading = |_| {
        let began = machine::thread_cpu();
        machine::thread_cpu().saturating_sub(began).as_secs_f64() * 1e3
    };
    stats::median(&(0..READINGS).map(reading).collect::<Vec<_>>())
}
