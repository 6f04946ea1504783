//! What an agent is told when it is made.

use std::ops::Range;
use std::time::Duration;

use meros_types::{AgentSecret, Attributes, Resources};

/// An agent's settings.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Where random ids and jitter come from. The shell draws it from the operating system.
    pub seed: u64,
    /// What tells it from an impostor; see [`AgentSecret`].
    pub secret: AgentSecret,
    /// Where it runs, for people.
    pub hostname: String,
    /// All that it can give.
    pub resources: Resources,
    /// What its operator says of it.
    pub attributes: Attributes,
    /// The users that tasks run as, one for each container; none when the agent itself has no privileges.
    pub uids: Option<Range<u32>>,
    /// After how long without a word from the master the stream is given up. Default 30 s.
    pub silence_max: Duration,
    /// How many containers that are over keep their directory (sandbox and output). Default 256; the oldest go first.
    pub ended_kept: usize,
}

impl AgentConfig {
    /// The defaults, for this agent.
    pub fn new(seed: u64, secret: AgentSecret, hostname: impl Into<String>, resources: Resources) -> Self {
        Self {
            seed,
            secret,
            hostname: hostname.into(),
            resources,
            attributes: Attributes::default(),
            uids: None,
            silence_max: Duration::from_secs(30),
            ended_kept: 256,
        }
    }
}
