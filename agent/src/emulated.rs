//! Emulated agents, by the thousand in one process: the real core and the real wire, and no containers.
//!
//! For benches and for trying out a master: [`Emulated`] is a runtime whose tasks are timers, and [`run`] runs many agents over a
//! few shared connections. Deliberately absent: output, limits, and failure; every task ends with code 0.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use meros_agent_core::{Agent as Core, AgentConfig, Found};
use meros_proto::token::discover;
use meros_types::{AgentSecret, Attributes, ContainerId, Exit, ExitRecord, IdSource, Resources, Usage};
use nix::unistd::Pid;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::connection::{Route, endpoint, on_the_wire};
use crate::daemon::{Beginning, Daemon, ENDS_MAX};
use crate::error::Error;
use crate::runtime::{ContainerPaths, ContainerRuntime, ContainerSpec, Ended, Kill, LaunchError, RuntimeError};
use meros_daemon::clock;

/// What to emulate.
#[derive(Clone, Debug)]
pub struct EmulatedOptions {
    /// The master's address, as `host:port`.
    pub master: String,
    /// The file with the master's token. None to look where the master leaves it for the same user.
    pub token_file: Option<PathBuf>,
    /// How many agents.
    pub agents: usize,
    /// How many connections they share. At least one is made.
    pub connections: usize,
    /// What each of them has.
    pub resources: Resources,
    /// What is said of each of them.
    pub attributes: Attributes,
    /// How long each task takes; zero for tasks that end at once.
    pub task_duration: Duration,
}

/// Runs emulated agents until `shutdown` ends.
///
/// # Errors
/// When the master's address or token can't be meant, or the master refuses an agent.
pub async fn run(options: EmulatedOptions, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    let authorization = on_the_wire(&discover(&options.master, options.token_file.as_deref())?);
    let endpoint = endpoint(&options.master)?;
    let channels: Vec<_> = (0..options.connections.max(1)).map(|_| endpoint.connect_lazy()).collect();
    let mut seeds = IdSource::seeded(u64::from_ne_bytes(clock::random().map_err(Error::file("read", "/dev/urandom"))?));
    let (stop, stopping) = watch::channel(false);
    let mut agents = JoinSet::new();
    for (index, channel) in channels.iter().cycle().take(options.agents).enumerate() {
        let secret = AgentSecret::from_bytes(*seeds.container().as_bytes());
        let mut config = AgentConfig::new(seeds.next_u64(), secret, format!("emulated-{index}"), options.resources.clone());
        config.attributes = options.attributes.clone();
        let route = Route::Shared { channel: channel.clone(), authorization: authorization.clone() };
        let (runtime, ends) = Emulated::new(options.task_duration);
        let mut stopping = stopping.clone();
        let stopped = async move { drop(stopping.wait_for(|stopping| *stopping).await) };
        let beginning = Beginning { core: Core::new(config), found: Vec::new(), log: None, task_disk_max: None };
        let daemon = Daemon::new(beginning, route, Arc::new(runtime), ends, Arc::default())?;
        agents.spawn(async move { daemon.run(stopped, false).await.0 });
    }
    let refused = async {
        match agents.join_next().await {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err(Error::Loop),
            // Of no agents none ends.
            None => std::future::pending().await,
        }
    };
    let result = tokio::select! {
        () = shutdown => Ok(()),
        refused = refused => refused,
    };
    stop.send_replace(true);
    while agents.join_next().await.is_some() {}
    result
}

/// A runtime without processes: a task is a timer, and being killed ends it.
pub struct Emulated {
    duration: Duration,
    ends: mpsc::Sender<Ended>,
    /// Whoever takes a task out of here tells its end, so that it is told once.
    running: Running,
}

type Running = Arc<Mutex<BTreeMap<ContainerId, AbortHandle>>>;

impl Emulated {
    /// A runtime whose tasks take this long, and the ends of its containers.
    pub fn new(duration: Duration) -> (Self, mpsc::Receiver<Ended>) {
        let (ends, receiver) = mpsc::channel(ENDS_MAX);
        (Self { duration, ends, running: Running::default() }, receiver)
    }

    async fn end(&self, id: ContainerId, exit: Exit) {
        // Without a loop there is nobody to tell.
        let _ = self.ends.send(ended(id, exit, Duration::ZERO)).await;
    }
}

/// No code panics while it holds the lock, so that a poisoned one is as good as any.
fn lock(running: &Running) -> MutexGuard<'_, BTreeMap<ContainerId, AbortHandle>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ended(id: ContainerId, exit: Exit, wall: Duration) -> Ended {
    Ended { id, outcome: Ok(ExitRecord { exit, usage: Usage { wall, ..Usage::default() } }) }
}

#[async_trait]
impl ContainerRuntime for Emulated {
    async fn launch(&self, spec: ContainerSpec) -> Result<(), LaunchError> {
        if self.duration.is_zero() {
            self.end(spec.id, Exit::Code(0)).await;
            return Ok(());
        }
        let (ends, duration, running) = (self.ends.clone(), self.duration, Arc::clone(&self.running));
        let mut all = lock(&self.running);
        // Under the lock, so that the timer finds its task in the table however short it is.
        let timer = tokio::spawn(async move {
            tokio::time::sleep(duration).await;
            let is_ours = lock(&running).remove(&spec.id).is_some();
            if is_ours {
                let _ = ends.send(ended(spec.id, Exit::Code(0), duration)).await;
            }
        });
        all.insert(spec.id, timer.abort_handle());
        Ok(())
    }

    async fn adopt(&self, _: &[ContainerId]) -> Result<Vec<(ContainerId, Found)>, RuntimeError> {
        Ok(Vec::new())
    }

    async fn kill(&self, id: ContainerId, how: Kill) -> Result<(), RuntimeError> {
        let timer = lock(&self.running).remove(&id);
        timer.ok_or(RuntimeError::NotRunning { id })?.abort();
        let signal = match how {
            Kill::Terminate => nix::libc::SIGTERM,
            Kill::Destroy => nix::libc::SIGKILL,
        };
        self.end(id, Exit::Signal(signal)).await;
        Ok(())
    }

    async fn usage(&self, id: ContainerId) -> Result<Usage, RuntimeError> {
        match lock(&self.running).contains_key(&id) {
            true => Ok(Usage::default()),
            false => Err(RuntimeError::NotRunning { id }),
        }
    }

    async fn remove(&self, _: ContainerId) -> Result<(), RuntimeError> {
        Ok(())
    }

    async fn destroy_all(&self) -> Result<(), RuntimeError> {
        std::mem::take(&mut *lock(&self.running)).into_values().for_each(|timer| timer.abort());
        Ok(())
    }

    fn processes(&self, _: ContainerId) -> Vec<Pid> {
        Vec::new()
    }

    fn paths(&self, id: ContainerId) -> ContainerPaths {
        // There are no files; whoever opens one finds that out.
        ContainerPaths::new(Path::new("/nonexistent"), id)
    }
}
