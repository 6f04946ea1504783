//! The harnesses of the two other test programs: of runtimes alone, and of whole agents.

#[path = "../daemon_shell/harness.rs"]
#[allow(dead_code, unused_macros, reason = "shared with another test program, which uses more of it")]
mod daemons;
#[path = "../runtime_containers/harness.rs"]
#[allow(dead_code, reason = "shared with another test program, which uses more of it")]
mod runtimes;

pub(crate) use daemons::{soon, until};
pub(crate) use runtimes::Tests;
