//! The agent's shell: what connects the agent's core to the master, to containers, clocks and files.
//!
//! ```text
//!  master <==Session==> [connection task] --\                         /--> [connection task] <==Session==> master
//!  runtime: ends of containers --------------> queue --> LOOP (core) ---> [one task per operation] --> runtime
//!                                                                     \--> [log task] ==PushLog==> master
//! ```
//!
//! Owned here: the one loop that drives `meros-agent-core`, the connection to the master, the container runtime with its launcher
//! and shims, the streams of tasks' output, and the agent's own small HTTP port. Deliberately absent: every decision about tasks,
//! which is the core's; and, until it is built, adoption: an agent that stops destroys its containers, and one that starts
//! destroys what an earlier life of it has left, since nobody would know those containers any more.
//!
//! **Invariant:** nobody but the loop touches the core, and the loop waits for nobody. Operations on one container happen in the
//! order in which the core asked for them.

mod connection;
mod daemon;
mod detect;
pub mod emulated;
mod error;
mod follow;
mod http;
pub mod launcher;
mod leftovers;
mod logs;
mod metrics;
mod open_files;
mod operations;
mod options;
pub mod runtime;
mod server;
mod work_dir;

pub use error::Error;
pub use launcher::dispatch_if_launcher;
pub use options::{AGENT_PORT_DEFAULT, AgentOptions, IsolationMode, TASK_UIDS_DEFAULT};
pub use server::{Agent, run};
