//! `meros demo`: a real cluster on this machine, from the first daemon to the last removed directory.
//!
//! Owned here: the order of things, and the verdict. Deliberately absent: daemons ([`crate::children`]), the scheduler
//! (`meros-batch`), what is run ([`rows`]) and how it is shown ([`report`]).

mod report;
mod rows;

use std::time::Duration;

use meros_agent::runtime::RuntimeError;
use meros_batch::{Batch, Item};
use meros_types::{Resources, Role};

use crate::args::{DemoArgs, Isolation};
use crate::children::{Children, Plan};
use crate::error::Error;
use crate::output::{self, Look};
use crate::signals::EndSignals;
use crate::{framework, progress};
use report::Line;
use rows::Row;

/// How many agents there are.
const AGENTS: u32 = 2;
/// What each agent offers, whatever the machine has: the demo is to look the same everywhere.
const CPU_MILLI_EACH: u64 = 4_000;
/// Memory of each agent: room for as many tasks as its CPUs take.
const MEMORY_BYTES_EACH: u64 = 1 << 30;
/// What people see of the framework.
const FRAMEWORK_NAME: &str = "batch";
/// How long all tasks together may take. They take seconds; beyond this something is wrong, and that is said within a minute.
const TASKS_TIMEOUT: Duration = Duration::from_secs(40);
/// What is said of a row that needs what `plain` isolation does not enforce.
const NOT_ENFORCED: &str = "no limits without cgroups";

/// Runs the demo. Succeeds when every task ended as intended.
pub(crate) async fn run(arguments: DemoArgs) -> Result<(), Error> {
    let mut signals = EndSignals::listen()?;
    let isolation = isolation(arguments.isolation);
    let resources = Resources::none().with_cpu_milli(CPU_MILLI_EACH).with_memory_bytes(MEMORY_BYTES_EACH);
    let plan = Plan {
        listen: "127.0.0.1:0".to_owned(),
        resources,
        agents: AGENTS,
        isolation,
        temp_dir: arguments.temp_dir,
        label: "demo",
        visible: None,
    };
    let mut children = Children::new(plan);
    let outcome = perform(&mut children, isolation, &mut signals).await;
    if outcome.is_err() {
        output::note("ending the daemons");
    }
    let stopped = children.stop().await;
    let lines = outcome?;
    if arguments.json { output::say_json(&lines) } else { output::say(report::table(&lines, Look::of_stdout())) }?;
    stopped?;
    verdict(&lines)
}

/// What confines the tasks: `auto` is decided here, since it decides which rows are run.
fn isolation(wanted: Isolation) -> Isolation {
    let why = match wanted {
        Isolation::Cgroup => return Isolation::Cgroup,
        Isolation::Plain => "it was asked for".to_owned(),
        Isolation::Auto => match meros_agent::runtime::check_cgroups() {
            Ok(()) => return Isolation::Cgroup,
            // What it advises beyond the reason is for an agent's operator.
            Err(RuntimeError::Unusable { reason }) => reason,
            Err(error) => error.to_string(),
        },
    };
    output::note(format!(
        "Tasks run with plain isolation, since {why}: nothing limits them, and the rows that need limits are skipped."
    ));
    Isolation::Plain
}

/// Starts the daemons, runs the tasks, and says what became of each.
async fn perform(children: &mut Children, isolation: Isolation, signals: &mut EndSignals) -> Result<Vec<Line>, Error> {
    let rows = rows::rows();
    let is_run = |row: &Row| isolation == Isolation::Cgroup || !row.intent.needs_limits();
    let items: Vec<_> = rows.iter().filter(|row| is_run(row)).map(Row::item).collect();
    tokio::select! {
        started = children.start() => started?,
        () = signals.next() => return Err(Error::Interrupted),
    }
    output::note(introduction(children, items.len()));
    let batch = run_batch(children, items, signals).await?;
    let mut records = batch.records().iter();
    // The records stand in the order of the rows that were run.
    let line = |row: &Row| match if is_run(row) { records.next() } else { None } {
        Some(record) => Line::ran(row, record),
        None => Line::skipped(row, NOT_ENFORCED),
    };
    Ok(rows.iter().map(line).collect())
}

/// Runs the tasks to their ends, as far as there is time, and no daemon fails, and nobody interrupts.
async fn run_batch(children: &mut Children, items: Vec<Item>, signals: &mut EndSignals) -> Result<Batch, Error> {
    let count = items.len();
    let (handle, mut running) =
        framework::start(children.connection(), FRAMEWORK_NAME, &Role::default(), Batch::from_items(items))?;
    let cut_short = tokio::select! {
        batch = progress::follow(&handle, &mut running, count) => return batch,
        () = tokio::time::sleep(TASKS_TIMEOUT) => None,
        error = children.failure() => Some(error),
        () = signals.next() => Some(Error::Interrupted),
    };
    let batch = framework::end(&handle, &mut running).await;
    cut_short.map_or(batch, Err)
}

fn introduction(children: &Children, count: usize) -> String {
    let (cpus, memory) = (CPU_MILLI_EACH / 1_000, output::bytes(MEMORY_BYTES_EACH));
    format!(
        "A master at {} and {AGENTS} agents, each told to offer {cpus} CPUs and {memory} whatever this machine has; {count} tasks.",
        children.connection().master
    )
}

/// Every row that ended otherwise than intended, named.
fn verdict(lines: &[Line]) -> Result<(), Error> {
    let complaints: Vec<String> = lines.iter().filter_map(Line::complaint).collect();
    let Some(first) = complaints.first() else {
        output::note("Every task ended as intended.");
        return Ok(());
    };
    for complaint in &complaints[1..] {
        output::note(format!("meros: {complaint}"));
    }
    Err(Error::Outcome(first.clone()))
}
