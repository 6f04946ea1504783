//! The flags of the commands that talk to a master.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum, ValueHint};
use meros_types::{Constraint, Role, TaskId};

use super::values;

/// Where the master is, and what lets one in.
#[derive(Clone, Debug, Args)]
pub(crate) struct Connection {
    /// The master, as HOST:PORT.
    #[arg(long, env = "MEROS_MASTER", value_name = "HOST:PORT", default_value = "127.0.0.1:5050", value_parser = values::address)]
    pub(crate) master: String,

    /// The file with the master's token. [default: ~/.meros/HOST_PORT/token, which a master on this machine writes]
    #[arg(long, env = "MEROS_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
}

/// How long a single question is repeated while the master can't be reached.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Patience {
    /// How long to keep trying while the master can't be reached.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = values::duration)]
    pub(crate) wait: Duration,
}

pub(super) fn task_id(text: &str) -> Result<TaskId, String> {
    TaskId::new(text).map_err(|error| error.reason.to_owned())
}

/// `meros run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros run -- hostname
  meros run --cpus 0.5 --mem 64MiB -- sh -c 'echo out; echo err >&2; exit 7'
  meros run --on rack=a --on '@zone!=eu-1' -- hostname

The task's output is streamed to standard output and error. Exit code: the task's own; 128 and the number of the signal that
ended it; 1 when it ended in another way (a limit, a command that does not exist), and standard error says which. Ctrl-C kills
the task and waits for its end.")]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// CPUs: its ceiling, and its weight when they are short.
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = values::cpus)]
    pub(crate) cpus: u64,

    /// Memory: what it may use at the most.
    #[arg(long, value_name = "BYTES", default_value = "128MiB", value_parser = values::memory)]
    pub(crate) mem: u64,

    /// Processes and threads that it may have at one time.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pids: Option<u32>,

    /// What people see. [default: the program's name]
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// The role whose share it is charged to.
    #[arg(long, default_value = "*")]
    pub(crate) role: Role,

    /// Where it may run: a constraint on the agent such as rack=a,b, rack!=a, rack or !rack; may be repeated.
    #[arg(long, value_name = "CONSTRAINT", value_parser = values::constraint)]
    pub(crate) on: Vec<Constraint>,

    /// The program and its arguments.
    #[arg(required = true, last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// `meros batch`.
#[derive(Debug, Args)]
#[command(after_help = "\
Each line of the file is a command for /bin/sh. Empty lines and lines that begin with # are skipped.

Examples:
  meros batch commands.txt --parallel 8 --retries 2
  seq 1 20 | sed 's/^/sleep 0./' | meros batch - --cpus 0.1 --mem 16MiB
  meros batch nightly.txt --key nightly --state nightly.state

Without a key the commands end with this process: at once on Ctrl-C, and 60 s later when it is
killed (the master's --ephemeral-timeout). With a key they outlive it. The key is the name by which
the master knows that two processes are one scheduler, the later in place of the earlier; the state
file is where each notes what it launched and how that ended. The same call again goes on where the
one before was, even if that was killed: what has ended is not run again, and what runs is waited
for. The earlier one, should it still live, is turned away. Ctrl-C ends this process alone; `meros
teardown --key KEY` ends its tasks too, and so does the master when nobody comes back for a week.

Exit code: 0 when every command finished, 1 when one did not, and the table says which; 1 also when
another scheduler took over.")]
pub(crate) struct BatchArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// The file, or - for standard input.
    pub(crate) file: PathBuf,

    /// How many tasks may run at one time. [default: as many as there is room for]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) parallel: Option<u32>,

    /// How often a command that failed is tried again, each time as a new task.
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    pub(crate) retries: u32,

    /// CPUs of each task.
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = values::cpus)]
    pub(crate) cpus: u64,

    /// Memory of each task.
    #[arg(long, value_name = "BYTES", default_value = "128MiB", value_parser = values::memory)]
    pub(crate) mem: u64,

    /// The role whose share they are charged to.
    #[arg(long, default_value = "*")]
    pub(crate) role: Role,

    /// Where they may run: a constraint on the agent such as rack=a,b, rack!=a, rack or !rack; may be repeated.
    #[arg(long, value_name = "CONSTRAINT", value_parser = values::constraint)]
    pub(crate) on: Vec<Constraint>,

    /// Who this scheduler is, over its restarts: any name that no other scheduler has. The commands then outlive this process.
    #[arg(long, value_name = "KEY", requires = "state", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) key: Option<String>,

    /// The file that says how far the batch with this key is. Made by the first process, and read by those that go on.
    #[arg(long, value_name = "FILE", requires = "key", value_hint = ValueHint::FilePath)]
    pub(crate) state: Option<PathBuf>,

    /// Print the results as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `meros status`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros status
  meros status tasks
  meros status agents --json | jq '.[].free'")]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// What to show. [default: all four]
    #[arg(value_enum)]
    pub(crate) part: Option<StatusPart>,

    /// Print it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusPart {
    /// What each agent has and gives.
    Agents,
    /// Who is registered.
    Frameworks,
    /// What runs, and what ended lately.
    Tasks,
    /// What is on offer.
    Offers,
}

/// `meros kill`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros kill build-7
  meros kill build-7 --grace 0s

The reply means that the kill is under way; `meros status tasks` shows when the task has ended.")]
pub(crate) struct KillArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// The task's id, as `meros status tasks` shows it.
    #[arg(value_parser = task_id)]
    pub(crate) task: TaskId,

    /// The framework whose task it is, when several have one of this id: its name, its key or its id, or as much of the id as
    /// tells it apart.
    #[arg(long, value_name = "FRAMEWORK")]
    pub(crate) framework: Option<String>,

    /// From SIGTERM to SIGKILL. [default: the task's own, usually 5s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) grace: Option<Duration>,
}
