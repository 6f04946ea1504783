//! Identities. Each is a type of its own, so that one can never be passed for another.
//!
//! Three shapes: random 128-bit ids (agents, frameworks, containers, incarnations), counters scoped to a master's term (offers,
//! launches), and strings that a framework chooses (tasks). How an id is made is not decided here, except that
//! [`IdSource`] turns a seed into the random ones, so that a core stays reproducible.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Text that is not an id of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {kind}: {reason}")]
pub struct IdError {
    /// What was given.
    pub text: String,
    /// What was wanted, with its article.
    pub kind: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// The id with these 16 bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The id's 16 bytes, as they travel on the wire.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The first eight characters of the text form: enough for a person to tell two apart.
            pub fn short(&self) -> String {
                let mut text = self.to_string();
                text.truncate(8);
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| IdError {
                    text: text.to_owned(),
                    kind: $kind,
                    reason: "it is not a UUID such as 67e55044-10b1-426f-9247-bb680e5fe0c8",
                })
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

random_id!(
    /// An agent, for as long as the master knows it. Minted by the master when it admits the agent.
    AgentId,
    "an agent id"
);
random_id!(
    /// A framework, over all its sessions. Minted by the master at the first subscription.
    FrameworkId,
    "a framework id"
);
random_id!(
    /// A container. Minted by the agent, which names its directory and cgroups by it, never by a framework's string.
    ContainerId,
    "a container id"
);
random_id!(
    /// One life of an agent process. Facts are ordered within it.
    Incarnation,
    "an incarnation"
);

/// An offer, unique within the term of the master that made it. Counts from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OfferId(pub u64);

impl fmt::Display for OfferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One leadership of a master: a durable counter that rises with each, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Term(pub u64);

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One stream between the master and an agent or framework. Ordered: a receiver drops what is not from its newest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId {
    /// The leadership that opened it.
    pub term: Term,
    /// Counts the sessions of that term, from 1.
    pub n: u64,
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.n)
    }
}

/// One attempt to start a container, unique for ever. A launch id starts at most once; a retry is a new launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LaunchId {
    /// The leadership that accepted the launch.
    pub term: Term,
    /// Counts the launches of that term, from 1.
    pub n: u64,
}

impl fmt::Display for LaunchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.term, self.n)
    }
}

/// A subscription's place in the order of a framework's takeovers. Launches carry it and agents refuse lower ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A fact's place among those of one agent: ordered by incarnation's facts, `n` from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FactId {
    /// The life of the agent in which it was recorded.
    pub incarnation: Incarnation,
    /// Counts the facts of that life, from 1.
    pub n: u64,
}

/// What an agent proves with that an id is its own. Kept in its log and in the master's registry, and shown to nobody.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AgentSecret([u8; 16]);

impl AgentSecret {
    /// A secret of these bytes, which must come from the operating system's random source.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, to be stored or sent.
    pub const fn reveal(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Takes the same time wherever two secrets differ first.
impl PartialEq for AgentSecret {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
    }
}

impl Eq for AgentSecret {}

/// In hexadecimal, for what is stored.
impl From<AgentSecret> for String {
    fn from(secret: AgentSecret) -> String {
        Uuid::from_bytes(secret.0).simple().to_string()
    }
}

impl TryFrom<String> for AgentSecret {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = Uuid::try_parse(&text).map_err(|_| "a secret is 32 hexadecimal digits")?;
        Ok(Self(bytes.into_bytes()))
    }
}

impl fmt::Debug for AgentSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentSecret(..)")
    }
}

/// The longest text that names a boot, in bytes; Linux's has 36.
pub const BOOT_ID_BYTES_MAX: usize = 64;

/// One boot of a machine: the text of `/proc/sys/kernel/random/boot_id`. Another one proves that no process of before lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootId(String);

impl BootId {
    /// The boot of this text; white space around it does not count, nor what exceeds [`BOOT_ID_BYTES_MAX`].
    pub fn new(text: impl AsRef<str>) -> Self {
        let text = text.as_ref().trim();
        Self(text[..text.floor_char_boundary(BOOT_ID_BYTES_MAX)].to_owned())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BootId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The longest task id, in bytes: room for a key, an epoch and a counter, and still one line of a table.
pub const TASK_ID_BYTES_MAX: usize = 128;

/// A task, by the name its framework chose. Never used twice by one framework while the first is remembered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TaskId(Box<str>);

impl TaskId {
    /// Takes 1 to [`TASK_ID_BYTES_MAX`] printable ASCII characters other than space and `/`.
    ///
    /// # Errors
    /// [`IdError`] saying which of these rules the text breaks.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        let text = text.into();
        let reason = if text.is_empty() {
            "it is empty"
        } else if text.len() > TASK_ID_BYTES_MAX {
            "it is longer than 128 bytes"
        } else if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'/') {
            "it has a character that is a space, a slash, or not printable ASCII"
        } else {
            return Ok(Self(text.into_boxed_str()));
        };
        Err(IdError { text, kind: "a task id", reason })
    }

    /// The id as its framework wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for TaskId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        Self::new(text)
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> String {
        id.0.into()
    }
}

/// Makes random ids from a seed: the shell draws the seed from the operating system, the simulator from its own.
///
/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). Not for secrets.
#[derive(Clone, Debug)]
pub struct IdSource(u64);

impl IdSource {
    /// A source whose ids follow from `seed` alone.
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A new agent id.
    pub fn agent(&mut self) -> AgentId {
        AgentId(self.uuid())
    }

    /// A new framework id.
    pub fn framework(&mut self) -> FrameworkId {
        FrameworkId(self.uuid())
    }

    /// A new container id.
    pub fn container(&mut self) -> ContainerId {
        ContainerId(self.uuid())
    }

    /// A new incarnation.
    pub fn incarnation(&mut self) -> Incarnation {
        Incarnation(self.uuid())
    }

    fn uuid(&mut self) -> Uuid {
        let bits = (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }
}
