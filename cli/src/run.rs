//! `meros run`: one command as one task, its output here, its exit code ours.
//!
//! Owned here: a scheduler that launches once, and what its end means for a shell. Deliberately absent: the session with the
//! master (the SDK's) and reading on where a stream of output broke ([`logs::copy`]).

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use meros::{Context, Handle, Offer, Scheduler, Session};
use meros_proto::ReadLog;
use meros_types::{
    Command, Demand, FrameworkId, LogStream, Reason, Resources, Role, Shape, TaskId, TaskSpec, TaskState, TaskUpdate,
};
use tokio::io::AsyncWrite;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin::Admin;
use crate::args::{Connection, RunArgs};
use crate::error::Error;
use crate::framework;
use crate::logs::{self, LogPatience};
use crate::output;
use crate::signals::EndSignals;

/// What people see of the framework.
const FRAMEWORK_NAME: &str = "run";
/// How long a task may wait for room before the user is told.
const ROOM_WAIT: Duration = Duration::from_secs(5);
/// How long the output may be out of reach until the rest of it is given up.
const LOG_PATIENCE: LogPatience = LogPatience { first: Duration::from_secs(60), again: Duration::from_secs(60) };

/// Runs the command and returns what to exit with.
pub(crate) async fn run(arguments: RunArgs) -> Result<u8, Error> {
    let mut signals = EndSignals::listen()?;
    let words = words(&arguments.command)?;
    let name = arguments.name.clone().unwrap_or_else(|| program_name(&words[0]));
    let resources = Resources::none().with_cpu_milli(arguments.cpus).with_memory_bytes(arguments.mem);
    let (progress, mut seen) = watch::channel(Progress::default());
    let shape = framework::shape(resources, arguments.on)?.copies(1);
    let scheduler = OneTask { command: Command::words(words), shape, pids: arguments.pids, name, task: None, progress };
    let (handle, mut running) = framework::start(&arguments.connection, FRAMEWORK_NAME, &arguments.role, scheduler)?;
    let mut following = Following { connection: arguments.connection, begun: false, copies: JoinSet::new() };
    let end = tokio::select! {
        end = attend(&handle, &mut seen, &mut signals, &mut following) => end,
        // It ends by itself only when its session can't go on.
        ended = &mut running => return Err(ended.map_or_else(Error::from, |_| Error::Interrupted)),
    };
    // What was written on an agent that will never return can't be read.
    if end.as_ref().is_ok_and(|end| end.state != TaskState::GoneByOperator) {
        tokio::select! {
            () = following.finish() => {}
            // Whoever does not want to wait for the rest of the output need not.
            () = signals.next() => {}
        }
    }
    // The task's end counts, whatever becomes of the framework's.
    let ended = framework::end(&handle, &mut running).await;
    let end = end?;
    ended.map_or_else(|error| output::note(format!("meros: {error}")), drop);
    if matches!(end.reason, Reason::Signaled | Reason::KillRequested) {
        // A code above 128 alone would leave the user to guess which signal that was, and whose.
        output::note(format!("meros: {}: {}", end.state, end.message));
    }
    exit_code(&end)
}

/// Waits for the task's end. The first signal asks the task to end, the second insists.
async fn attend(
    handle: &Handle<OneTask>,
    seen: &mut watch::Receiver<Progress>,
    signals: &mut EndSignals,
    following: &mut Following,
) -> Result<TaskUpdate, Error> {
    let mut signals_seen = 0;
    let mut told = false;
    loop {
        let progress = seen.borrow_and_update().clone();
        if let (Some((framework, task)), true) = (progress.task.clone(), progress.started) {
            following.begin(framework, task)?;
        }
        if let Some(end) = progress.end {
            return Ok(end);
        }
        tokio::select! {
            changed = seen.changed() => if changed.is_err() {
                // The session is over; the caller hears why from the session itself.
                std::future::pending::<()>().await;
            },
            // Whoever read the output has gone away, so that the task has lost its purpose, as in a shell's pipe.
            () = following.reader_gone(), if signals_seen == 0 => {
                signals_seen += 1;
                kill(handle, false).await;
            }
            () = signals.next() => {
                signals_seen += 1;
                if !kill(handle, signals_seen > 1).await && seen.borrow().end.is_none() {
                    return Err(Error::Interrupted);
                }
            }
            () = tokio::time::sleep(ROOM_WAIT), if !told && progress.registered && progress.task.is_none() => {
                output::note("meros: waiting for room (`meros status agents` shows what is free)");
                told = true;
            }
        }
    }
}

