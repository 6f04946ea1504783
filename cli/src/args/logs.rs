//! The flags of `meros logs`.

use clap::Args;
use meros_types::TaskId;

use super::client::{Connection, Patience, task_id};
use super::values;

/// `meros logs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros logs build-7
  meros logs -f build-7
  meros logs --stderr --tail 4KiB build-7

An agent keeps the newest output of each task (its --task-log-bytes and --task-log-files), for as long as it keeps the task's
directory. What is gone before the place that was asked for is said on standard error. With --follow, a master or an agent that
goes away is waited for, and the output goes on where it broke off.

Exit code: 0 when all of the output was read (with --follow: to the task's end), 1 otherwise.")]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// The task's id, as `meros status tasks` shows it.
    #[arg(value_parser = task_id)]
    pub(crate) task: TaskId,

    /// Go on until the task has ended.
    #[arg(short, long)]
    pub(crate) follow: bool,

    /// What it wrote to standard error, instead of standard output.
    #[arg(long)]
    pub(crate) stderr: bool,

    /// Begin with this byte of the whole output; the first is 0.
    #[arg(long, value_name = "NUMBER", conflicts_with = "tail")]
    pub(crate) offset: Option<u64>,

    /// Begin this far before the end.
    #[arg(long, value_name = "BYTES", value_parser = values::length)]
    pub(crate) tail: Option<u64>,

    /// The framework whose task it is, when several have one of this id: its name, its key or its id, or as much of the id as
    /// tells it apart.
    #[arg(long, value_name = "FRAMEWORK")]
    pub(crate) framework: Option<String>,
}
