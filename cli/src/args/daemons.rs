//! The flags of the commands that are, start or imitate daemons.
//!
//! Each setting of a daemon is declared here and nowhere else: [`crate::config`] reads from these declarations what a configuration
//! file may say, and how. A setting is a flag with a variable, `MEROS_MASTER_*` or `MEROS_AGENT_*` and the flag's name; those that
//! other commands have too (`MEROS_MASTER`, `MEROS_TOKEN_FILE`, `MEROS_LOG`) have one name for all.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, NonEmptyStringValueParser};
use clap::{ArgAction, Args, ValueEnum, ValueHint};
use meros_agent::runtime::LogLimits;
use meros_types::{Attributes, Domain, Resources, Role};

use super::values;
use crate::children::AGENTS_MAX;
use crate::daemons::default_work_dir;

/// Where a daemon's settings come from, besides flags and variables.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The configuration file, or none for no file. [default: /etc/meros/master.toml or /etc/meros/agent.toml, if it exists]
    #[arg(long, env = "MEROS_CONFIG", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,

    /// Print the configuration that this would run with, and where each part of it comes from, as a file for --config.
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// What the help of both daemons ends with.
const PRECEDENCE: &str = "\
Settings: each is a flag, a variable, and a key of the configuration file, which is TOML. The key is
the flag's name, such as work-dir = \"/srv/meros\". Flags go before variables, variables before the
file, the file before defaults.";

/// `meros master`.
#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  meros master
  meros master --listen 127.0.0.1:6000 --work-dir /var/lib/meros/master
  meros master --config master.toml --print-config

The first start makes a token, WORK_DIR/token, with mode 0600. Agents, schedulers and `meros` of the
same user on this machine find it by themselves; others are given a copy with --token-file.
SIGTERM or Ctrl-C ends the master; tasks run on.

{PRECEDENCE}"))]
pub(crate) struct MasterArgs {
    #[command(flatten)]
    pub(crate) source: ConfigArgs,

    /// Where it listens; port 0 takes a free one. Standard output says which, once it is ready.
    #[arg(long, env = "MEROS_MASTER_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5050", value_parser = values::socket)]
    pub(crate) listen: SocketAddr,

    /// Where it keeps its registry and its token. [default: /var/lib/meros/master as root, ~/.meros/master otherwise]
    #[arg(long, env = "MEROS_MASTER_WORK_DIR", value_name = "DIR", value_hint = ValueHint::DirPath,
          default_value_os_t = default_work_dir("master"), hide_default_value = true)]
    pub(crate) work_dir: PathBuf,

    /// The file with the token that all who connect must have. [default: WORK_DIR/token, made at the first start]
    #[arg(long, env = "MEROS_TOKEN_FILE", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,

    /// How often each side of a connection says that it is alive.
    #[arg(long, env = "MEROS_MASTER_HEARTBEAT", value_name = "DURATION", default_value = "5s", value_parser = values::positive_duration)]
    pub(crate) heartbeat: Duration,

    /// After how long without a word an agent is unreachable.
    #[arg(long, env = "MEROS_MASTER_UNREACHABLE_AFTER", value_name = "DURATION", default_value = "30s", value_parser = values::positive_duration)]
    pub(crate) unreachable_after: Duration,

    /// How long an offer stands.
    #[arg(long, env = "MEROS_MASTER_OFFER_LEASE", value_name = "DURATION", default_value = "30s", value_parser = values::positive_duration)]
    pub(crate) offer_lease: Duration,

    /// How long the tasks of a framework without a key outlive its connection.
    #[arg(long, env = "MEROS_MASTER_EPHEMERAL_TIMEOUT", value_name = "DURATION", default_value = "60s", value_parser = values::duration)]
    pub(crate) ephemeral_timeout: Duration,

    /// A role's weight in fair sharing, as ROLE=WEIGHT, as long as `meros weights` has set none; may be repeated, or parted by
    /// commas. [default: 1 for each]
    #[arg(long, env = "MEROS_MASTER_WEIGHT", value_name = "ROLE=WEIGHT", value_delimiter = ',', value_parser = values::weight)]
    pub(crate) weight: Vec<(Role, u32)>,

    /// The region that it stands in: agents of other regions are offered to frameworks that ask for them. [default: none, and no
    /// agent is remote]
    #[arg(long, env = "MEROS_MASTER_REGION", value_name = "NAME", value_parser = values::region)]
    pub(crate) region: Option<String>,

    /// What an offer has at least where any will do; may be repeated, or parted by |, and one of them is enough. A framework may
    /// name its own. [default: cpus:0.01 or mem:32MiB]
    #[arg(long, env = "MEROS_MASTER_LEAST_OFFER", value_name = "RESOURCES", value_delimiter = '|', value_parser = values::resources,
          default_value = "cpus:0.01|mem:32MiB", hide_default_value = true)]
    pub(crate) least_offer: Vec<Resources>,

    /// Scalars that don't count towards a share, such as gpus; may be repeated, or parted by commas. [default: none]
    #[arg(long, env = "MEROS_MASTER_UNSHARED", value_name = "NAME", value_delimiter = ',', value_parser = values::scalar)]
    pub(crate) unshared: Vec<String>,

    /// Listen beyond loopback though connections are not encrypted: whoever can read the network can read the token.
    #[arg(long, env = "MEROS_MASTER_INSECURE_LISTEN", value_name = "true|false", value_parser = BoolishValueParser::new(), action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true",
          hide_default_value = true, hide_possible_values = true)]
    pub(crate) insecure_listen: bool,

    /// At the end, which is also the end of standard input when that is a pipe, remove the work directory. For a cluster that
    /// must not outlive the command that started it.
    #[arg(long, env = "MEROS_MASTER_DESTROY_ON_EXIT", value_name = "true|false", value_parser = BoolishValueParser::new(), action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true",
          hide_default_value = true, hide_possible_values = true)]
    pub(crate) destroy_on_exit: bool,
}

