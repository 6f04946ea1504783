//! What a simulated cluster is like before anything happens in it.

use std::time::Duration;

use meros_master_core::MasterConfig;
use meros_types::Term;

/// The settings of a simulation. Everything else follows from the seed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where all randomness comes from.
    pub seed: u64,
    /// The shortest time that a message takes. Default 50 µs.
    pub latency_min: Duration,
    /// The longest time that a message takes. Default 2 ms.
    pub latency_max: Duration,
    /// The longest time from an event until its process looks at it; what has come by then is one batch. Default 200 µs.
    pub turn_max: Duration,
    /// The longest time that a disk takes to sync. Default 5 ms.
    pub sync_max: Duration,
    /// How often, in a thousand, a message arrives twice. Default 0.
    pub doubles_per_mille: u64,
    /// The virtual time that one `run_until` may take. Default an hour.
    pub time_max: Duration,
    /// How many deliveries one `run_until` may take. Default 20 million.
    pub events_max: u64,
    /// How thoroughly the invariants of the whole cluster are checked. Default [`Checks::Amortised`].
    pub checks: Checks,
    /// The master's settings; its seed is replaced by one that follows from `seed`.
    pub master: MasterConfig,
    /// The command that runs this very simulation again, shown when it fails.
    pub reproduce: Option<String>,
    /// A fault of the simulator itself, to see whether the invariants notice.
    #[doc(hidden)]
    pub planted: Option<Planted>,
}

impl Options {
    /// The defaults, for this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            latency_min: Duration::from_micros(50),
            latency_max: Duration::from_millis(2),
            turn_max: Duration::from_micros(200),
            sync_max: Duration::from_millis(5),
            doubles_per_mille: 0,
            time_max: Duration::from_secs(60 * 60),
            events_max: 20_000_000,
            checks: Checks::Amortised,
            master: MasterConfig::new(Term(1), seed),
            reproduce: None,
            planted: None,
        }
    }
}

/// How often everything is checked. What one step changed is checked after that step in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// After every step. Its cost is the steps times the size of the cluster.
    EveryStep,
    /// After so many steps that the cost of each stays constant, and at the end of every run.
    Amortised,
}

/// A fault of the simulator that a cluster can't survive: each breaks the accounting, so that an invariant has to fail.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A machine reports a container as over when it was only asked to end.
    EndsEarly,
    /// A registration says on its way that the agent has twice what it has.
    DoublesResources,
    /// A machine executes the program of a container twice.
    StartsTwice,
    /// A stream that never broke loses a launch.
    LosesLaunch,
    /// The master's storage says that a transaction is on the disk before it is.
    CommitsEarly,
    /// An agent's disk says that it has synced, and has not.
    SyncsNothing,
    /// A framework's state store says that a transaction is on the disk before it is.
    SavesEarly,
    /// A new master has the term of the one before.
    TermStandsStill,
    /// A new master finds no limits in its registry.
    ForgetsLimits,
}
