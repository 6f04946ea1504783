//! The command line: every command, flag, default and variable. How they and configuration files go together is in [`crate::config`].
//!
//! Deliberately absent: what the commands do.

mod client;
mod daemons;
mod duty;
mod explain;
mod logs;
mod registry;
mod roles;
mod values;

use clap::{ArgAction, Parser, Subcommand};

pub(crate) use client::{BatchArgs, Connection, KillArgs, RunArgs, StatusArgs, StatusPart};
pub(crate) use daemons::{AgentArgs, DemoArgs, Isolation, LocalArgs, MasterArgs, SimulateArgs};
pub(crate) use duty::{
    DeactivateArgs, DrainArgs, GoneArgs, MaintenanceAction, MaintenanceArgs, ReactivateArgs, WindowListArgs, WindowRemoveArgs,
    WindowSetArgs,
};
pub(crate) use explain::ExplainArgs;
pub(crate) use logs::LogsArgs;
pub(crate) use registry::{Place, RegistryAction, RegistryArgs, TeardownArgs};
pub(crate) use roles::{QuotaAction, QuotaArgs, QuotaClearArgs, QuotaSetArgs, RolesArgs, WeightsArgs};

/// A cluster manager that offers resources: a master offers what agents have, schedulers decide what runs where.
#[derive(Debug, Parser)]
#[command(name = "meros", version, about, after_help = EXAMPLES, max_term_width = 110, arg_required_else_help = false)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) action: Action,

    /// Say more on standard error: -v for details, -vv for everything.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// What is logged to standard error: a level (error, warn, info, debug, trace), or levels by module such as
    /// warn,meros_agent=debug. [default: info for daemons, warn otherwise]
    #[arg(long, global = true, env = "MEROS_LOG", value_name = "FILTER", value_parser = crate::logging::filter)]
    pub(crate) log_level: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  meros demo                                     see all of it at work on this machine
  meros local --agents 2                         a small cluster for development
  meros run --cpus 0.5 --mem 64MiB -- sh -c 'echo hello from $MEROS_TASK_ID'
  meros batch commands.txt --parallel 4          each line of a file as a task
  meros status                                   agents, frameworks, tasks, offers
  meros logs -f TASK                             what a task writes, wherever it runs
  meros roles                                    how roles share, and what each may have
  meros drain web-1 --until-drained              empty an agent before its machine is away
  meros explain nightly                          why a framework has no more offers

Exit codes: 0 all went well; 1 something failed, and standard error says what; 2 a flag, variable,
configuration file or command is wrong.
`meros run` exits with its task's own code, or 128 and the signal that ended it.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Run a master.
    Master(Box<MasterArgs>),
    /// Run an agent.
    Agent(Box<AgentArgs>),
    /// Run a master and agents in one command, for development.
    Local(LocalArgs),
    /// Run one command as a task and stream its output.
    Run(RunArgs),
    /// Run each line of a file as a task.
    Batch(BatchArgs),
    /// Show agents, frameworks, tasks and offers.
    Status(StatusArgs),
    /// End a task.
    Kill(KillArgs),
    /// End a framework and all its tasks, for good.
    Teardown(TeardownArgs),
    /// Read what a task wrote, and what it writes.
    Logs(LogsArgs),
    /// Show how roles share: weights, limits, guarantees, and what is had.
    Roles(RolesArgs),
    /// Limit what roles may have, and keep back what they are guaranteed.
    Quota(QuotaArgs),
    /// Show or set the weights of roles in fair sharing.
    Weights(WeightsArgs),
    /// Offer nothing more of agents; their tasks run on.
    Deactivate(DeactivateArgs),
    /// Offer agents again that were deactivated or drained.
    Reactivate(ReactivateArgs),
    /// Offer nothing more of agents, and end their tasks.
    Drain(DrainArgs),
    /// Say that an agent will never return.
    Gone(GoneArgs),
    /// Announce when agents will be away.
    Maintenance(MaintenanceArgs),
    /// Say why a framework has no more offers than it has.
    Explain(ExplainArgs),
    /// See what a master remembers over restarts, and check its file.
    Registry(RegistryArgs),
    /// Run the batch scheduler on a simulated cluster, in virtual time.
    Simulate(SimulateArgs),
    /// See a real cluster at work: a master, two agents, some twenty tasks, some of which misbehave on purpose.
    Demo(DemoArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

impl Action {
    /// Whether it is one that people leave running, and whose log they read.
    pub(crate) fn is_daemon(&self) -> bool {
        matches!(self, Action::Master(_) | Action::Agent(_))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    /// What other commands have too, under the same name.
    const SHARED: [(&str, &str); 4] =
        [("master", "MEROS_MASTER"), ("token-file", "MEROS_TOKEN_FILE"), ("config", "MEROS_CONFIG"), ("log-level", "MEROS_LOG")];

    #[test]
    fn every_flag_of_a_daemon_is_a_setting_with_a_variable_of_its_own() {
        let mut command = Cli::command();
        command.build();
        for (daemon, prefix) in [("master", "MEROS_MASTER"), ("agent", "MEROS_AGENT"), ("local", "MEROS")] {
            let daemon = command.find_subcommand(daemon).unwrap();
            let no_setting = ["help", "print-config", "verbose"];
            let longs = daemon.get_arguments().map(|argument| (argument, argument.get_long().expect("a daemon has flags only")));
            for (argument, long) in longs.filter(|(_, long)| !no_setting.contains(long)) {
                let shared = SHARED.iter().find(|(name, _)| *name == long).map(|(_, variable)| (*variable).to_owned());
                let own = format!("{prefix}_{}", long.to_uppercase().replace('-', "_"));
                let variable = argument.get_env().map(|name| name.to_string_lossy().into_owned());
                assert_eq!(variable, Some(shared.unwrap_or(own)));
            }
        }
    }
}