/// What confines tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Isolation {
    /// cgroup when that is possible, plain otherwise.
    Auto,
    /// cgroups: CPU, memory and pids limits, enforced by the kernel. Needs root, or a delegated subtree.
    Cgroup,
    /// Process groups only: nothing is enforced. For laptops.
    Plain,
}

impl Isolation {
    /// The word for it on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Isolation::Auto => "auto",
            Isolation::Cgroup => "cgroup",
            Isolation::Plain => "plain",
        }
    }
}

/// Where an agent serves its health, if anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen(pub(crate) Option<SocketAddr>);

impl Listen {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            _ => text.parse().map(|address| Self(Some(address))).map_err(|_| "write an IP address and a port, or none".to_owned()),
        }
    }
}

/// `meros agent`.
#[derive(Debug, Args)]
#[command(after_help = format!("\
Examples:
  meros agent --resources 'cpus:4;mem:8GiB;ports:[31000-32000]' --attributes 'rack:a'
  meros agent --master 10.0.0.1:5050 --token-file token --work-dir /var/lib/meros/agent
  meros agent --config agent.toml --print-config

SIGTERM or Ctrl-C ends the agent; its tasks run on, and the next agent of the same work directory
takes them over.

{PRECEDENCE}"))]
pub(crate) struct AgentArgs {
    #[command(flatten)]
    pub(crate) source: ConfigArgs,

    /// The master, as HOST:PORT.
    #[arg(long, env = "MEROS_MASTER", value_name = "HOST:PORT", default_value = "127.0.0.1:5050", value_parser = values::address)]
    pub(crate) master: String,

    /// The file with the master's token. [default: ~/.meros/HOST_PORT/token, which a master on this machine writes]
    #[arg(long, env = "MEROS_TOKEN_FILE", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) token_file: Option<PathBuf>,

    /// What it gives, as Mesos users write it. [default: what the machine has, less a reserve]
    #[arg(long, env = "MEROS_AGENT_RESOURCES", value_name = "RESOURCES", value_parser = values::resources)]
    pub(crate) resources: Option<Resources>,

    /// What schedulers may place by, as name:value pairs parted by semicolons. [default: none]
    #[arg(long, env = "MEROS_AGENT_ATTRIBUTES", value_name = "ATTRIBUTES")]
    pub(crate) attributes: Option<Attributes>,

    /// Where it stands, as REGION/ZONE, for schedulers that keep what must not fall together apart. [default: none]
    #[arg(long, env = "MEROS_AGENT_DOMAIN", value_name = "REGION/ZONE", value_parser = values::domain)]
    pub(crate) domain: Option<Domain>,

    /// What people see of it. [default: the host's name]
    #[arg(long, env = "MEROS_AGENT_HOSTNAME", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) hostname: Option<String>,

    /// The name of its group below `meros` in each cgroup hierarchy. [default: a hash of its work directory]
    #[arg(long, env = "MEROS_AGENT_NAME", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,