/// Asks the task to end, or makes it. Says whether there was one.
async fn kill(handle: &Handle<OneTask>, now: bool) -> bool {
    let kill = handle.call(move |scheduler, cx| match &scheduler.task {
        Some(task) if now => cx.kill_within(task, Duration::ZERO),
        Some(task) => cx.kill(task),
        None => false,
    });
    kill.await.unwrap_or(false)
}

/// The copies of the task's two outputs, begun once.
struct Following {
    connection: Connection,
    begun: bool,
    /// Each says at its end whether that came since nobody reads any more.
    copies: JoinSet<bool>,
}

impl Following {
    fn begin(&mut self, framework: FrameworkId, task: TaskId) -> Result<(), Error> {
        if !std::mem::replace(&mut self.begun, true) {
            let read = |stream| ReadLog { framework: Some(framework), task: task.clone(), stream, offset: 0, follow: true };
            let (out, err) = (Admin::new(&self.connection)?, Admin::new(&self.connection)?);
            self.copies.spawn(copy(out, read(LogStream::Stdout), tokio::io::stdout()));
            self.copies.spawn(copy(err, read(LogStream::Stderr), tokio::io::stderr()));
        }
        Ok(())
    }

    /// Ends when a copy has ended for lack of a reader, and never otherwise.
    async fn reader_gone(&mut self) {
        while let Some(ended) = self.copies.join_next().await {
            if ended.unwrap_or(false) {
                return;
            }
        }
        std::future::pending().await
    }

    /// Waits until all of the output is copied.
    async fn finish(&mut self) {
        while self.copies.join_next().await.is_some() {}
    }
}

async fn copy(admin: Admin, read: ReadLog, mut to: impl AsyncWrite + Unpin) -> bool {
    match logs::copy(&admin, read, LOG_PATIENCE, &mut to).await {
        Ok(()) => false,
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => true,
        Err(error) => {
            output::note(format!("meros: {error}"));
            false
        }
    }
}

/// What the rest of the program sees of the scheduler.
#[derive(Clone, Debug, Default)]
struct Progress {
    /// Whether the master knows the scheduler.
    registered: bool,
    /// The task, when it is launched, and whose it is.
    task: Option<(FrameworkId, TaskId)>,
    /// Whether its program was executed, so that there is output.
    started: bool,
    /// Its end.
    end: Option<TaskUpdate>,
}

/// A scheduler with one task.
struct OneTask {
    command: Command,
    shape: Shape,
    pids: Option<u32>,
    name: String,
    task: Option<TaskId>,
    progress: watch::Sender<Progress>,
}

impl Scheduler for OneTask {
    fn offers(&mut self, offers: &mut [Offer], cx: &mut Context) {
        let Some(session) = cx.session().copied() else { return };
        let Some(offer) = offers.iter_mut().find(|offer| self.task.is_none() && offer.suits(&self.shape)) else { return };
        let id = cx.new_task_id();
        let mut task = TaskSpec::new(id.clone(), self.command.clone(), self.shape.resources.clone()).named(self.name.clone());
        task.pids_limit = self.pids;
        match offer.launch(task) {
            Ok(()) => {
                self.task = Some(id.clone());
                self.progress.send_modify(|progress| progress.task = Some((session.framework, id)));
            }
            Err(error) => {
                let reason = format!("{error}");
                let end =
                    TaskUpdate::new(id, TaskState::Error, meros_types::Source::Master, Reason::InvalidTask, reason, cx.wall_time());
                self.progress.send_modify(|progress| progress.end = Some(end));
            }
        }
    }

