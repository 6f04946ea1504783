//! `meros status` and `meros kill`: what an operator sees and ends. Deliberately absent: the connection and the table printer.

use std::time::{Duration, SystemTime};

use meros_proto::KillTask;
use meros_types::{AgentId, AgentState, ClusterState, Duty, FrameworkState, OfferState, Resources, TaskInfo, TaskState};

use crate::admin::Admin;
use crate::args::{KillArgs, StatusArgs, StatusPart};
use crate::error::Error;
use crate::explain::described;
use crate::find;
use crate::output::{self, Cell, Column, Look, Table, Tone};

const AGENTS: &[Column] = &[
    Column::text("AGENT"),
    Column::text("HOST"),
    Column::text("STATE"),
    Column::text("DUTY"),
    Column::text("TOTAL"),
    Column::text("FREE"),
    Column::text("OFFERED"),
    Column::text("USED"),
    Column::text("RELEASING"),
    Column::text("DOMAIN"),
    Column::text("ATTRIBUTES"),
];

const FRAMEWORKS: &[Column] = &[
    Column::text("FRAMEWORK"),
    Column::text("NAME"),
    Column::text("STATE"),
    Column::text("ROLES"),
    Column::number("EPOCH"),
    Column::number("TASKS"),
    Column::number("OFFERS"),
    Column::text("ALLOCATED"),
    Column::number("SHARE"),
    Column::text("DEMAND"),
    Column::text("KEY"),
];

const TASKS: &[Column] = &[
    Column::text("TASK"),
    Column::text("NAME"),
    Column::text("FRAMEWORK"),
    Column::text("AGENT"),
    Column::text("STATE"),
    Column::text("REASON"),
    Column::number("EXIT"),
    Column::number("CPU S"),
    Column::number("PEAK"),
    Column::number("WALL S"),
    Column::text("RESOURCES"),
];

const OFFERS: &[Column] = &[
    Column::number("OFFER"),
    Column::text("FRAMEWORK"),
    Column::text("ROLE"),
    Column::text("AGENT"),
    Column::text("RESOURCES"),
    Column::number("AGE S"),
];

/// How many shapes of a framework's demand its row has.
const DEMAND_SHAPES_MAX: usize = 3;

/// `meros status`.
pub(crate) async fn status(arguments: StatusArgs) -> Result<(), Error> {
    let state = Admin::new(&arguments.connection)?.state(arguments.patience.wait).await?;
    if arguments.json {
        return Ok(match arguments.part {
            None => output::say_json(&state),
            Some(StatusPart::Agents) => output::say_json(&state.agents),
            Some(StatusPart::Frameworks) => output::say_json(&state.frameworks),
            Some(StatusPart::Tasks) => output::say_json(&state.tasks),
            Some(StatusPart::Offers) => output::say_json(&state.offers),
        }?);
    }
    let look = Look::of_stdout();
    let text = match arguments.part {
        Some(part) => table(&state, part).render(look),
        None => summary(&state, look),
    };
    Ok(output::say(text)?)
}

/// `meros kill`.
pub(crate) async fn kill(arguments: KillArgs) -> Result<(), Error> {
    let mut admin = Admin::new(&arguments.connection)?;
    let patience = arguments.patience.wait;
    let framework = match &arguments.framework {
        Some(wanted) => Some(find::framework(&admin.state(patience).await?, wanted)?.id),
        None => None,
    };
    let kill = KillTask { framework, task: arguments.task.clone(), grace: arguments.grace };
    admin.kill(kill, patience).await?;
    Ok(output::say(format!("{} is being killed", arguments.task))?)
}

/// All four parts, each with its heading.
fn summary(state: &ClusterState, look: Look) -> String {
    let connected = state.agents.iter().filter(|agent| agent.connected).count();
    let live = state.tasks.iter().filter(|task| !task.update.state.is_terminal()).count();
    let count = |count: usize, unit| output::count(count as u64, unit);
    let parts = [
        (StatusPart::Agents, format!("{}, {connected} connected", count(state.agents.len(), "agent")), state.agents.len()),
        (StatusPart::Frameworks, count(state.frameworks.len(), "framework"), state.frameworks.len()),
        (StatusPart::Tasks, format!("{}, {live} live", count(state.tasks.len(), "task")), state.tasks.len()),
        (StatusPart::Offers, count(state.offers.len(), "offer"), state.offers.len()),
    ];
    let shown = parts.into_iter().map(|(part, heading, count)| match count {
        0 => heading,
        _ => format!("{heading}\n{}", table(state, part).render(look)),
    });
    shown.collect::<Vec<_>>().join("\n\n")
}

fn table(state: &ClusterState, part: StatusPart) -> Table {
    let (columns, rows): (_, Vec<Vec<Cell>>) = match part {
        StatusPart::Agents => (AGENTS, state.agents.iter().map(agent).collect()),
        StatusPart::Frameworks => (FRAMEWORKS, state.frameworks.iter().map(framework).collect()),
        StatusPart::Tasks => (TASKS, state.tasks.iter().map(|info| task(info, state)).collect()),
        StatusPart::Offers => (OFFERS, state.offers.iter().map(|held| offer(held, state)).collect()),
    };
    let mut table = Table::new(columns);
    for row in rows {
        table.row(row);
    }
    table
}