    /// Where sandboxes, output and its own state are. [default: /var/lib/meros/agent as root, ~/.meros/agent otherwise]
    #[arg(long, env = "MEROS_AGENT_WORK_DIR", value_name = "DIR", value_hint = ValueHint::DirPath,
          default_value_os_t = default_work_dir("agent"), hide_default_value = true)]
    pub(crate) work_dir: PathBuf,

    /// After how long without a word from the master the connection to it is given up and made anew.
    #[arg(long, env = "MEROS_AGENT_SILENCE_MAX", value_name = "DURATION", default_value = "30s", value_parser = values::positive_duration)]
    pub(crate) silence_max: Duration,

    /// What confines tasks.
    #[arg(long, env = "MEROS_AGENT_ISOLATION", value_enum, default_value = "auto")]
    pub(crate) isolation: Isolation,

    /// The users that tasks run as, one for each, when the agent runs as root; nobody else may use them.
    #[arg(long, env = "MEROS_AGENT_TASK_UIDS", value_name = "FIRST-LAST", default_value = "200000-265535", value_parser = values::uids)]
    pub(crate) task_uids: Range<u32>,

    /// How large a file of a task's output becomes; the next one is begun then.
    #[arg(long, env = "MEROS_AGENT_TASK_LOG_BYTES", value_name = "BYTES", default_value = "8MiB", value_parser = values::log_bytes)]
    pub(crate) task_log_bytes: u64,

    /// How many of these files are kept of each of a task's two outputs; the oldest go.
    #[arg(long, env = "MEROS_AGENT_TASK_LOG_FILES", value_name = "NUMBER", default_value = "4", value_parser = log_files())]
    pub(crate) task_log_files: u32,

    /// How large the sandbox of a task may become that asks for no disk; a larger one ends its task.
    #[arg(long, env = "MEROS_AGENT_TASK_DISK_MAX", value_name = "BYTES", default_value = "10GiB", value_parser = values::memory)]
    pub(crate) task_disk_max: u64,

    /// Where it serves its health and metrics; port 0 takes a free one.
    #[arg(long, env = "MEROS_AGENT_LISTEN", value_name = "ADDRESS:PORT|none", default_value = "127.0.0.1:5051", value_parser = Listen::parse)]
    pub(crate) listen: Listen,

    /// Listen beyond loopback though connections are not encrypted.
    #[arg(long, env = "MEROS_AGENT_INSECURE_LISTEN", value_name = "true|false", value_parser = BoolishValueParser::new(), action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true",
          hide_default_value = true, hide_possible_values = true)]
    pub(crate) insecure_listen: bool,

    /// At the end, which is also the end of standard input when that is a pipe, kill all tasks and remove the work directory and
    /// the cgroups. For a cluster that must not outlive the command that started it.
    #[arg(long, env = "MEROS_AGENT_DESTROY_ON_EXIT", value_name = "true|false", value_parser = BoolishValueParser::new(), action = ArgAction::Set,
          num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true",
          hide_default_value = true, hide_possible_values = true)]
    pub(crate) destroy_on_exit: bool,
}

fn log_files() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(i64::from(LogLimits::FILES_MIN)..=i64::from(LogLimits::FILES_MAX))
}

/// `meros local`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros local
  meros local --agents 3 --resources 'cpus:2;mem:1GiB' --listen 127.0.0.1:0

All of it ends with Ctrl-C, or when this process is gone, and leaves nothing behind.")]
pub(crate) struct LocalArgs {
    /// Where the master listens; port 0 takes a free one.
    #[arg(long, env = "MEROS_LISTEN", value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5050", value_parser = values::socket)]
    pub(crate) listen: SocketAddr,

    /// How many agents there are.
    #[arg(long, env = "MEROS_AGENTS", value_name = "NUMBER", default_value = "1", value_parser = agent_count())]
    pub(crate) agents: u32,

    /// What each agent gives. [default: this machine's CPUs and three
    /// quarters of its memory, parted among them]
    #[arg(long, env = "MEROS_RESOURCES", value_name = "RESOURCES", value_parser = values::resources)]
    pub(crate) resources: Option<Resources>,

    /// What confines tasks.
    #[arg(long, env = "MEROS_ISOLATION", value_enum, default_value = "auto")]
    pub(crate) isolation: Isolation,

    /// Where the daemons' own directories are made. The tasks' users must be able to pass through it.
    #[arg(long, env = "MEROS_TEMP_DIR", value_name = "DIR", default_value = "/tmp")]
    pub(crate) temp_dir: PathBuf,
}

fn agent_count() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(AGENTS_MAX))
}

/// `meros demo`.
#[derive(Debug, Args)]
#[command(after_help = "\
Starts a real master and two real agents as processes of their own, on loopback and with directories of their own, runs a file of
commands through the batch scheduler, shows what became of each, and takes everything away again. As root every task is in a
cgroup of its own under a user of its own; otherwise nothing is enforced and the rows that need limits are skipped.

Exit code: 0 when every task ended as intended, 1 otherwise.")]
pub(crate) struct DemoArgs {
    /// What confines tasks.
    #[arg(long, env = "MEROS_ISOLATION", value_enum, default_value = "auto")]
    pub(crate) isolation: Isolation,

    /// Where the daemons' own directories are made. The tasks' users must be able to pass through it.
    #[arg(long, env = "MEROS_TEMP_DIR", value_name = "DIR", default_value = "/tmp")]
    pub(crate) temp_dir: PathBuf,

    /// Print the rows as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `meros simulate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  meros simulate --seed 7 --agents 10 --tasks 100 --log events.log

One agent in five is killed on the way. The same seed gives the same log, byte for byte, on every machine.")]
pub(crate) struct SimulateArgs {
    /// Where all chance comes from.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(crate) seed: u64,

    /// How many agents the cluster has.
    #[arg(long, value_name = "NUMBER", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) agents: u32,

    /// How many tasks the scheduler runs.
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub(crate) tasks: u32,

    /// The file that the events are written to.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,

    /// Print the summary as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
