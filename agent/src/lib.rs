//! The agent's shell: what connects the agent's core to the master, to containers, clocks and files.
//!
//! ```text
//!  master <==Session==> [connection task] --\                         /--> [connection task] <==Session==> master
//!  runtime: ends of containers --------------> queue --> LOOP (core) ---> [one task per operation] --> runtime
//!  agent.log <--> [threads of the log] <------------------------------/\--> [log task] ==PushLog==> master
//! ```
//!
//! Owned here: the one loop that drives `meros-agent-core`, the connection to the master, the container runtime with its launcher
//! and shims, the log on disk, the streams of tasks' output, and the agent's own small HTTP port. Deliberately absent: every
//! decision about tasks, which is the core's.
//!
//! An agent may die at any instant. Its shims and tasks do not notice; its next life reads the log, adopts the shims that the log
//! knows, hears from their records of those that ended meanwhile, and destroys whatever the log does not know.
//!
//! **Invariant:** nobody but the loop touches the core, and the loop waits for nobody. Operations on one container happen in the
//! order in which the core asked for them.

mod connection;
mod daemon;
mod detect;
pub mod emulated;
mod error;
mod fail_point;
mod follow;
mod http;
pub mod launcher;
mod leftovers;
mod log;
mod logs;
mod metrics;
mod name;
mod open_files;
mod operations;
mod options;
pub mod runtime;
mod server;
mod work_dir;

pub use error::Error;
#[doc(hidden)]
pub use fail_point::FAIL_POINTS;
pub use launcher::dispatch_if_launcher;
pub use log::{LogError, Malformed};
pub use options::{AGENT_PORT_DEFAULT, AgentOptions, IsolationMode, TASK_DISK_MAX_DEFAULT, TASK_UIDS_DEFAULT};
pub use server::{Agent, run};
