//! `meros local`: a master and agents in one command, for development. Deliberately absent: starting and ending them, which
//! the demo shares.

use std::net::SocketAddr;

use meros_types::Resources;

use crate::args::{Connection, LocalArgs};
use crate::children::{Children, Plan};
use crate::error::Error;
use crate::output;
use crate::signals::EndSignals;

/// Runs the cluster until a signal ends it, or one of its daemons ends.
pub(crate) async fn run(arguments: LocalArgs, log_filter: String) -> Result<(), Error> {
    let mut signals = EndSignals::listen()?;
    let resources = match arguments.resources {
        Some(resources) => resources,
        None => share_of_machine(arguments.agents)?,
    };
    let plan = Plan {
        listen: arguments.listen.to_string(),
        resources,
        agents: arguments.agents,
        isolation: arguments.isolation,
        temp_dir: arguments.temp_dir,
        label: "local",
        visible: Some(log_filter),
    };
    let mut children = Children::new(plan.clone());
    let outcome = tokio::select! {
        started = children.start() => started,
        () = signals.next() => Err(Error::Interrupted),
    };
    let outcome = match outcome {
        Ok(()) => serve(&plan, &mut children, &mut signals).await,
        Err(error) => Err(error),
    };
    let stopped = children.stop().await;
    outcome.and(stopped)
}

async fn serve(plan: &Plan, children: &mut Children, signals: &mut EndSignals) -> Result<(), Error> {
    output::say(how_to(plan, children.connection()))?;
    tokio::select! {
        error = children.failure() => Err(error),
        // Ctrl-C is how it is meant to end.
        () = signals.next() => Ok(()),
    }
}

fn how_to(plan: &Plan, connection: &Connection) -> String {
    let agents = output::count(u64::from(plan.agents), "agent");
    let resources = &plan.resources;
    let master = &connection.master;
    let usual = "127.0.0.1:5050".parse::<SocketAddr>().is_ok_and(|usual| usual.to_string() == *master);
    let flag = if usual { String::new() } else { format!(" --master {master}") };
    format!(
        "A master at {master} and {agents} with {resources} each. In another terminal:\n  \
         meros run{flag} -- sh -c 'echo hello from $MEROS_TASK_ID'\n  \
         meros status{flag}\n\
         Ctrl-C ends all of it."
    )
}

/// This machine's CPUs and memory, parted among the agents, and a quarter of the memory left to everybody else.
fn share_of_machine(agents: u32) -> Result<Resources, Error> {
    let cores = std::thread::available_parallelism().map_err(Error::file("count the cores in", "/proc/self/status"))?;
    let text = std::fs::read_to_string("/proc/meminfo").map_err(Error::file("read", "/proc/meminfo"))?;
    let total =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    let mebibytes = total.unwrap_or_default() / 1_024 * 3 / 4;
    let agents = u64::from(agents);
    let cpu_milli = (cores.get() as u64 * 1_000 / agents).max(1);
    Ok(Resources::none().with_cpu_milli(cpu_milli).with_memory_bytes((mebibytes / agents) << 20))
}
