//! The loop: the only code that touches the core.
//!
//! It pulls a batch of inputs, tells the core each of them, and performs the effects. It waits for nobody: what takes time runs in
//! tasks that report back. Deliberately absent: when to do what, which the core decides, and the process around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use meros_agent_core::{Agent as Core, Effect, Event, Found, Record, StartFailure};
use meros_types::{AgentReport, ContainerId, FromAgent, Now, OpenLog};
use tokio::sync::mpsc;

use crate::connection::{Connection, Route};
use crate::error::Error;
use crate::fail_point::fail_point;
use crate::log::{LogFile, Report, Writer};
use crate::logs::Logs;
use crate::operations::Operations;
use crate::runtime::disk::{DiskExceeded, DiskWatch};
use crate::runtime::{ContainerRuntime, Ended, Kill};
use meros_daemon::clock;

/// How many inputs may wait for the loop. Whoever has more to say waits, the master included.
const INPUTS_MAX: usize = 1_024;
/// How many inputs one batch has at the most.
const BATCH_MAX: usize = 256;
/// How many ends of containers may wait for the loop.
pub(crate) const ENDS_MAX: usize = 1_024;
/// How long an agent that is to destroy its containers waits for the last word about them to be heard.
const QUIET_WAIT: Duration = Duration::from_secs(2);

/// Something for the loop.
pub(crate) enum Input {
    /// What the connection of this number has to tell.
    FromMaster(u64, Event),
    /// How a launch came out.
    Launched(ContainerId, Result<(), StartFailure>),
    /// What the log has to tell.
    FromLog(Report),
    /// A sandbox is too large.
    FromDisk(DiskExceeded),
}

/// What a life of an agent begins with.
pub(crate) struct Beginning {
    /// The core, which remembers what the log held.
    pub(crate) core: Core,
    /// What was found of the containers that it remembers.
    pub(crate) found: Vec<(ContainerId, Found)>,
    /// The log. None for an agent that forgets everything at its end, and to which all is durable at once.
    pub(crate) log: Option<LogFile>,
    /// How large the sandbox of a task may be that asked for no disk, in bytes. None for an agent without sandboxes.
    pub(crate) task_disk_max: Option<u64>,
}

/// What the loop counts of itself, for metrics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Whether there is a stream to the master.
    pub(crate) connected: AtomicBool,
    /// Streams to the master that came about.
    pub(crate) connections: AtomicU64,
    /// Containers that run.
    pub(crate) running: AtomicU64,
    /// Containers whose program was executed.
    pub(crate) started: AtomicU64,
    /// Containers that could not be started.
    pub(crate) failed: AtomicU64,
    /// Containers that are over.
    pub(crate) ended: AtomicU64,
    /// Whether the log can't be written.
    pub(crate) log_stalled: AtomicBool,
}

/// The loop and all it owns.
pub(crate) struct Daemon {
    core: Core,
    sender: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
    ends: mpsc::Receiver<Ended>,
    operations: Operations,
    logs: Logs,
    log: Option<Writer>,
    /// The watch over sandboxes, and how large they may be when nothing was asked for.
    disk: Option<(DiskWatch, u64)>,
    route: Route,
    connection: Option<Connection>,
    connections: u64,
    effects: Vec<Effect>,
    counts: Arc<Counts>,
    found: Vec<(ContainerId, Found)>,
    /// Set when the containers are to end with the process.
    destroying: bool,
}

impl Daemon {
    /// A loop for an agent that reaches its master by `route` and runs its tasks in `runtime`, which tells ends to `ends`.
    ///
    /// # Errors
    /// When the threads of the log, or of the watch over sandboxes, can't be started.
    pub(crate) fn new(
        beginning: Beginning,
        route: Route,
        runtime: Arc<dyn ContainerRuntime>,
        ends: mpsc::Receiver<Ended>,
        counts: Arc<Counts>,
    ) -> Result<Self, Error> {
        let (sender, inputs) = mpsc::channel(INPUTS_MAX);
        let Beginning { core, found, log, task_disk_max } = beginning;
        let (reports, remembered) = (sender.clone(), found.iter().map(|(id, found)| (*id, *found == Found::Running)));
        // Without a loop there is nobody to tell.
        let report = move |report| drop(reports.blocking_send(Input::FromLog(report)));
        let log = log.map(|file| Writer::start(file, report)).transpose().map_err(Error::Threads)?;
        let disk = task_disk_max.map(|max| Ok((watch_disk(&runtime, sender.clone())?, max))).transpose().map_err(Error::Threads)?;
        Ok(Self {
            core,
            operations: Operations::new(runtime, sender.clone(), remembered),
            sender,
            inputs,
            ends,
            logs: Logs::new(route.clone()),
            log,
            disk,
            route,
            connection: None,
            connections: 0,
            effects: Vec::new(),
            counts,
            found,
            destroying: false,
        })
    }

