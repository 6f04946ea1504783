//! `meros maintenance`: when agents will be away. Deliberately absent: ending their tasks, which is [`crate::duty`]'s.

use meros_types::{AgentId, ClusterState, Unavailability, Window};

use crate::admin::Admin;
use crate::args::{MaintenanceAction, MaintenanceArgs, WindowListArgs, WindowRemoveArgs, WindowSetArgs};
use crate::error::Error;
use crate::output::{self, Cell, Column, Look, Table};
use crate::{calendar, find};

const WINDOWS: &[Column] =
    &[Column::text("WINDOW"), Column::text("START"), Column::number("DURATION"), Column::text("STATE"), Column::text("AGENTS")];

/// `meros maintenance`.
pub(crate) async fn maintenance(arguments: MaintenanceArgs) -> Result<(), Error> {
    match arguments.action {
        MaintenanceAction::Set(arguments) => set(arguments).await,
        MaintenanceAction::Remove(arguments) => remove(arguments).await,
        MaintenanceAction::List(arguments) => list(arguments).await,
    }
}

async fn set(arguments: WindowSetArgs) -> Result<(), Error> {
    let mut admin = Admin::new(&arguments.connection)?;
    let patience = arguments.patience.wait;
    let found = find::agents(&admin.state(patience).await?, &arguments.agents.agents)?;
    let unavailability = Unavailability { start: arguments.start, duration: arguments.duration };
    if unavailability.is_over(calendar::now()) {
        let start = calendar::text(arguments.start);
        return Err(Error::Usage(format!("a window from {start} of that length is over already")));
    }
    let agents: Vec<AgentId> = found.iter().map(|(id, _)| *id).collect();
    let count = output::count(agents.len() as u64, "agent");
    let said = format!(
        "{}: {count} away from {} for {}",
        arguments.name,
        calendar::text(arguments.start),
        output::length(arguments.duration)
    );
    admin.set_window(Window { id: arguments.name, agents, unavailability }, patience).await?;
    Ok(output::say(said)?)
}

async fn remove(arguments: WindowRemoveArgs) -> Result<(), Error> {
    let mut admin = Admin::new(&arguments.connection)?;
    for name in arguments.names {
        admin.remove_window(name.clone(), arguments.patience.wait).await?;
        output::say(format!("{name} is removed"))?;
    }
    Ok(())
}

async fn list(arguments: WindowListArgs) -> Result<(), Error> {
    let mut state = Admin::new(&arguments.connection)?.state(arguments.patience.wait).await?;
    state.windows.sort_by(|a, b| (a.unavailability.start, &a.id).cmp(&(b.unavailability.start, &b.id)));
    if arguments.json {
        return Ok(output::say_json(&state.windows)?);
    }
    if state.windows.is_empty() {
        return Ok(output::say("no maintenance windows")?);
    }
    let mut table = Table::new(WINDOWS);
    state.windows.iter().for_each(|window| table.row(row(window, &state)));
    Ok(output::say(table.render(Look::of_stdout()))?)
}

fn row(window: &Window, state: &ClusterState) -> Vec<Cell> {
    let Unavailability { start, duration } = window.unavailability;
    let agents: Vec<String> = window.agents.iter().map(|id| host(*id, state)).collect();
    let begun = if start <= calendar::now() { "now" } else { "to come" };
    vec![
        window.id.clone().into(),
        calendar::text(start).into(),
        output::length(duration).into(),
        begun.into(),
        agents.join(",").into(),
    ]
}

fn host(id: AgentId, state: &ClusterState) -> String {
    state.agents.iter().find(|agent| agent.id == id).map_or_else(|| id.short(), |agent| agent.hostname.clone())
}
