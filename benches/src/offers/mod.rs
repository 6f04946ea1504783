//! Offers per second: frameworks that decline at once against emulated agents, over real gRPC on loopback, and the same bytes
//! over a bare tonic stream in the same process and run.

pub mod bare;
pub mod cluster;

use std::time::Duration;

/// What one window of a measurement gave.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Offers that a scheduler saw and declined, or that the bare stream carried.
    pub offers: u64,
    /// How many messages carried them.
    pub messages: u64,
    /// How long it took.
    pub wall: Duration,
    /// CPU time of the whole process: every end of every stream.
    pub cpu: Duration,
}

impl Window {
    /// Offers per second.
    pub fn rate(&self) -> f64 {
        self.offers as f64 / self.wall.as_secs_f64()
    }

    /// CPU microseconds per offer.
    pub fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.offers as f64
    }

    /// Offers per message, at least one.
    pub fn per_message(&self) -> usize {
        let mean = self.offers as f64 / self.messages.max(1) as f64;
        mean.round().max(1.0) as usize
    }
}