    /// Runs until `stopping` ends; then, if told so, destroys the containers and waits until that was heard, but not for long. The
    /// ends of containers are given back, since some may still be told.
    ///
    /// # Errors
    /// When the master refuses the agent for good, or the log is lost.
    pub(crate) async fn run(
        mut self,
        stopping: impl Future<Output = ()>,
        destroy: bool,
    ) -> (Result<(), Error>, mpsc::Receiver<Ended>) {
        let began = Event::Began { found: std::mem::take(&mut self.found) };
        let mut ended = self.run_until(stopping, began).await;
        if destroy && ended.is_ok() {
            self.destroying = true;
            ended = self.run_until(tokio::time::sleep(QUIET_WAIT), Event::DestroyAsked).await;
        }
        // The connection and the log's threads must find nobody to wait for.
        self.inputs.close();
        if let Some(connection) = self.connection.take().filter(|_| destroy) {
            connection.finish().await;
        }
        let log = self.log.take();
        // It panics no more than its threads do, and their panics were printed.
        let _ = tokio::task::spawn_blocking(move || drop(log)).await;
        (ended, self.ends)
    }

    async fn run_until(&mut self, stopping: impl Future<Output = ()>, first: Event) -> Result<(), Error> {
        let mut stopping = std::pin::pin!(stopping);
        let mut events = vec![first];
        let (mut inputs, mut ends) = (Vec::new(), Vec::new());
        loop {
            self.step(clock::now(), &mut events)?;
            if self.destroying && self.core.is_quiet() {
                return Ok(());
            }
            let until_wakeup = self.core.wakeup().map(|at| at.since(clock::now().mono));
            let due = !events.is_empty();
            tokio::select! {
                biased;
                () = &mut stopping => return Ok(()),
                () = std::future::ready(()), if due => {}
                _ = self.inputs.recv_many(&mut inputs, BATCH_MAX) => {}
                _ = self.ends.recv_many(&mut ends, BATCH_MAX) => {}
                () = tokio::time::sleep(until_wakeup.unwrap_or_default()), if until_wakeup.is_some() => {}
            }
            // Both queues, whichever of them woke the loop: a busy master must not hold up the ends of containers.
            while let Some(end) = self.ends.try_recv().ok().filter(|_| ends.len() < BATCH_MAX) {
                ends.push(end);
            }
            for input in inputs.drain(..) {
                self.take(input, &mut events)?;
            }
            events.extend(ends.drain(..).filter_map(|end| self.operations.ended(end)));
        }
    }

    /// One batch: everything that has happened, then the effects. What those bring about is left in `events`.
    fn step(&mut self, now: Now, events: &mut Vec<Event>) -> Result<(), Error> {
        for event in events.drain(..) {
            self.note(&event);
            self.watch_sandbox(&event);
            self.core.handle(now, event, &mut self.effects);
        }
        if self.core.wakeup().is_some_and(|at| at <= now.mono) {
            self.core.handle(now, Event::TimePassed, &mut self.effects);
        }
        self.core.flush(now, &mut self.effects);
        let mut effects = std::mem::take(&mut self.effects);
        let performed = effects.drain(..).try_for_each(|effect| self.perform(effect, events));
        // The allocation is kept for the next batch.
        self.effects = effects;
        if let Some(log) = &mut self.log {
            log.submit();
        }
        self.counts.running.store(self.operations.running() as u64, Ordering::Relaxed);
        performed
    }

    fn take(&mut self, input: Input, events: &mut Vec<Event>) -> Result<(), Error> {
        match input {
            Input::FromMaster(number, event) => {
                if self.connection.as_ref().is_some_and(|connection| connection.number == number) {
                    if matches!(event, Event::Disconnected { .. }) {
                        self.connection = None;
                    }
                    events.push(event);
                }
            }
            Input::Launched(id, launched) => events.extend(self.operations.launched(id, launched)),
            Input::FromLog(Report::Event(event)) => events.push(event),
            Input::FromLog(Report::Lost(error)) => return Err(error.into()),
            Input::FromDisk(DiskExceeded { container, limit, measured }) => {
                events.push(Event::DiskExceeded { container, limit, measured });
            }
        }
        Ok(())
    }

