//! What an agent is told when it starts. Every field is a flag of `meros agent`.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use meros_types::{Attributes, Domain, Resources};

use crate::runtime::LogLimits;

/// The port of an agent whose address names none.
pub const AGENT_PORT_DEFAULT: u16 = 5051;
/// The users of tasks when nobody names others: as many as a user namespace has, in a range that distributions leave alone.
pub const TASK_UIDS_DEFAULT: Range<u32> = 200_000..265_536;
/// How large the sandbox of a task may become that asked for no disk, when nobody says otherwise.
pub const TASK_DISK_MAX_DEFAULT: u64 = 10 << 30;

/// An agent's settings.
#[derive(Debug)]
pub struct AgentOptions {
    /// The master's address, as `host:port`.
    pub master: String,
    /// Where it keeps its containers and its lock. One agent per directory; every task's user must be able to pass through it.
    pub work_dir: PathBuf,
    /// Its own on this machine, of 1 to 64 letters, digits, `-` and `_`; its cgroups are below `meros/<name>`. None for a name made from the work directory.
    pub name: Option<String>,
    /// What people see as its machine. None for the machine's own name.
    pub hostname: Option<String>,
    /// All that it can give. None for what the machine has, less a reserve.
    pub resources: Option<Resources>,
    /// What its operator says of it.
    pub attributes: Attributes,
    /// Where it stands; none when its operator doesn't say.
    pub domain: Option<Domain>,
    /// After how long without a word from the master its stream is given up. Default 30 s.
    pub silence_max: Duration,
    /// How tasks are kept apart.
    pub isolation: IsolationMode,
    /// The users that tasks run as, one for each container, when the agent runs as root.
    pub task_uids: Range<u32>,
    /// How large a segment of the log of a task's output becomes, in bytes; at least 4 KiB. Default 8 MiB.
    pub task_log_bytes: u64,
    /// How many segments are kept of each of a task's two outputs; from 2 to 1,000. Default 4. More than `task_log_bytes` x
    /// `task_log_files` is never kept of either; what is older is removed.
    pub task_log_files: u32,
    /// How large the sandbox of a task may become that asked for no disk, in bytes. Default 10 GiB. The sandboxes are measured a
    /// few times in a second, less often when they have many files, so that a fast writer can go beyond it before it is killed.
    pub task_disk_max: u64,
    /// The file with the master's token. None to look where the master leaves it for the same user.
    pub token_file: Option<PathBuf>,
    /// Where it serves `/healthz` and `/metrics`; port 0 takes any free one. None for nowhere. Default 127.0.0.1:5051.
    pub listen: Option<SocketAddr>,
    /// Listens off loopback though there is no TLS.
    pub allow_insecure_listen: bool,
    /// At the end destroys the containers and removes the work directory, for a cluster that only lives as long as a command.
    /// Otherwise tasks run on, and the next agent with the work directory takes them over.
    pub destroy_on_exit: bool,
    /// The reading end of a pipe whose other end the parent process holds: when that is gone, the agent ends.
    pub lifeline: Option<OwnedFd>,
    /// The program to execute as the launcher: one that calls [`dispatch_if_launcher`](crate::dispatch_if_launcher) first.
    pub launcher_program: PathBuf,
    /// Where the kernel names the boot of the machine. A test simulates a reboot with a file of its own.
    #[doc(hidden)]
    pub boot_id_file: PathBuf,
}

impl AgentOptions {
    /// The defaults, for this master and work directory.
    pub fn new(master: impl Into<String>, work_dir: impl Into<PathBuf>) -> Self {
        Self {
            master: master.into(),
            work_dir: work_dir.into(),
            name: None,
            hostname: None,
            resources: None,
            attributes: Attributes::default(),
            domain: None,
            silence_max: Duration::from_secs(30),
            isolation: IsolationMode::Auto,
            task_uids: TASK_UIDS_DEFAULT,
            task_log_bytes: LogLimits::default().bytes,
            task_log_files: LogLimits::default().files,
            task_disk_max: TASK_DISK_MAX_DEFAULT,
            token_file: None,
            listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, AGENT_PORT_DEFAULT))),
            allow_insecure_listen: false,
            destroy_on_exit: false,
            lifeline: None,
            launcher_program: PathBuf::from("/proc/self/exe"),
            boot_id_file: PathBuf::from("/proc/sys/kernel/random/boot_id"),
        }
    }
}

/// How tasks are kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationMode {
    /// By cgroups where they can be used, else not at all.
    #[default]
    Auto,
    /// By cgroups; an agent that can't use them does not start.
    Cgroup,
    /// Not at all: limits are not enforced. For laptops and for tests.
    Plain,
}
