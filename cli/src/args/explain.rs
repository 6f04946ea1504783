//! The flags of `meros explain`.

use clap::Args;
use meros_types::{Constraint, Resources, Role};

use super::client::{Connection, Patience};
use super::values;

/// `meros explain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  meros explain nightly
  meros explain 67e55044 --role batch --json
  meros explain nightly --shape 'cpus:4;mem:8GiB' --on rack=a,b --on '!gpu'

The master's own reckoning: whether the framework wants anything, and for each shape of its demand
on how many agents it is free, and what stands in the way elsewhere: limits, guarantees of others,
agents off duty, constraints, too little room, declined offers, others that come first.

A constraint is rack=a,b (one of these), rack!=a (none of these), rack (there is one) or !rack
(there is none); besides attributes there are @hostname, @region and @zone.")]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) connection: Connection,

    #[command(flatten)]
    pub(crate) patience: Patience,

    /// The framework: its name, its key or its id, or as much of the id as tells it apart.
    pub(crate) framework: String,

    /// One of its roles. [default: all of them]
    #[arg(long)]
    pub(crate) role: Option<Role>,

    /// What if it wanted this? [default: what its demand has open]
    #[arg(long, value_name = "RESOURCES", value_parser = values::resources)]
    pub(crate) shape: Option<Resources>,

    /// A constraint of that shape; may be repeated.
    #[arg(long, value_name = "CONSTRAINT", value_parser = values::constraint, requires = "shape")]
    pub(crate) on: Vec<Constraint>,

    /// Print it as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