    fn perform(&mut self, effect: Effect, events: &mut Vec<Event>) -> Result<(), Error> {
        pass_fail_points(&effect);
        match effect {
            Effect::Connect => self.connect(),
            Effect::Send(message) => self.send(*message, events),
            Effect::Start(plan) => self.operations.start(*plan),
            Effect::Terminate(id) => self.operations.kill(id, Kill::Terminate),
            Effect::Destroy(id) => self.operations.kill(id, Kill::Destroy),
            Effect::Remove(id) => self.operations.remove(id),
            Effect::ServeLog { request, container } => self.serve_log(request, container),
            Effect::Append { seq, record } => match &mut self.log {
                Some(log) => log.append(seq, &record),
                None => events.extend([Event::Appended { seq }, Event::Synced { seq }]),
            },
            Effect::Rewrite { seq, records } => match &mut self.log {
                Some(log) => log.rewrite(seq, &records),
                None => events.extend([Event::Appended { seq }, Event::Synced { seq }]),
            },
            Effect::Sync => self.log.iter_mut().for_each(Writer::sync),
            Effect::Exit(reason) => return Err(Error::Refused(reason)),
        }
        Ok(())
    }

    fn connect(&mut self) {
        // The old one is closed first: no message of it is taken any more, whatever is under way.
        self.connection = None;
        self.counts.connected.store(false, Ordering::Relaxed);
        self.connections += 1;
        self.connection = Some(Connection::open(self.connections, self.route.clone(), self.sender.clone()));
    }

    fn send(&mut self, message: FromAgent, events: &mut Vec<Event>) {
        if self.connection.as_ref().is_some_and(|connection| !connection.send(message)) {
            self.connection = None;
            events.push(Event::Disconnected { reason: "the master does not read what this agent sends".to_owned() });
        }
    }

    fn serve_log(&self, request: OpenLog, container: Option<ContainerId>) {
        let source = container.and_then(|id| self.operations.source(id));
        self.logs.serve(request, source);
    }

    /// A container's sandbox is watched while it runs.
    fn watch_sandbox(&self, event: &Event) {
        let Some((disk, default)) = &self.disk else { return };
        let watch = |container: ContainerId| match self.core.disk_asked(container) {
            0 => disk.watch(container, *default),
            asked => disk.watch(container, asked),
        };
        match event {
            Event::Began { found } => found.iter().filter(|(_, found)| *found == Found::Running).for_each(|(id, _)| watch(*id)),
            Event::ContainerStarted { container } => watch(*container),
            Event::ContainerEnded { container, .. } => disk.forget(*container),
            _ => {}
        }
    }

    /// Counts. What operators should read in the log of the connection, the core says.
    fn note(&mut self, event: &Event) {
        let count = |counter: &AtomicU64| {
            counter.fetch_add(1, Ordering::Relaxed);
        };
        match event {
            Event::Connected => {
                count(&self.counts.connections);
                self.counts.connected.store(true, Ordering::Relaxed);
            }
            Event::Disconnected { .. } => self.counts.connected.store(false, Ordering::Relaxed),
            Event::ContainerStarted { .. } => count(&self.counts.started),
            Event::ContainerFailed { .. } => count(&self.counts.failed),
            Event::ContainerEnded { .. } => count(&self.counts.ended),
            Event::LogStalled { .. } => self.counts.log_stalled.store(true, Ordering::Relaxed),
            Event::LogResumed => self.counts.log_stalled.store(false, Ordering::Relaxed),
            _ => {}
        }
    }
}

/// Begins to watch over sandboxes. The watch is told of each container by the loop, and tells it of those that are too large.
fn watch_disk(runtime: &Arc<dyn ContainerRuntime>, inputs: mpsc::Sender<Input>) -> std::io::Result<DiskWatch> {
    // Without a loop there is nobody to tell.
    DiskWatch::start(runtime, move |exceeded| drop(inputs.blocking_send(Input::FromDisk(exceeded))))
}

/// Where a test may have the agent die: between a decision and its record, and between a record and what rests on it.
fn pass_fail_points(effect: &Effect) {
    match effect {
        Effect::Append { record, .. } => match &**record {
            Record::Launch { .. } => fail_point("launch-unlogged"),
            Record::Fact { update, .. } if update.state.is_terminal() => fail_point("end-unlogged"),
            Record::Fact { .. } => fail_point("start-unlogged"),
            _ => {}
        },
        Effect::Start(_) => fail_point("launch-logged"),
        Effect::Send(message) => match &message.report {
            AgentReport::Fact(fact) if fact.update.state.is_terminal() => fail_point("end-synced"),
            AgentReport::Fact(_) => fail_point("start-logged"),
            _ => {}
        },
        _ => {}
    }
}
