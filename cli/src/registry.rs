//! `meros registry`: what is in a master's registry, and whether all of it can be read. Deliberately absent: reading the file,
//! which is the master's.

use std::time::{Duration, SystemTime};

use meros_master::registry::{AgentStanding, FrameworkRecord, StoredAgent, StoredRegistry, inspect};
use meros_types::WallTime;

use crate::args::{Place, RegistryAction, RegistryArgs};
use crate::config;
use crate::error::Error;
use crate::output::{self, Cell, Column, Look, Table, Tone};

const AGENTS: &[Column] =
    &[Column::text("AGENT"), Column::text("HOST"), Column::text("STATE"), Column::number("UNREACHABLE FOR S")];

const FRAMEWORKS: &[Column] = &[
    Column::text("FRAMEWORK"),
    Column::text("NAME"),
    Column::text("PRINCIPAL"),
    Column::number("EPOCH"),
    Column::number("FAILOVER S"),
    Column::number("REMOVED IN S"),
    Column::text("KEY"),
];

const REMOVED: &[Column] = &[Column::text("REMOVED FRAMEWORK")];

/// `meros registry`.
pub(crate) fn run(arguments: RegistryArgs) -> Result<(), Error> {
    match arguments.action {
        RegistryAction::Dump(arguments) => dump(&read(arguments.place)?, arguments.json),
        RegistryAction::Check(arguments) => check(&read(arguments.place)?),
    }
}

fn read(place: Place) -> Result<StoredRegistry, Error> {
    let work_dir = place.work_dir.map_or_else(|| config::master_work_dir(place.config.as_deref()), Ok)?;
    Ok(inspect(&work_dir).map_err(meros_master::Error::from)?)
}

fn dump(stored: &StoredRegistry, json: bool) -> Result<(), Error> {
    if json {
        output::say_json(stored)?;
    } else {
        output::say(tables(stored, now(), Look::of_stdout()))?;
    }
    all_read(stored)
}

fn check(stored: &StoredRegistry) -> Result<(), Error> {
    all_read(stored)?;
    Ok(output::say(format!("{} is sound: {}", stored.path.display(), counted(stored)))?)
}

/// Says what could not be read, and fails if there was anything.
fn all_read(stored: &StoredRegistry) -> Result<(), Error> {
    for error in &stored.damaged {
        output::note(format!("meros: {error}"));
    }
    match stored.damaged.len() as u64 {
        0 => Ok(()),
        count => Err(Error::Outcome(format!("{} can't be read; {} can", output::count(count, "record"), counted(stored)))),
    }
}

fn counted(stored: &StoredRegistry) -> String {
    let count = |count: usize, unit| output::count(count as u64, unit);
    format!(
        "term {}, {}, {}, {}",
        stored.term,
        count(stored.agents.len(), "agent"),
        count(stored.frameworks.len(), "framework"),
        count(stored.removed.len(), "removed framework")
    )
}

/// The counts, then a table for each kind of which there is any.
fn tables(stored: &StoredRegistry, now: WallTime, look: Look) -> String {
    let kinds = [
        (AGENTS, stored.agents.iter().map(|stored| agent(stored, now)).collect::<Vec<_>>()),
        (FRAMEWORKS, stored.frameworks.iter().map(|stored| framework(stored, now)).collect()),
        (REMOVED, stored.removed.iter().map(|id| vec![id.to_string().into()]).collect()),
    ];
    let shown = kinds.into_iter().filter(|(_, rows)| !rows.is_empty()).map(|(columns, rows)| {
        let mut table = Table::new(columns);
        rows.into_iter().for_each(|row| table.row(row));
        table.render(look)
    });
    std::iter::once(counted(stored)).chain(shown).collect::<Vec<_>>().join("\n\n")
}

fn agent(agent: &StoredAgent, now: WallTime) -> Vec<Cell> {
    let (state, since) = match agent.state {
        AgentStanding::Admitted => (Cell::toned("admitted", Tone::Good), None),
        AgentStanding::Unreachable { since } => (Cell::toned("unreachable", Tone::Bad), Some(since)),
        AgentStanding::Gone => (Cell::toned("gone", Tone::Bad), None),
    };
    let unreachable = since.map(|since| between(since, now)).unwrap_or_default();
    vec![agent.id.to_string().into(), agent.hostname.clone().into(), state, unreachable.into()]
}

fn framework(framework: &FrameworkRecord, now: WallTime) -> Vec<Cell> {
    vec![
        framework.id.to_string().into(),
        framework.name.clone().into(),
        framework.principal.clone().into(),
        framework.epoch.to_string().into(),
        output::seconds(framework.failover_timeout).into(),
        framework.deadline.map(|deadline| between(now, deadline)).unwrap_or_default().into(),
        framework.key.clone().unwrap_or_default().into(),
    ]
}

/// The seconds from one moment to the other; zero when that is past.
fn between(from: WallTime, to: WallTime) -> String {
    output::seconds(Duration::from_millis(to.0.saturating_sub(from.0)))
}

fn now() -> WallTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    WallTime(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
