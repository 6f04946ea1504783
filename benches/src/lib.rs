//! What the benches share: how a figure is measured, compared and labelled. Each bench is a program in `src/bin/`, run by
//! `cargo xtask bench <name>`. Deliberately absent: pass and fail. Timing never decides a test.

pub mod allocator;
pub mod launch;
pub mod machine;
pub mod offers;
pub mod stats;
