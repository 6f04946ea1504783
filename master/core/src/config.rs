//! What a master is told when it is made.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meros_types::{Resources, Role, Term};

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
    /// The weights in fair sharing, from 1, of roles for which operators have stored none; a role that is not named has 1.
    pub weights: BTreeMap<Role, u32>,
    /// The region that the master stands in. Agents of other regions suit only those who ask for them. Default none: then no
    /// agent is remote.
    pub region: Option<String>,
    /// Where any offer will do, it contains one of these at least, unless the framework has named others. Default `cpus:0.01` or
    /// `mem:32MiB`, as in Mesos.
    pub least: Vec<Resources>,
    /// Scalars that don't count towards a share, by their names, such as `gpus`: whoever holds many of what few others want is not
    /// served last for it. Default none.
    pub unshared: BTreeSet<String>,
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
            region: None,
            least: vec![Resources::none().with_cpu_milli(10), Resources::none().with_memory_bytes(32 << 20)],
            unshared: BTreeSet::new(),
        }
    }
}
