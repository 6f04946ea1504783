//! A whole cluster in virtual time, in one process and one thread: for testing schedulers, and Meros itself.
//!
//! ```
//! # use meros_batch::Batch;
//! # use meros_sim::Cluster;
//! # use meros_types::{Resources, ResourcesError};
//! # fn main() -> Result<(), ResourcesError> {
//! let mut cluster = Cluster::seeded(7);
//! let agents = cluster.agents(3, Resources::parse("cpus:4;mem:8GiB")?);
//! let batch = cluster.framework("batch", Batch::new(40));
//! cluster.run_until(|c| c[batch].done > 5);
//! cluster.kill_agent(agents[0]);
//! cluster.run_until(|c| c[batch].done == 40); // or panics with the seed and the last events
//! # Ok(())
//! # }
//! ```
//!
//! Owned here: the simulated network, machines and clocks; the oracle that knows what truly happened, and the invariants that
//! are held against it; the swarm that draws whole scenarios from a seed. Deliberately absent: a second implementation of
//! anything. Master, agent, shim and session are the very state machines that production runs, the scheduler is the user's
//! own, and every message goes through the wire's conversions as bytes.

mod cluster;
mod describe;
mod disk;
mod failure;
mod framework;
mod handle;
mod invariants;
mod log;
mod machine;
mod network;
mod options;
mod outcome;
mod process;
mod queue;
mod random;
mod simulate;
mod swarm;
mod told;
mod truth;
mod twice;
mod wire;

pub use cluster::{Cluster, Counts};
pub use failure::{Failure, FailureKind, Violation};
pub use handle::{AgentHandle, AgentSpec, Handle, Peer};
pub use options::{Checks, Options, Planted};
pub use outcome::{Ending, OnTerminate, Outcome};
pub use random::Random;
pub use simulate::{Report, SimulateOptions, simulate};
pub use swarm::{Swarm, SwarmReport};
pub use twice::{deterministic, divergence};

pub use meros_master_core::{Reply, Request, RequestError, Token};
