//! How containers come to be: the agent's launcher, and the shim that it forks for each container.
//!
//! ```text
//!   agent ──exec once──▶ launcher ──fork──▶ shim ──clone, exec──▶ task ──▶ whatever it starts
//!     │  ◀───────── report pipe, one per container ────┘  (the shim is the reaper of all of them)
//!     └── reads state/exit when the pipe closes
//! ```
//!
//! The agent is large and has many threads, so a fork of it is slow and fragile. It executes itself once more as a *launcher*,
//! small and single-threaded, and that forks. A *shim* supervises one container: it copies the output, kills what outlives the
//! task, counts, and leaves a record. It needs neither launcher nor agent once its task runs, and survives both.
//! The launcher ends when the agent does; if it dies first, the agent starts another at the next launch.
//!
//! The next agent must not look at a container while a launcher of the one before may still fork its shim. So launchers hold a
//! shared lock on `launcher.lock`: the agent takes it, and the launcher and each shim inherit it as their standard output. A shim
//! lets go of it when it has a lock of its own, on `state/lock`, and has left its record. Whoever gets the exclusive lock knows
//! that the launcher and its requests are gone, and that every shim it forked is dead or can be found.
//!
//! Owned here: these processes, from the request to the exit record, and the kernel's raw interface (`sys`). Deliberately
//! absent: the shim's decisions (`meros_agent_core::shim`), and making and removing directories and cgroups ([`crate::runtime`]).

mod handle;
mod process;
mod report;
mod request;
mod shim;
pub(crate) mod sys;

pub(crate) use handle::Launcher;
pub(crate) use report::{Failure, REPORT_BYTES, Report};
pub(crate) use request::Request;
pub(crate) use shim::{DESTROY_SIGNAL, TERMINATE_SIGNAL, whole_file};

pub use process::dispatch_if_launcher;
pub use report::Step;
pub use request::REQUEST_BYTES_MAX;
