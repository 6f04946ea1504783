//! What the core wants done to containers, each operation in a task of its own, those on one container in order.
//!
//! The loop must not wait for a fork or for a file system, and a container must not be killed before it is started. So each
//! operation waits for the one before it on the same container. Its end is told to the loop as an event, and a container's end is
//! held back until the loop has heard of its start, however fast the task was. Deliberately absent: which operations.

use std::collections::BTreeMap;
use std::sync::Arc;

use meros_agent_core::{ContainerPlan, Event, StartFailure};
use meros_types::ContainerId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::daemon::Input;
use crate::fail_point::fail_point;
use crate::logs::Source;
use crate::runtime::{ContainerRuntime, ContainerSpec, Ended, Kill, LaunchError, RuntimeError};

/// How far a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is being made.
    Starting,
    /// Its program was executed.
    Running,
    /// Nothing of it runs.
    Over,
}

/// The containers that have a directory, and the operations on them.
pub(crate) struct Operations {
    runtime: Arc<dyn ContainerRuntime>,
    inputs: mpsc::Sender<Input>,
    containers: BTreeMap<ContainerId, Container>,
}

struct Container {
    phase: watch::Sender<Phase>,
    /// The last operation that was begun. None for a container of an earlier life that has seen none, and while the next takes it.
    last: Option<JoinHandle<()>>,
    /// Its end, when that came before the report of its start.
    early_end: Option<Ended>,
}

impl Container {
    fn new(phase: Phase, last: Option<JoinHandle<()>>) -> Self {
        Self { phase: watch::channel(phase).0, last, early_end: None }
    }
}

impl Operations {
    /// Operations on this runtime, reported to these inputs. Of the remembered containers, which have a directory by now, it is
    /// said whether they run.
    pub(crate) fn new(
        runtime: Arc<dyn ContainerRuntime>,
        inputs: mpsc::Sender<Input>,
        remembered: impl Iterator<Item = (ContainerId, bool)>,
    ) -> Self {
        let container = |runs| Container::new(if runs { Phase::Running } else { Phase::Over }, None);
        Self { runtime, inputs, containers: remembered.map(|(id, runs)| (id, container(runs))).collect() }
    }

    /// Makes a container and executes its program. Reported as [`Input::Launched`].
    pub(crate) fn start(&mut self, plan: ContainerPlan) {
        let id = plan.container;
        let ContainerPlan { task, command, limits, uid, .. } = plan;
        let spec = ContainerSpec { id, task_id: task.into(), command, limits, uid };
        let (runtime, inputs) = (Arc::clone(&self.runtime), self.inputs.clone());
        let last = tokio::spawn(async move {
            let launched = runtime.launch(spec).await.map_err(|error| failure(id, error));
            // Without a loop there is nobody to tell.
            let _ = inputs.send(Input::Launched(id, launched)).await;
        });
        self.containers.insert(id, Container::new(Phase::Starting, Some(last)));
    }

    /// Asks for the end of a container. One that is still being made can be destroyed and waits for nothing then: its launch may
    /// hang, and this is to end that.
    pub(crate) fn kill(&mut self, id: ContainerId, how: Kill) {
        let runtime = Arc::clone(&self.runtime);
        let killing = async move {
            match runtime.kill(id, how).await {
                // It has ended by itself meanwhile, or never began.
                Ok(()) | Err(RuntimeError::NotRunning { .. }) => {}
                Err(error) => tracing::warn!(container = %id, %error, ?how, "a container can't be killed"),
            }
        };
        let starting = self.containers.get(&id).is_some_and(|container| *container.phase.borrow() == Phase::Starting);
        if starting && how == Kill::Destroy {
            tokio::spawn(killing);
        } else {
            self.after_the_last(id, killing);
        }
    }

    /// Removes the directory of a container that is over.
    pub(crate) fn remove(&mut self, id: ContainerId) {
        let runtime = Arc::clone(&self.runtime);
        self.after_the_last(id, async move {
            if let Err(error) = runtime.remove(id).await {
                tracing::warn!(container = %id, %error, "a container's directory can't be removed");
            }
            fail_point("directory-removed");
        });
        self.containers.remove(&id);
    }

    /// A container's launch has come out this way: what the core is to hear, its end included when that was faster.
    pub(crate) fn launched(&mut self, id: ContainerId, launched: Result<(), StartFailure>) -> Vec<Event> {
        let started = launched.is_ok();
        let event = match launched {
            Ok(()) => Event::ContainerStarted { container: id },
            Err(failure) => Event::ContainerFailed { container: id, failure },
        };
        let Some(container) = self.containers.get_mut(&id) else { return vec![event] };
        container.phase.send_replace(if started { Phase::Running } else { Phase::Over });
        let early = container.early_end.take();
        std::iter::once(event).chain(early.and_then(|ended| self.ended(ended))).collect()
    }

    /// A container is over: what the core is to hear of it now.
    pub(crate) fn ended(&mut self, ended: Ended) -> Option<Event> {
        if let Some(container) = self.containers.get_mut(&ended.id) {
            if *container.phase.borrow() == Phase::Starting {
                container.early_end = Some(ended);
                return None;
            }
            container.phase.send_replace(Phase::Over);
        }
        Some(Event::ContainerEnded { container: ended.id, record: ended.outcome.ok() })
    }

    /// Where a container's output is; none when there is no such container.
    pub(crate) fn source(&self, id: ContainerId) -> Option<Source> {
        let container = self.containers.get(&id)?;
        Some(Source { directory: self.runtime.paths(id).logs(), phase: container.phase.subscribe() })
    }

    /// How many containers run.
    pub(crate) fn running(&self) -> usize {
        self.containers.values().filter(|container| *container.phase.borrow() == Phase::Running).count()
    }

    fn after_the_last(&mut self, id: ContainerId, operation: impl Future<Output = ()> + Send + 'static) {
        let Some(container) = self.containers.get_mut(&id) else {
            tokio::spawn(operation);
            return;
        };
        let before = container.last.take();
        container.last = Some(tokio::spawn(async move {
            if let Some(before) = before {
                // Whether it went well is its own affair.
                let _ = before.await;
            }
            operation.await;
        }));
    }
}

/// A failed launch, as the core tells the fault of the task from the agent's.
fn failure(id: ContainerId, error: LaunchError) -> StartFailure {
    match error {
        LaunchError::Task(fault) => StartFailure::Program(fault.to_string()),
        LaunchError::Agent(error) => {
            tracing::error!(container = %id, %error, "a container could not be started");
            StartFailure::Agent(error.to_string())
        }
    }
}