    fn update(&mut self, update: &TaskUpdate, _cx: &mut Context) {
        if self.task.as_ref() != Some(&update.task) {
            return;
        }
        if never_started(update) {
            self.task = None;
            self.progress.send_modify(|progress| progress.task = None);
            return;
        }
        self.progress.send_modify(|progress| {
            progress.started |= update.state == TaskState::Running || update.exit.is_some();
            // An operator's word that its agent will never return is the last that will be heard of it.
            let is_over = update.state.is_terminal() || update.state == TaskState::GoneByOperator;
            progress.end = is_over.then(|| update.clone());
        });
    }

    fn demand(&self, _role: &Role) -> Demand {
        if self.task.is_none() { Demand { shapes: vec![self.shape.clone()] } } else { Demand::nothing() }
    }

    fn registered(&mut self, _session: &Session, _cx: &mut Context) {
        self.progress.send_modify(|progress| progress.registered = true);
    }
}

/// Whether a race was lost before anything ran, so that another launch is what the user wants.
fn never_started(update: &TaskUpdate) -> bool {
    let lost = matches!(update.reason, Reason::InvalidOffer | Reason::ExceedsOffer | Reason::LaunchLost | Reason::AgentRefused);
    update.state == TaskState::Dropped && lost
}

/// What a shell would exit with, or the sentence when no exit code says it.
fn exit_code(end: &TaskUpdate) -> Result<u8, Error> {
    match (end.reason, end.exit) {
        (Reason::Exited | Reason::Signaled | Reason::KillRequested, Some(exit)) => {
            Ok(u8::try_from(exit.shell_code()).unwrap_or(u8::MAX))
        }
        (reason, _) => Err(Error::Outcome(format!("the task ended {}, {reason}: {}", end.state, end.message))),
    }
}

fn words(command: &[OsString]) -> Result<Vec<String>, Error> {
    let text = |word: &OsString| {
        word.to_str().map(str::to_owned).ok_or_else(|| Error::Usage(format!("{} is not UTF-8", word.to_string_lossy())))
    };
    command.iter().map(text).collect()
}

fn program_name(program: &str) -> String {
    Path::new(program).file_name().map_or_else(|| program.to_owned(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use meros_types::{Exit, Source, WallTime};

    fn end(state: TaskState, reason: Reason, exit: Option<Exit>) -> TaskUpdate {
        let mut end = TaskUpdate::new(TaskId::new("t").unwrap(), state, Source::Agent, reason, "why", WallTime(0));
        end.exit = exit;
        end
    }

    #[test]
    fn a_shell_sees_the_code_or_the_signal() {
        let code = |state, reason, exit| exit_code(&end(state, reason, Some(exit))).unwrap();
        assert_eq!(code(TaskState::Finished, Reason::Exited, Exit::Code(0)), 0);
        assert_eq!(code(TaskState::Failed, Reason::Exited, Exit::Code(7)), 7);
        assert_eq!(code(TaskState::Failed, Reason::Signaled, Exit::Signal(11)), 139);
        assert_eq!(code(TaskState::Killed, Reason::KillRequested, Exit::Signal(15)), 143);
    }

    #[test]
    fn what_no_code_says_is_a_sentence() {
        let error = exit_code(&end(TaskState::Failed, Reason::MemoryLimit, Some(Exit::Signal(9)))).unwrap_err();
        assert_eq!(error.to_string(), "the task ended FAILED, MEMORY_LIMIT: why");
        assert!(exit_code(&end(TaskState::Failed, Reason::LaunchFailed, None)).is_err());
    }

    #[test]
    fn a_lost_race_is_run_again_and_a_refusal_is_not() {
        assert!(never_started(&end(TaskState::Dropped, Reason::InvalidOffer, None)));
        assert!(!never_started(&end(TaskState::Error, Reason::InvalidTask, None)));
        assert!(!never_started(&end(TaskState::Gone, Reason::AgentForgot, None)));
    }
}
