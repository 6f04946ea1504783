//! The flags of the commands about agents: which are offered, which are emptied, which are gone, and when machines are away.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use meros_types::WallTime;

use super::client::{Connection, Patience};
use super::values;

/// The agents that a command is about.
#[derive(Debug, Args)]
pub(crate) struct Agents {
    /// The agents: their hostnames or ids, or as much of each id as tells it apart.
    #[arg(required = true, value_name = "AGENT")]
    pub(crate) agents: Vec<String>,
}

/// `meros deactivate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros deactivate web-1
  meros deactivate 67e55044 web-2

Nothing of them is offered any more, and the offers that stand are taken back; their tasks run on.
`meros reactivate` undoes it, also after `meros drain`.")]
pub(crate) struct DeactivateArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    #[command(flatten)]
    pub(crate) agents: Agents,
}

/// `meros reactivate`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  meros reactivate web-1

They are offered again. A drain ends with it: tasks that were not told to end yet run on.")]
pub(crate) struct ReactivateArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    #[command(flatten)]
    pub(crate) agents: Agents,
}

/// `meros drain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros drain web-1 --until-drained
  meros drain web-1 web-2 --deadline 10m --max-grace 30s
  meros drain web-1 --mark-gone

Nothing of them is offered any more, and at the deadline the tasks that still run are told to end.
An agent is drained when none is left and their frameworks have heard of it. It stays so, over
restarts of agent and master, until `meros reactivate`. `meros status agents` shows how far it is.

Exit code: 0 when it is stored and in force (with --until-drained: when all are drained), 1 otherwise.")]
pub(crate) struct DrainArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    #[command(flatten)]
    pub(crate) agents: Agents,

    /// How long the tasks may run on before they are told to end. [default: not at all]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) deadline: Option<Duration>,

    /// The longest from SIGTERM to SIGKILL. [default: each task's own]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub(crate) max_grace: Option<Duration>,

    /// Once an agent is drained it is gone for good, as by `meros gone`.
    #[arg(long)]
    pub(crate) mark_gone: bool,

    /// Wait until all of them are drained.
    #[arg(long)]
    pub(crate) until_drained: bool,
}

/// `meros gone`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros gone web-1
  meros gone 67e55044 --yes

For a machine that has burned down: its agent is never waited for again, and refused if it comes
back, its tasks are GONE_BY_OPERATOR, and their frameworks may start others in their place. Nothing
undoes it. If the machine runs after all, so may its tasks; `meros drain --mark-gone` ends them first.
Without --yes it is asked for on a terminal, and refused elsewhere.")]
pub(crate) struct GoneArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// The agent: its hostname or id, or as much of the id as tells it apart.
    #[arg(value_name = "AGENT")]
    pub(crate) agent: String,

    /// Don't ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// `meros maintenance`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros maintenance set kernel-6.8 --start 2026-12-01T22:00:00Z --duration 2h web-1 web-2
  meros maintenance set switch --start +30m --duration 15m web-1
  meros maintenance list
  meros maintenance remove switch

A window says when agents will be away. Schedulers see it on their offers; nothing else follows from
it: `meros drain` is what ends tasks. A window that is over is forgotten.")]
pub(crate) struct MaintenanceArgs {
    #[command(subcommand)]
    pub(crate) action: MaintenanceAction,
}

/// What to do with maintenance windows.
#[derive(Debug, Subcommand)]
pub(crate) enum MaintenanceAction {
    /// Set a window, in place of the one of the same name.
    Set(WindowSetArgs),
    /// Remove windows.
    Remove(WindowRemoveArgs),
    /// Show the windows that are not over.
    List(WindowListArgs),
}

/// `meros maintenance set`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros maintenance set kernel-6.8 --start 2026-12-01T22:00:00+01:00 --duration 2h web-1 web-2
  meros maintenance set switch --start +30m --duration 15m web-1")]
pub(crate) struct WindowSetArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// What it is called.
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,

    #[command(flatten)]
    pub(crate) agents: Agents,

    /// When it begins: a moment such as 2026-12-01T22:00:00Z, or +DURATION from now.
    #[arg(long, value_name = "TIME", value_parser = values::moment, allow_hyphen_values = true)]
    pub(crate) start: WallTime,

    /// How long it is.
    #[arg(long, value_name = "DURATION", value_parser = values::positive_duration)]
    pub(crate) duration: Duration,
}

/// `meros maintenance remove`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  meros maintenance remove switch")]
pub(crate) struct WindowRemoveArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// What they are called.
    #[arg(required = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) names: Vec<String>,
}

/// `meros maintenance list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros maintenance list
  meros maintenance list --json")]
pub(crate) struct WindowListArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// Print them as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
