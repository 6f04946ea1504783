//! The allocator on its own, change by change. Each file has one topic; `harness` is what they share, and checks every table after
//! each pass.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test says by a panic that it failed, and by its name what it shows")]

mod any_order;
mod explaining;
mod filters;
mod guarantees;
mod harness;
mod limits;
mod recovering;
mod rescinding;
mod sharing;
mod suiting;
