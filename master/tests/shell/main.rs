//! The master's shell over real loopback connections: its life, its guards, its sessions, its pages and its logs.
//!
//! What the core decides is tested in the core's own crate; here it is only the partner.

#![allow(clippy::unwrap_used, reason = "a test says by a panic that it failed, in its helpers too")]

mod child;
mod guards;
mod harness;
mod life;
mod logs;
mod operators;
mod pages;
mod registry;
mod sessions;
