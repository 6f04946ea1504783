//! The batch scheduler on a simulated cluster: what `meros simulate` shows. Owned: the scenario and its summary. Absent: the
//! command line and where the log goes.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use meros_batch::Batch;
use meros_types::{Resources, TaskState};
use serde::Serialize;

use crate::{Cluster, Counts, Failure, Options, Random};

/// What each agent has: `cpus:4;mem:8GiB`.
const AGENT_CPU_MILLI: u64 = 4_000;
const AGENT_MEMORY_BYTES: u64 = 8 << 30;
/// The longest wait from one killed agent to the next.
const KILL_EVERY_MAX: Duration = Duration::from_secs(5);
/// One in so many agents is killed unless said otherwise.
const AGENTS_PER_KILL: usize = 5;
/// How many deliveries a simulation may take, for each task and agent: several hundred times what is usual.
const EVENTS_PER_ITEM_MAX: u64 = 20_000;

/// What to simulate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulateOptions {
    /// Where all chance comes from.
    pub seed: u64,
    /// How many agents the cluster has; at least one.
    pub agents: usize,
    /// How many tasks the scheduler runs.
    pub tasks: usize,
    /// How many agents are killed on the way; at most all but one.
    pub kills: usize,
}

impl SimulateOptions {
    /// So many agents and tasks; one agent in five is killed on the way.
    pub fn new(seed: u64, agents: usize, tasks: usize) -> Self {
        Self { seed, agents, tasks, kills: agents / AGENTS_PER_KILL }
    }
}

/// What a simulation came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// How much virtual time it took, in seconds.
    pub virtual_seconds: f64,
    /// Messages, turns, deaths and timers.
    pub events: u64,
    /// How many agents there were.
    pub agents: usize,
    /// How many of them were killed.
    pub agents_killed: usize,
    /// How many commands of the batch were done.
    pub done: usize,
    /// How many failed for good.
    pub failed: usize,
    /// How many attempts the batch made, over all commands.
    pub attempts: u64,
    /// The newest attempts of all commands, by their state.
    pub tasks: BTreeMap<TaskState, usize>,
    /// What happened, one line each.
    #[serde(skip)]
    pub log: String,
}

/// Runs a batch on a simulated cluster to its end.
///
/// # Errors
/// [`Failure`] when an invariant breaks or the batch does not come to its end: then Meros has a bug.
pub fn simulate(options: &SimulateOptions) -> Result<Report, Failure> {
    let agents = options.agents.max(1);
    let mut cluster = Cluster::new(settings(options, agents));
    let machine = Resources::none().with_cpu_milli(AGENT_CPU_MILLI).with_memory_bytes(AGENT_MEMORY_BYTES);
    let handles = cluster.agents(agents, machine);
    let batch = cluster.framework("batch", Batch::new(options.tasks));
    let mut random = Random::for_purpose(options.seed, "kills");
    let mut alive = handles;
    let mut killed = 0;
    while killed < options.kills.min(agents - 1) && !cluster[batch].is_over() {
        cluster.try_run_for(random.duration(Duration::ZERO, KILL_EVERY_MAX))?;
        let victim = alive.swap_remove(random.below(alive.len() as u64) as usize);
        cluster.kill_agent(victim);
        killed += 1;
    }
    cluster.try_run_until(|cluster| cluster[batch].is_over() && cluster.finished(batch).is_some())?;
    let batch = &cluster[batch];
    let mut tasks: BTreeMap<TaskState, usize> = BTreeMap::new();
    for state in batch.records().iter().filter_map(|record| record.state) {
        *tasks.entry(state).or_default() += 1;
    }
    let Counts { events, .. } = cluster.counts();
    Ok(Report {
        seed: options.seed,
        virtual_seconds: cluster.now().0 as f64 / 1e9,
        events,
        agents,
        agents_killed: killed,
        done: batch.done,
        failed: batch.failed,
        attempts: batch.records().iter().map(|record| u64::from(record.attempts)).sum(),
        tasks,
        log: cluster.log().to_owned(),
    })
}

fn settings(options: &SimulateOptions, agents: usize) -> Options {
    let SimulateOptions { seed, tasks, .. } = *options;
    Options {
        time_max: Duration::from_secs(365 * 24 * 60 * 60),
        events_max: (agents + tasks) as u64 * EVENTS_PER_ITEM_MAX,
        reproduce: Some(format!("meros simulate --seed {seed} --agents {agents} --tasks {tasks}")),
        ..Options::new(seed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, virtual_seconds, events, agents, agents_killed, attempts, .. } = self;
        writeln!(f, "seed           {seed}")?;
        writeln!(f, "virtual time   {virtual_seconds:.3} s")?;
        writeln!(f, "events         {events}")?;
        writeln!(f, "agents         {agents}, {agents_killed} of them killed")?;
        writeln!(f, "launches       {attempts}")?;
        for (state, count) in &self.tasks {
            writeln!(f, "{:<14} {count}", state.as_str().to_lowercase())?;
        }
        Ok(())
    }
}
