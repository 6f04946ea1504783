//! What runs, within which limits, and what was measured when it ended. How a container is made is the agent's.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What to execute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The program and its arguments.
    pub program: Program,
    /// The whole environment, but for `PATH`, `HOME`, `TMPDIR`, `MEROS_SANDBOX` and `MEROS_TASK_ID`, which the agent adds when
    /// they are not named here. Nothing is inherited from the agent.
    pub environment: BTreeMap<String, String>,
}

/// A program to execute, as a shell line or as words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// A line for `/bin/sh -c`.
    Shell(String),
    /// The program, searched in `PATH` when it has no slash, and its arguments. Never empty.
    Words(Vec<String>),
}

impl Command {
    /// A line for `/bin/sh -c`, with an empty environment.
    pub fn shell(line: impl Into<String>) -> Self {
        Self { program: Program::Shell(line.into()), environment: BTreeMap::new() }
    }

    /// A program and its arguments, with an empty environment.
    pub fn words<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self { program: Program::Words(words.into_iter().map(Into::into).collect()), environment: BTreeMap::new() }
    }
}

/// The pids limit of a task that asks for none: a fork bomb is held long before the machine feels it.
pub const PIDS_LIMIT_DEFAULT: u32 = 1_024;

/// What a container may use at the most; the kernel enforces each but the disk, which the agent watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// CPU time per second of real time, in thousandths of a core: both the weight when cores are short and the ceiling.
    pub cpu_milli: u64,
    /// Memory, in bytes. Zero for a container that asked for none: then nothing is enforced.
    pub memory_bytes: u64,
    /// Processes and threads at one time.
    pub pids: u32,
    /// The sandbox's files, in bytes. Zero for a container that asked for none: then the agent's own limit counts.
    pub disk_bytes: u64,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It exited by itself, with this code (0 to 255).
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Exit {
    /// Whether it is exit code 0.
    pub fn success(self) -> bool {
        self == Exit::Code(0)
    }

    /// The exit code that a shell would show: the code itself, or 128 and the signal.
    pub fn shell_code(self) -> i32 {
        match self {
            Exit::Code(code) => code,
            Exit::Signal(signal) => 128 + signal,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// What a container used over its whole life, as its cgroups counted it. All zero under the `plain` runtime except `wall`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// CPU time, user and system, of every process in it.
    pub cpu: Duration,
    /// The most memory it held at once, in bytes.
    pub memory_peak_bytes: u64,
    /// How many scheduling periods its CPU ceiling cut short.
    pub throttled_periods: u64,
    /// How long it was held by its CPU ceiling.
    pub throttled: Duration,
    /// How many forks its pids limit refused.
    pub pids_refused: u64,
    /// How many of its processes the kernel killed for lack of memory.
    pub oom_kills: u64,
    /// From the start of the task to the death of its last process.
    pub wall: Duration,
}

/// What remains of a container: written by its shim when the last process is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// How the task's own process ended.
    pub exit: Exit,
    /// What it used.
    pub usage: Usage,
}
