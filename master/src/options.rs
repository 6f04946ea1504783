//! What a master is told when it starts. Every field is a flag of `meros master`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use meros_master_core::MasterConfig;
use meros_proto::token::{MASTER_PORT_DEFAULT, home};
use meros_types::{Resources, Role, Term};

/// A master's settings.
#[derive(Debug)]
pub struct MasterOptions {
    /// Where it listens, for everybody. Port 0 takes any free one. Default 127.0.0.1:5050.
    pub listen: SocketAddr,
    /// Where it keeps its registry, its token and its lock. One master per directory.
    pub work_dir: PathBuf,
    /// How long it waits for what.
    pub timings: Timings,
    /// The weights in fair sharing, from 1, of roles for which operators have stored none; a role that is not named has 1.
    pub weights: BTreeMap<Role, u32>,
    /// The region that it stands in; none makes no agent remote.
    pub region: Option<String>,
    /// Where any offer will do, it contains one of these at least. Default 0.01 CPUs or 32 MiB of memory.
    pub least: Vec<Resources>,
    /// Scalars that don't count towards a share, by their names.
    pub unshared: BTreeSet<String>,
    /// The file with the token that every connection must carry. Without one the master makes a token of its own, once.
    pub token_file: Option<PathBuf>,
    /// The home directory below which the token is left for the same user's programs; none to leave it nowhere.
    pub home: Option<PathBuf>,
    /// Listens off loopback though there is no TLS: tokens and tasks then cross the network in the clear.
    pub allow_insecure_listen: bool,
    /// Removes the work directory and the token below `home` at the end: for a cluster that only lives as long as a command.
    pub destroy_on_exit: bool,
    /// The reading end of a pipe whose other end the parent process holds: when that is gone, the master ends.
    pub lifeline: Option<OwnedFd>,
}

impl MasterOptions {
    /// The defaults, with this work directory.
    pub fn new(work_dir: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, MASTER_PORT_DEFAULT)),
            work_dir: work_dir.into(),
            timings: Timings::default(),
            weights: BTreeMap::new(),
            region: None,
            least: MasterConfig::new(Term::default(), 0).least,
            unshared: BTreeSet::new(),
            token_file: None,
            home: home(),
            allow_insecure_listen: false,
            destroy_on_exit: false,
            lifeline: None,
        }
    }

    pub(crate) fn config(&self, term: Term, seed: u64) -> MasterConfig {
        MasterConfig {
            term,
            seed,
            heartbeat: self.timings.heartbeat,
            unreachable_after: self.timings.unreachable_after,
            offer_lease: self.timings.offer_lease,
            ephemeral_timeout: self.timings.ephemeral_timeout,
            weights: self.weights.clone(),
            region: self.region.clone(),
            least: self.least.clone(),
            unshared: self.unshared.clone(),
        }
    }
}

/// How long a master waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// How often each side of a stream says that it is alive. Default 5 s.
    pub heartbeat: Duration,
    /// After how long without a word a peer's stream is given up, and an agent without a stream is unreachable. Default 30 s.
    pub unreachable_after: Duration,
    /// How long an offer stands. Default 30 s.
    pub offer_lease: Duration,
    /// How long the tasks of a framework without a key outlive its stream. Default 60 s.
    pub ephemeral_timeout: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        let core = MasterConfig::new(Term::default(), 0);
        Self {
            heartbeat: core.heartbeat,
            unreachable_after: core.unreachable_after,
            offer_lease: core.offer_lease,
            ephemeral_timeout: core.ephemeral_timeout,
        }
    }
}
