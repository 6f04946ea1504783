//! The flags of `meros registry` and `meros teardown`: what operators do with what a master remembers.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::client::{Connection, Patience};

/// `meros registry`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros registry check
  meros registry check --config master.toml
  meros registry dump --json --work-dir /var/lib/meros/master | jq '.frameworks[].key'

The registry is the file registry.redb in a master's work directory: the term, the agents and the
frameworks that the master knows, and the frameworks that may never return. redb, which keeps it,
lets one program in at a time, so that the master has to be stopped; what a running master knows,
`meros status` shows. Nothing here changes the file.")]
pub(crate) struct RegistryArgs {
    #[command(subcommand)]
    pub(crate) action: RegistryAction,
}

/// What to do with a registry.
#[derive(Debug, Subcommand)]
pub(crate) enum RegistryAction {
    /// Print what is in it. Secrets are left out.
    Dump(DumpArgs),
    /// Check the whole file and every record in it.
    Check(CheckArgs),
}

/// `meros registry dump`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  meros registry dump --json --work-dir /var/lib/meros/master

Exit code: 0 when all of it could be read, 1 otherwise, and standard error says what could not.")]
pub(crate) struct DumpArgs {
    #[command(flatten)]
    pub(crate) place: Place,

    /// Print it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `meros registry check`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  meros registry check --work-dir /var/lib/meros/master

Exit code: 0 when the file and every record are sound, 1 otherwise, and standard error says what to do.")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) place: Place,
}

/// Which registry.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The master's work directory. [default: the one that `meros master` would have here]
    #[arg(long, env = "MEROS_MASTER_WORK_DIR", value_name = "DIR")]
    pub(crate) work_dir: Option<PathBuf>,

    /// The master's configuration file, which may name the work directory. [default: what MEROS_CONFIG names, else
    /// /etc/meros/master.toml, if it exists]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<PathBuf>,
}

/// `meros teardown`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros teardown 67e55044
  meros teardown --key nightly --key weekly

The frameworks and their tasks end for good: their ids are refused from then on, and a scheduler
that comes with the same key is a new framework. When the command ends, that is on the master's
disk; `meros status tasks` shows when the tasks have ended.

Exit code: 0 when all are torn down; 2 when one is not known, and then none is; 1 otherwise.")]
pub(crate) struct TeardownArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// The frameworks: their names or ids, or as much of each id as tells it apart.
    #[arg(value_name = "FRAMEWORK", required_unless_present = "key")]
    pub(crate) frameworks: Vec<String>,

    /// A framework's key instead of its id; may be repeated.
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Vec<String>,
}
