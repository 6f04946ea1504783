//! What a master is told when it is made.

use std::collections::BTreeMap;
use std::time::Duration;

use meros_types::{Role, Term};

/// A master's settings. Every timing is a flag of `meros master`.
#[derive(Clone, Debug)]
pub struct MasterConfig {
    /// This leadership. Higher than every one before in this work directory.
    pub term: Term,
    /// Where random ids come from. The shell draws it from the operating system.
    pub seed: u64,
    /// How often each side of a stream says that it is alive. Default 5 s.
    pub heartbeat: Duration,
    /// After how long without a word a peer's stream is given up, and an agent without a stream is unreachable. Default 30 s.
    pub unreachable_after: Duration,
    /// How long an offer stands. Default 30 s.
    pub offer_lease: Duration,
    /// How long the tasks of a framework without a key outlive its stream. Default 60 s.
    pub ephemeral_timeout: Duration,
    /// The weights of roles in fair sharing, from 1; a role that is not named has 1.
    pub weights: BTreeMap<Role, u32>,
}

impl MasterConfig {
    /// The defaults, for this term and seed.
    pub fn new(term: Term, seed: u64) -> Self {
        Self {
            term,
            seed,
            heartbeat: Duration::from_secs(5),
            unreachable_after: Duration::from_secs(30),
            offer_lease: Duration::from_secs(30),
            ephemeral_timeout: Duration::from_secs(60),
            weights: BTreeMap::new(),
        }
    }
}
