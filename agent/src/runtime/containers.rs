//! The runtime itself: what both implementations share, which is all but the isolation.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use nix::unistd::{Pid, geteuid};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::spawn_blocking;

use meros_agent_core::Found;
use meros_types::{ContainerId, Usage};

use super::command::Execution;
use super::isolation::Isolation;
use super::life;
use super::live::{KillPlan, LiveTable};
use super::{
    ContainerPaths, ContainerRuntime, ContainerSpec, Ended, Kill, LaunchError, LogLimits, RuntimeError, RuntimeOptions, TaskFault,
};
use super::{directory, supervisor};
use crate::launcher::Launcher;

/// How many launches are under way at the same time, each of which takes a thread. The launcher serves one after another, so more
/// only wait elsewhere.
const LAUNCHES_MAX: usize = 16;
/// How long the destruction of everything may take before it is called impossible.
pub(super) const DESTROY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a container may take to die before it is killed again.
pub(super) const DESTROY_AGAIN: Duration = Duration::from_secs(1);

/// The containers of one agent. Dropping it ends the launcher; running containers stay.
pub struct Containers<I: Isolation> {
    shared: Arc<Shared<I>>,
}

/// What the tasks of all containers share.
pub(super) struct Shared<I> {
    pub(super) work_dir: PathBuf,
    pub(super) isolation: I,
    pub(super) launcher: Launcher,
    pub(super) log: LogLimits,
    pub(super) exits: mpsc::Sender<Ended>,
    pub(super) live: LiveTable,
    /// Permits for launches that are under way.
    pub(super) launches: Arc<Semaphore>,
    /// Set when the runtime is dropped: whoever waits for the end of a container leaves that to the next agent.
    dropped: watch::Sender<bool>,
}

