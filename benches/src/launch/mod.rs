//! The cost of a container: CPU per `true` task through the agent's runtime, beside the least that the kernel asks for the same,
//! and the memory of a shim.
//!
//! **How CPU is counted.** By the kernel's accounting per cgroup, since most of it is spent by processes that are nobody's children
//! here. This process moves into a group of its own before it has threads, and whatever it starts inherits that: launcher and shims
//! (the kernel reaps shims, so `getrusage` would never see them). Tasks move into their containers' groups, whose CPU stays counted in
//! the parent, `meros/<agent>`, after they are removed. A side's CPU is what both counted during its window. Work that the kernel
//! does later in threads of its own, such as freeing removed groups, is in neither side.

pub mod account;
pub mod bare;
pub mod runtime;

use std::time::Duration;

/// One window of one side.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// How many tasks began and ended.
    pub tasks: u32,
    /// Over which time.
    pub wall: Duration,
    /// For how much CPU.
    pub cpu: Duration,
}

impl Window {
    /// CPU microseconds per task.
    pub fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / f64::from(self.tasks)
    }

    /// Tasks per second.
    pub fn rate(&self) -> f64 {
        f64::from(self.tasks) / self.wall.as_secs_f64()
    }
}
