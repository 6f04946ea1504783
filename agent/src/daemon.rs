//! The loop: the only code that touches the core.
//!
//! It pulls a batch of inputs, tells the core each of them, and performs the effects. It waits for nobody: what takes time runs in
//! tasks that report back. Deliberately absent: when to do what, which the core decides, and the process around it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use meros_agent_core::{Agent as Core, AgentConfig, Effect, Event, StartFailure};
use meros_types::{ContainerId, FromAgent, Now, OpenLog};
use tokio::sync::mpsc;

use crate::connection::{Connection, Route};
use crate::error::Error;
use crate::logs::Logs;
use crate::operations::Operations;
use crate::runtime::{ContainerRuntime, Ended, Kill};
use meros_daemon::clock;

/// How many inputs may wait for the loop. Whoever has more to say waits, the master included.
const INPUTS_MAX: usize = 1_024;
/// How many inputs one batch has at the most.
const BATCH_MAX: usize = 256;
/// How many ends of containers may wait for the loop.
pub(crate) const ENDS_MAX: usize = 1_024;

/// Something for the loop.
pub(crate) enum Input {
    /// What the connection of this number has to tell.
    FromMaster(u64, Event),
    /// How a launch came out.
    Launched(ContainerId, Result<(), StartFailure>),
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
}

/// The loop and all it owns.
pub(crate) struct Daemon {
    core: Core,
    sender: mpsc::Sender<Input>,
    inputs: mpsc::Receiver<Input>,
    ends: mpsc::Receiver<Ended>,
    operations: Operations,
    logs: Logs,
    route: Route,
    connection: Option<Connection>,
    connections: u64,
    effects: Vec<Effect>,
    counts: Arc<Counts>,
}

impl Daemon {
    /// A loop for an agent that reaches its master by `route` and runs its tasks in `runtime`, which tells ends to `ends`.
    pub(crate) fn new(
        config: AgentConfig,
        route: Route,
        runtime: Arc<dyn ContainerRuntime>,
        ends: mpsc::Receiver<Ended>,
        counts: Arc<Counts>,
    ) -> Self {
        let (sender, inputs) = mpsc::channel(INPUTS_MAX);
        Self {
            core: Core::new(config),
            operations: Operations::new(runtime, sender.clone()),
            sender,
            inputs,
            ends,
            logs: Logs::new(route.clone()),
            route,
            connection: None,
            connections: 0,
            effects: Vec::new(),
            counts,
        }
    }

    /// Runs until `stopping` ends. The ends of containers are given back, since some may still be told.
    ///
    /// # Errors
    /// When the master refuses the agent for good.
    pub(crate) async fn run(mut self, stopping: impl Future<Output = ()>) -> (Result<(), Error>, mpsc::Receiver<Ended>) {
        let ended = self.run_until(stopping).await;
        (ended, self.ends)
    }

    async fn run_until(&mut self, stopping: impl Future<Output = ()>) -> Result<(), Error> {
        let mut stopping = std::pin::pin!(stopping);
        let mut events = vec![Event::Began];
        let (mut inputs, mut ends) = (Vec::new(), Vec::new());
        loop {
            self.step(clock::now(), &mut events)?;
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
                self.take(input, &mut events);
            }
            events.extend(ends.drain(..).filter_map(|end| self.operations.ended(end)));
        }
    }

    /// One batch: everything that has happened, then the effects. What those bring about is left in `events`.
    fn step(&mut self, now: Now, events: &mut Vec<Event>) -> Result<(), Error> {
        for event in events.drain(..) {
            self.note(&event);
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
        self.counts.running.store(self.operations.running() as u64, Ordering::Relaxed);
        performed
    }

    fn take(&mut self, input: Input, events: &mut Vec<Event>) {
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
        }
    }

    fn perform(&mut self, effect: Effect, events: &mut Vec<Event>) -> Result<(), Error> {
        match effect {
            Effect::Connect => self.connect(),
            Effect::Send(message) => self.send(*message, events),
            Effect::Start(plan) => self.operations.start(*plan),
            Effect::Terminate(id) => self.operations.kill(id, Kill::Terminate),
            Effect::Destroy(id) => self.operations.kill(id, Kill::Destroy),
            Effect::Remove(id) => self.operations.remove(id),
            Effect::ServeLog { request, container } => self.serve_log(request, container),
            Effect::Exit(reason) => return Err(Error::Refused(reason)),
        }
        Ok(())
    }

    fn connect(&mut self) {
        // The old one is closed first: no message of it is taken any more, whatever is under way.
        self.connection = None;
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
        let source = container.and_then(|id| self.operations.source(id, request.stream));
        self.logs.serve(request, source);
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
            Event::Began | Event::Received(_) | Event::TimePassed => {}
        }
    }
}
