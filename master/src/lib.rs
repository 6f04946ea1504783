//! The master's shell: what connects the master's core to sockets, clocks and files.
//!
//! ```text
//!  framework ==Session==> [peer task: decode, convert] --\                        /--> outbox --> [peer task: encode] ==>
//!  agent     ==Session==> [peer task: decode, convert] ---> bounded queue --> LOOP ---> outbox --> [peer task: encode] ==>
//!  operator  ==Admin====> [handler] -----------------------/   (owns the core)    \--> reply --> [handler] ==>
//! ```
//!
//! Owned here: the one loop that drives `meros-master-core`, gRPC and HTTP on one port, the outboxes of the peers, tokens, the
//! work directory (its lock, the token), and the registry: the file with what must outlive the process, and the thread that
//! writes it. Deliberately absent: every decision about offers, tasks and agents, which is the core's; and TLS, which comes
//! later, so that a master refuses to listen off loopback unless it is told to.
//!
//! **Invariant:** nobody but the loop touches the core, and the loop never waits for a peer nor for a disk. A peer that reads
//! too slowly finds its stream ended and resynchronises by connecting again. What can't be written ends the process.

mod decided;
mod door;
mod driver;
mod error;
mod guard;
mod http;
mod logs;
mod metrics;
mod options;
mod outbox;
pub mod registry;
mod server;
mod services;
mod session;
mod work_dir;

pub use error::Error;
pub use options::{MasterOptions, Timings};
pub use outbox::{OUTBOX_BYTES_MAX, OUTBOX_MESSAGES_MAX, STALL_MAX};
pub use server::{Master, run};
