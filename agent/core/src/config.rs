//! What an agent is told when it is made.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use meros_types::{AgentSecret, Attributes, Domain, Resources};

/// An agent's settings.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Where random ids and jitter come from. The shell draws it from the operating system.
    pub seed: u64,
    /// What tells it from an impostor; see [`AgentSecret`]. For a new agent alone: one with a log has its secret there.
    pub secret: AgentSecret,
    /// Where it runs, for people.
    pub hostname: String,
    /// All that it can give.
    pub resources: Resources,
    /// What its operator says of it.
    pub attributes: Attributes,
    /// Where it stands. Default none: its operator doesn't say.
    pub domain: Option<Domain>,
    /// Where its containers are, for people; what an agent with another would look for in vain, such as `the cgroup /x/meros/a`.
    /// Default empty: not known, and the same as any other.
    pub isolation: String,
    /// The users that tasks run as, one for each container; none when the agent itself has no privileges.
    pub uids: Option<Range<u32>>,
    /// After how long without a word from the master the stream is given up. Default 30 s.
    pub silence_max: Duration,
    /// How long a container may take from its launch to the execution of its program before it is given up. Default 60 s.
    pub start_max: Duration,
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
            domain: None,
            isolation: String::new(),
            uids: None,
            silence_max: Duration::from_secs(30),
            start_max: Duration::from_secs(60),
            ended_kept: 256,
        }
    }
}

/// Settings that an agent can't go on with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// It had more to give, or other ports.
    #[error(
        "the agent's resources were {before} and are now {now}, and {remaining} remain from before: start it with at least the \
         resources of before until they are done, or give it another work directory"
    )]
    FewerResources {
        /// What it had.
        before: Box<Resources>,
        /// What it is to have.
        now: Box<Resources>,
        /// What rests on the resources of before.
        remaining: Remaining,
    },
    /// It kept its containers elsewhere, and would neither find nor end them.
    #[error(
        "the agent kept its tasks in {before} and would now look for them in {now}, and {remaining} remain from before: start it \
         with the isolation and the name of before until they are done, or give it another work directory"
    )]
    OtherIsolation {
        /// Where they are.
        before: String,
        /// Where they would be.
        now: String,
        /// What is there.
        remaining: Remaining,
    },
    /// Its operator said something else of it.
    #[error(
        "the agent's attribute {name} was {before:?} and is now {now}, and {remaining} remain from before: start it with the \
         attribute of before until they are done, or give it another work directory"
    )]
    ChangedAttribute {
        /// The attribute.
        name: String,
        /// What it was.
        before: String,
        /// What it is, for people.
        now: String,
        /// What was placed by the attribute of before.
        remaining: Remaining,
    },
    /// It stood elsewhere.
    #[error(
        "the agent's domain was {before} and is now {now}, and {remaining} remain from before: start it with the domain of before \
         until they are done, or give it another work directory"
    )]
    ChangedDomain {
        /// Where it stood.
        before: Domain,
        /// Where it stands, for people.
        now: String,
        /// What was placed there.
        remaining: Remaining,
    },
}

/// What earlier lives of an agent left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Containers that may run.
    pub containers: usize,
    /// Facts that no framework has acknowledged.
    pub facts: usize,
}

impl fmt::Display for Remaining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let many = |count: usize| if count == 1 { "" } else { "s" };
        let Self { containers, facts } = *self;
        write!(f, "{containers} container{} and {facts} unacknowledged fact{}", many(containers), many(facts))
    }
}