fn agent(agent: &AgentState) -> Vec<Cell> {
    let state = connection(agent.connected, "unreachable");
    let (offered, used) = (amount(&agent.offered), amount(&agent.used));
    vec![
        agent.id.short().into(),
        agent.hostname.clone().into(),
        state,
        duty(agent),
        amount(&agent.total),
        amount(&agent.free),
        offered,
        used,
        amount(&agent.releasing),
        agent.domain.as_ref().map(ToString::to_string).unwrap_or_default().into(),
        agent.attributes.to_string().into(),
    ]
}

/// One that is drained says so: the machine can go.
fn duty(agent: &AgentState) -> Cell {
    match agent.duty {
        Duty::Active => agent.duty.to_string().into(),
        Duty::Draining(_) if agent.drained => Cell::toned("DRAINED", Tone::Good),
        Duty::Draining(_) | Duty::Deactivated => Cell::toned(agent.duty.to_string(), Tone::Middling),
    }
}

fn framework(framework: &FrameworkState) -> Vec<Cell> {
    let roles: Vec<&str> = framework.roles.iter().map(|role| role.as_str()).collect();
    let share = framework.clients.iter().map(|client| client.share_millionths).sum();
    vec![
        framework.id.short().into(),
        framework.name.clone().into(),
        connection(framework.connected, "disconnected"),
        roles.join(",").into(),
        framework.epoch.to_string().into(),
        framework.live_tasks.to_string().into(),
        framework.offers.to_string().into(),
        amount(&framework.allocated),
        output::percent(share).into(),
        demand(framework).into(),
        framework.key.clone().unwrap_or_default().into(),
    ]
}

/// What it wants beyond what it has: each shape, with the role when there are several.
fn demand(framework: &FrameworkState) -> String {
    let wanted = framework.clients.iter().flat_map(|client| client.demand.shapes.iter().map(move |shape| (&client.role, shape)));
    let wanted: Vec<_> = wanted.filter(|(_, shape)| shape.copies != Some(0)).collect();
    let shown = wanted.iter().take(DEMAND_SHAPES_MAX).map(|(role, shape)| match framework.roles.len() {
        1 => described(shape),
        _ => format!("{role}: {}", described(shape)),
    });
    let more = wanted.len().saturating_sub(DEMAND_SHAPES_MAX);
    let more = (more > 0).then(|| format!("and {more} more"));
    let all: Vec<String> = shown.chain(more).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}

fn task(task: &TaskInfo, state: &ClusterState) -> Vec<Cell> {
    let update = &task.update;
    let usage = update.usage.as_ref();
    vec![
        task.id().to_string().into(),
        task.name.clone().into(),
        task.framework.short().into(),
        host(state, task.agent).into(),
        Cell::toned(update.state.as_str(), tone(update.state)),
        update.reason.as_str().into(),
        update.exit.map(|exit| exit.shell_code().to_string()).unwrap_or_default().into(),
        usage.map(|usage| output::seconds(usage.cpu)).unwrap_or_default().into(),
        usage.map(|usage| output::bytes(usage.memory_peak_bytes)).unwrap_or_default().into(),
        usage.map(|usage| output::seconds(usage.wall)).unwrap_or_default().into(),
        amount(&task.resources),
    ]
}

fn offer(offer: &OfferState, state: &ClusterState) -> Vec<Cell> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    vec![
        offer.id.to_string().into(),
        offer.framework.short().into(),
        offer.role.to_string().into(),
        host(state, offer.agent).into(),
        amount(&offer.resources),
        output::seconds(now.saturating_sub(Duration::from_millis(offer.at.0))).into(),
    ]
}

fn connection(connected: bool, otherwise: &str) -> Cell {
    if connected { Cell::toned("connected", Tone::Good) } else { Cell::toned(otherwise, Tone::Bad) }
}

fn amount(resources: &Resources) -> Cell {
    if resources.is_none() { "-".into() } else { resources.to_string().into() }
}

/// The agent's host, or its id when it is forgotten.
fn host(state: &ClusterState, id: AgentId) -> String {
    let known = state.agents.iter().find(|agent| agent.id == id);
    known.map_or_else(|| id.short(), |agent| agent.hostname.clone())
}

/// What a state's colour says.
pub(crate) fn tone(state: TaskState) -> Tone {
    use TaskState::{
        Dropped, Error, Failed, Finished, Gone, GoneByOperator, Killed, Killing, Running, Starting, Unknown, Unreachable,
    };
    match state {
        Finished | Running => Tone::Good,
        TaskState::Staging | Starting | Killing | Killed => Tone::Middling,
        Failed | Error | Dropped | Unreachable | Gone | GoneByOperator | Unknown => Tone::Bad,
    }
}
