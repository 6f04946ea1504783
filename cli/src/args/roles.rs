//! The flags of the commands about how roles share: `meros roles`, `quota` and `weights`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use meros_types::{Bounds, Resources, Role};

use super::client::{Connection, Patience};
use super::values;

/// `meros roles`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros roles
  meros roles --json | jq '.[] | select(.unmet != {})'

Roles form a tree: eng/backend is below eng. A role's figures are those of itself and of all below
it. SHARE is the dominant share of the cluster divided by the weight: among siblings, the one with
the smallest is served next. UNMET is what of a guarantee is not had.")]
pub(crate) struct RolesArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// Print them as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `meros quota`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros quota set batch --limit 'cpus:8;mem:32GiB'
  meros quota set prod --guarantee 'cpus:16;mem:64GiB' --no-limit
  meros quota set --file quotas.toml
  meros quota clear batch

A limit is the most that a role and those below may have together; a resource that it doesn't name
has none. A guarantee is kept back for a role as long as it doesn't have it. `meros roles` shows
both, and how much of them is had.")]
pub(crate) struct QuotaArgs {
    #[command(subcommand)]
    pub(crate) action: QuotaAction,
}

/// What to do with quotas.
#[derive(Debug, Subcommand)]
pub(crate) enum QuotaAction {
    /// Set the limit or the guarantee of a role, or of several at once.
    Set(QuotaSetArgs),
    /// Take limit and guarantee from roles; their weights stay.
    Clear(QuotaClearArgs),
}

/// `meros quota set`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros quota set batch --limit 'cpus:8;mem:32GiB'
  meros quota set batch --limit 'cpus:4' --force
  meros quota set --file quotas.toml

Several roles are changed together, or not at all, by a file (- is standard input):

  [[role]]
  name = \"eng\"
  limit = \"cpus:32;mem:128GiB\"

  [[role]]
  name = \"eng/backend\"
  limit = \"none\"
  guarantee = { cpus = 4, mem = \"16GiB\" }
  weight = 2

What is not named stays as it is. Nothing is changed when the numbers contradict each other (a
guarantee above a limit, the guarantees of siblings above their parent's limit), when a limit is
below what a role has, or when guarantees are above what all agents have; the last two yield to
--force, and then nothing new is offered until what is had is below the limit.

Exit code: 0 when it is stored and in force, 1 when the master refuses, and standard error says why.")]
pub(crate) struct QuotaSetArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// The role.
    #[arg(required_unless_present = "file")]
    pub(crate) role: Option<Role>,

    /// The most that it may have; what is not named has no limit.
    #[arg(long, value_name = "RESOURCES", value_parser = values::limit)]
    pub(crate) limit: Option<Bounds>,

    /// Lift its limit.
    #[arg(long, conflicts_with = "limit")]
    pub(crate) no_limit: bool,

    /// What is kept back for it.
    #[arg(long, value_name = "RESOURCES", value_parser = values::resources)]
    pub(crate) guarantee: Option<Resources>,

    /// Lift its guarantee.
    #[arg(long, conflicts_with = "guarantee")]
    pub(crate) no_guarantee: bool,

    /// The file with several roles' settings, or - for standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath,
          conflicts_with_all = ["role", "limit", "no_limit", "guarantee", "no_guarantee"])]
    pub(crate) file: Option<PathBuf>,

    /// Do it although a limit is below what is had, or guarantees are above what there is.
    #[arg(long)]
    pub(crate) force: bool,
}

/// `meros quota clear`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  meros quota clear eng eng/backend")]
pub(crate) struct QuotaClearArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// The roles: all of them, or none.
    #[arg(required = true, value_name = "ROLE")]
    pub(crate) roles: Vec<Role>,
}

/// `meros weights`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros weights
  meros weights prod=5 batch=1 eng/backend=2

A role of weight 2 is given twice as much as a sibling of weight 1 when both want more than there
is. Several weights are changed together, or not at all. They are stored, and go before the
master's --weight.")]
pub(crate) struct WeightsArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// The weights to set. [default: none, and all are shown]
    #[arg(value_name = "ROLE=WEIGHT", value_parser = values::weight, conflicts_with = "json")]
    pub(crate) weights: Vec<(Role, u32)>,

    /// Print them as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
