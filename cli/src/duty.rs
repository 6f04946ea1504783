//! `meros deactivate`, `reactivate`, `drain` and `gone`: which agents are offered, and whether their tasks may stay.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::ProgressBar;
use meros_types::{AgentId, ClusterState, Drain, Duty};

use crate::admin::Admin;
use crate::args::{DeactivateArgs, DrainArgs, GoneArgs, ReactivateArgs};
use crate::error::Error;
use crate::{calendar, find, output};

/// How often the master is asked how far a drain is.
const POLL: Duration = Duration::from_millis(500);

/// `meros deactivate`.
pub(crate) async fn deactivate(arguments: DeactivateArgs) -> Result<(), Error> {
    let mut admin = Admin::new(&arguments.connection)?;
    let patience = arguments.patience.wait;
    let agents = find::agents(&admin.state(patience).await?, &arguments.agents.agents)?;
    set_all(&mut admin, &agents, Duty::Deactivated, patience, "is deactivated; its tasks run on").await
}

/// `meros reactivate`.
pub(crate) async fn reactivate(arguments: ReactivateArgs) -> Result<(), Error> {
    let mut admin = Admin::new(&arguments.connection)?;
    let patience = arguments.patience.wait;
    let agents = find::agents(&admin.state(patience).await?, &arguments.agents.agents)?;
    set_all(&mut admin, &agents, Duty::Active, patience, "is active").await
}

/// `meros drain`.
pub(crate) async fn drain(arguments: DrainArgs) -> Result<(), Error> {
    let mut admin = Admin::new(&arguments.connection)?;
    let patience = arguments.patience.wait;
    let agents = find::agents(&admin.state(patience).await?, &arguments.agents.agents)?;
    let (max_grace, mark_gone) = (arguments.max_grace, arguments.mark_gone);
    let wait = arguments.deadline.unwrap_or_default();
    let duty = Duty::Draining(Drain { deadline: calendar::after(wait), max_grace, mark_gone });
    let when = if wait.is_zero() { "end now".to_owned() } else { format!("may run on for {}", output::length(wait)) };
    set_all(&mut admin, &agents, duty, patience, &format!("is draining; its tasks {when}")).await?;
    if arguments.until_drained { wait_until_drained(&mut admin, &agents, patience).await } else { Ok(()) }
}

/// `meros gone`.
pub(crate) async fn gone(arguments: GoneArgs) -> Result<(), Error> {
    let mut admin = Admin::new(&arguments.connection)?;
    let patience = arguments.patience.wait;
    let state = admin.state(patience).await?;
    let agent = find::agent(&state, &arguments.agent)?;
    if !arguments.yes {
        confirm(&format!("{} ({})", agent.hostname, agent.id), live_tasks(&state, agent.id))?;
    }
    admin.mark_gone(agent.id, patience).await?;
    Ok(output::say(format!("{} ({}) is gone for good", agent.hostname, agent.id))?)
}

async fn set_all(admin: &mut Admin, agents: &[(AgentId, String)], duty: Duty, patience: Duration, said: &str) -> Result<(), Error> {
    for (agent, name) in agents {
        admin.set_duty(*agent, duty, patience).await?;
        output::say(format!("{name} {said}"))?;
    }
    Ok(())
}

/// Asks a person. Where there is none, nobody has agreed.
fn confirm(name: &str, tasks: usize) -> Result<(), Error> {
    let tasks = output::count(tasks as u64, "live task");
    let meaning = format!(
        "{name} would be gone for good, with {tasks}: frameworks are told that they are lost and may start others, while they \
         run on if the machine does; the agent is refused if it comes back, and nothing undoes that"
    );
    if !std::io::stdin().is_terminal() {
        return Err(Error::Usage(format!("{meaning}. Say --yes if that is meant")));
    }
    let mut errors = std::io::stderr().lock();
    write!(errors, "{meaning}.\nType yes to go on: ").and_then(|()| errors.flush())?;
    drop(errors);
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(Error::file("read", "the answer"))?;
    if answer.trim() == "yes" { Ok(()) } else { Err(Error::Outcome("nothing was done".to_owned())) }
}

fn live_tasks(state: &ClusterState, agent: AgentId) -> usize {
    state.tasks.iter().filter(|task| task.agent == agent && !task.update.state.is_terminal()).count()
}

/// Where an agent that was told to drain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// So many tasks of it are left, or their frameworks have yet to hear of their ends.
    Draining(usize),
    /// Nothing of it is left.
    Drained,
    /// Somebody has decided otherwise meanwhile.
    CalledOff,
}

fn progress(state: &ClusterState, id: AgentId) -> Progress {
    // A master that has declared it gone, as was asked, knows it no more.
    let Some(agent) = state.agents.iter().find(|agent| agent.id == id) else { return Progress::Drained };
    match agent.duty {
        _ if agent.drained => Progress::Drained,
        Duty::Draining(_) => Progress::Draining(live_tasks(state, id)),
        Duty::Active | Duty::Deactivated => Progress::CalledOff,
    }
}

async fn wait_until_drained(admin: &mut Admin, agents: &[(AgentId, String)], patience: Duration) -> Result<(), Error> {
    let mut waiting = agents.to_vec();
    let mut display = Display::new();
    loop {
        let state = admin.state(patience).await?;
        let mut left = Vec::new();
        let mut tasks = 0;
        for (id, name) in waiting {
            match progress(&state, id) {
                Progress::Drained => display.say(&format!("{name} is drained"))?,
                Progress::CalledOff => {
                    return Err(Error::Outcome(format!("{name} is not draining any more; somebody has decided otherwise")));
                }
                Progress::Draining(count) => {
                    tasks += count;
                    left.push((id, name));
                }
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        display.show(left.len(), tasks);
        waiting = left;
        tokio::time::sleep(POLL).await;
    }
}

/// How far it is: on a terminal a line that changes, elsewhere a line for each change.
struct Display {
    bar: Option<ProgressBar>,
    shown: Option<(usize, usize)>,
}

impl Display {
    fn new() -> Self {
        let bar = output::stderr_is_terminal().then(ProgressBar::new_spinner);
        Self { bar, shown: None }
    }

    fn show(&mut self, agents: usize, tasks: usize) {
        let text = || format!("{} left on {}", output::count(tasks as u64, "task"), output::count(agents as u64, "agent"));
        match &self.bar {
            Some(bar) => {
                bar.set_message(text());
                bar.tick();
            }
            None if self.shown == Some((agents, tasks)) => {}
            None => output::note(text()),
        }
        self.shown = Some((agents, tasks));
    }

    fn say(&self, line: &str) -> Result<(), Error> {
        match &self.bar {
            Some(bar) => Ok(bar.suspend(|| output::say(line))?),
            None => Ok(output::say(line)?),
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