impl<I: Isolation> Containers<I> {
    /// Starts the launcher and makes the directory of containers.
    pub(super) fn new(options: RuntimeOptions, isolation: I, exits: mpsc::Sender<Ended>) -> Result<Self, RuntimeError> {
        directory::prepare_all(&options.work_dir)?;
        let launcher = Launcher::start(&options, isolation.supervisors()?.0)?;
        let launches = Arc::new(Semaphore::new(LAUNCHES_MAX));
        let log = options.log;
        let shared = Shared {
            work_dir: options.work_dir,
            log,
            isolation,
            launcher,
            exits,
            live: LiveTable::default(),
            launches,
            dropped: watch::Sender::new(false),
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl<I: Isolation> Shared<I> {
    /// Waits with the runtime for a shim to end. False when the runtime is dropped first.
    pub(super) async fn outlasts(&self, end: impl Future) -> bool {
        let mut dropped = self.dropped.subscribe();
        tokio::select! {
            _ = dropped.wait_for(|dropped| *dropped) => false,
            _ = end => true,
        }
    }

    pub(super) fn paths(&self, id: ContainerId) -> ContainerPaths {
        ContainerPaths::new(&self.work_dir, id)
    }

    pub(super) async fn kill(self: Arc<Self>, id: ContainerId, how: Kill) -> Result<(), RuntimeError> {
        let plan = self.live.kill(id, how)?;
        blocking(move || {
            let paths = self.paths(id);
            match plan {
                KillPlan::Later => Ok(()),
                KillPlan::GiveUp { first } => self.give_up(&paths, first),
                KillPlan::Tell => supervisor::tell(&paths, how).map(drop),
                KillPlan::TellAndKill(enclosure) => {
                    supervisor::tell(&paths, how)?;
                    self.isolation.kill_tree(&enclosure, &paths).map(drop)
                }
                KillPlan::KillAll(enclosure) => {
                    supervisor::end(&paths)?;
                    self.isolation.kill_tree(&enclosure, &paths).map(drop)
                }
            }
        })
        .await
    }

    /// Ends a launch whatever it waits for: the shim, or a launcher that does not come to fork one. Its report pipe then closes.
    fn give_up(&self, paths: &ContainerPaths, first: bool) -> Result<(), RuntimeError> {
        let told = if first { supervisor::tell(paths, Kill::Destroy)? } else { supervisor::end(paths)? };
        if told { Ok(()) } else { self.launcher.replace() }
    }

    /// Kills all containers until none lives.
    async fn kill_all(self: &Arc<Self>) -> Result<(), RuntimeError> {
        let deadline = Instant::now() + DESTROY_TIMEOUT;
        loop {
            let ids = self.live.ids();
            let Some(first) = ids.first() else { return Ok(()) };
            if Instant::now() >= deadline {
                return Err(RuntimeError::Unkillable { what: format!("container {first}") });
            }
            for id in ids {
                match self.clone().kill(id, Kill::Destroy).await {
                    // It ended by itself meanwhile.
                    Ok(()) | Err(RuntimeError::NotRunning { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            self.live.emptied(DESTROY_AGAIN).await;
        }
    }

    /// Removes what no container of this agent accounts for, until nothing is left.
    async fn sweep(self: &Arc<Self>) -> Result<(), RuntimeError> {
        self.until_done(|shared| move || shared.isolation.sweep()).await
    }
}

impl<I: Isolation> Drop for Containers<I> {
    fn drop(&mut self) {
        self.shared.dropped.send_replace(true);
        self.shared.launcher.stop();
    }
}

#[async_trait]
impl<I: Isolation> ContainerRuntime for Containers<I> {
    async fn adopt(&self, known: &[ContainerId]) -> Result<Vec<(ContainerId, Found)>, RuntimeError> {
        self.shared.adopt(known).await
    }

    async fn launch(&self, spec: ContainerSpec) -> Result<(), LaunchError> {
        refuse_root(spec.uid)?;
        let execution = Execution::of(&spec, &self.paths(spec.id).sandbox())?;
        self.shared.live.register(&spec)?;
        let registered = Registered { shared: self.shared.clone(), id: spec.id, launched: false };
        let permit = self.shared.launches.clone().acquire_owned().await.map_err(|_| RuntimeError::ShuttingDown)?;
        if self.shared.live.is_given_up(spec.id) {
            return Err(RuntimeError::GivenUp { id: spec.id }.into());
        }
        let tokio = Handle::current();
        // From here on it goes its way, also if the caller stops waiting.
        let launched = spawn_blocking(move || {
            let launched = life::launch(&registered.shared, &spec, &execution, &tokio);
            drop(permit);
            if launched.is_ok() {
                registered.keep();
            }
            launched
        });
        launched.await.unwrap_or_else(|_| Err(RuntimeError::ShuttingDown.into()))
    }

    async fn kill(&self, id: ContainerId, how: Kill) -> Result<(), RuntimeError> {
        self.shared.clone().kill(id, how).await
    }

    async fn usage(&self, id: ContainerId) -> Result<Usage, RuntimeError> {
        let running = self.shared.live.running(id)?;
        blocking(move || Ok(Usage { wall: running.started.elapsed(), ..running.enclosure.0.usage() })).await
    }

    async fn remove(&self, id: ContainerId) -> Result<(), RuntimeError> {
        if self.shared.live.contains(id) {
            return Err(RuntimeError::StillRunning { id });
        }
        let paths = self.paths(id);
        blocking(move || directory::remove(&paths)).await
    }

    async fn destroy_all(&self) -> Result<(), RuntimeError> {
        self.shared.live.close();
        self.shared.kill_all().await?;
        self.shared.launcher.stop();
        self.shared.sweep().await?;
        let shared = self.shared.clone();
        blocking(move || directory::remove_all(&shared.work_dir)).await
    }

    fn processes(&self, id: ContainerId) -> Vec<Pid> {
        // One that has ended has none.
        self.shared.live.running(id).ok().and_then(|running| running.enclosure.0.processes().ok()).unwrap_or_default()
    }

    fn paths(&self, id: ContainerId) -> ContainerPaths {
        self.shared.paths(id)
    }
}

/// A registered container that is forgotten unless it is launched.
struct Registered<I> {
    shared: Arc<Shared<I>>,
    id: ContainerId,
    launched: bool,
}

impl<I> Registered<I> {
    /// It was launched: its end will remove it.
    fn keep(mut self) {
        self.launched = true;
    }
}

impl<I> Drop for Registered<I> {
    fn drop(&mut self) {
        if !self.launched {
            self.shared.live.remove(self.id);
        }
    }
}

/// The highest number means "do not change" to the kernel, which for root is root.
fn refuse_root(uid: Option<u32>) -> Result<(), TaskFault> {
    match uid {
        Some(0 | u32::MAX) => Err(TaskFault::Root),
        None if geteuid().is_root() => Err(TaskFault::Root),
        Some(_) | None => Ok(()),
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RuntimeError> + Send + 'static,
) -> Result<T, RuntimeError> {
    spawn_blocking(work).await.unwrap_or(Err(RuntimeError::ShuttingDown))
}
