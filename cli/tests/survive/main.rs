//! What survives: each daemon, scheduler and shim is killed with SIGKILL while tasks run, and disks are full, and nothing that was
//! promised is lost. Real daemons by the binary, as root with real cgroups.

#![allow(clippy::unwrap_used, reason = "a test says by a panic that it failed")]

#[path = "../support/mod.rs"]
mod support;

mod agents;
mod commands;
mod daemons;
mod fail_points;
mod full_disks;
mod masters;
mod neighbours;
mod operators;
mod schedulers;
mod shims;
