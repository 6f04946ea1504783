//! `meros master` and `meros agent`: from flags to the options of the daemons, and the signals that end them.
//!
//! Deliberately absent: what the daemons do.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use meros_agent::{AgentOptions, IsolationMode};
use meros_master::{Master, MasterOptions, Timings};
use meros_types::{LEAST_MAX, Resources};

use crate::args::{AgentArgs, Isolation, MasterArgs};
use crate::error::Error;
use crate::output;
use crate::signals::EndSignals;

/// Runs a master until a signal ends it.
pub(crate) async fn master(arguments: MasterArgs) -> Result<(), Error> {
    let mut signals = EndSignals::listen()?;
    let master = Master::bind(master_options(arguments)?).await?;
    // Whoever started it with port 0 reads here which port that became.
    output::say(format!("meros master: listening on {}", master.address()))?;
    Ok(master.serve(signals.next()).await?)
}

/// Runs an agent until a signal ends it.
pub(crate) async fn agent(arguments: AgentArgs) -> Result<(), Error> {
    let mut signals = EndSignals::listen()?;
    let options = agent_options(arguments)?;
    Ok(meros_agent::run(options, signals.next()).await?)
}

fn master_options(arguments: MasterArgs) -> Result<MasterOptions, Error> {
    Ok(MasterOptions {
        listen: arguments.listen,
        timings: Timings {
            heartbeat: arguments.heartbeat,
            unreachable_after: arguments.unreachable_after,
            offer_lease: arguments.offer_lease,
            ephemeral_timeout: arguments.ephemeral_timeout,
        },
        weights: arguments.weight.into_iter().collect(),
        region: arguments.region,
        least: few(arguments.least_offer)?,
        unshared: arguments.unshared.into_iter().collect(),
        token_file: arguments.token_file,
        allow_insecure_listen: arguments.insecure_listen,
        destroy_on_exit: arguments.destroy_on_exit,
        lifeline: lifeline(arguments.destroy_on_exit)?,
        ..MasterOptions::new(arguments.work_dir)
    })
}

fn few(least: Vec<Resources>) -> Result<Vec<Resources>, Error> {
    match least.len() {
        0..=LEAST_MAX => Ok(least),
        many => Err(Error::Usage(format!("`least-offer` has {many} values, and {LEAST_MAX} is the most"))),
    }
}

fn agent_options(arguments: AgentArgs) -> Result<AgentOptions, Error> {
    Ok(AgentOptions {
        name: arguments.name,
        hostname: arguments.hostname,
        resources: arguments.resources,
        attributes: arguments.attributes.unwrap_or_default(),
        domain: arguments.domain,
        silence_max: arguments.silence_max,
        isolation: match arguments.isolation {
            Isolation::Auto => IsolationMode::Auto,
            Isolation::Cgroup => IsolationMode::Cgroup,
            Isolation::Plain => IsolationMode::Plain,
        },
        task_uids: arguments.task_uids,
        task_log_bytes: arguments.task_log_bytes,
        task_log_files: arguments.task_log_files,
        task_disk_max: arguments.task_disk_max,
        token_file: arguments.token_file,
        listen: arguments.listen.0,
        allow_insecure_listen: arguments.insecure_listen,
        destroy_on_exit: arguments.destroy_on_exit,
        lifeline: lifeline(arguments.destroy_on_exit)?,
        ..AgentOptions::new(arguments.master, arguments.work_dir)
    })
}

/// Standard input, when it is a pipe that a parent holds: a daemon that destroys itself must not outlive that parent. Started by
/// hand, with a terminal or `/dev/null` there, it has no such parent.
fn lifeline(destroy_on_exit: bool) -> Result<Option<OwnedFd>, Error> {
    use std::os::unix::fs::FileTypeExt;
    let input = std::io::stdin().as_fd().try_clone_to_owned().map_err(Error::file("use", "standard input"))?;
    let file = std::fs::File::from(input);
    let kind = file.metadata().map_err(Error::file("use", "standard input"))?.file_type();
    Ok((destroy_on_exit && kind.is_fifo()).then(|| file.into()))
}

/// Where a daemon keeps its own when nobody says otherwise: root's daemons with the system's, others in their user's home.
pub(crate) fn default_work_dir(daemon: &str) -> PathBuf {
    let home = meros_proto::token::home().filter(|_| !nix::unistd::geteuid().is_root());
    home.map_or_else(|| PathBuf::from("/var/lib/meros"), |home| home.join(".meros")).join(daemon)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Action, Cli};

    #[test]
    fn the_flags_have_the_defaults_of_the_options() {
        let Action::Master(master) = Cli::parse_from(["meros", "master", "--work-dir", "/w"]).action else { panic!("no master") };
        assert_eq!(format!("{:?}", master_options(*master).unwrap()), format!("{:?}", MasterOptions::new("/w")));
        let Action::Agent(agent) = Cli::parse_from(["meros", "agent", "--work-dir", "/w"]).action else { panic!("no agent") };
        let options = AgentOptions::new("127.0.0.1:5050", "/w");
        assert_eq!(format!("{:?}", agent_options(*agent).unwrap()), format!("{options:?}"));
    }
}
