//! An agent's life: take the work directory, clear away what an earlier life left, run, and leave no container behind.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use meros_agent_core::AgentConfig;
use meros_types::{AgentSecret, Resources};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::connection::{Route, endpoint};
use crate::daemon::{Counts, Daemon, ENDS_MAX};
use crate::detect;
use crate::error::Error;
use crate::http;
use crate::leftovers::{destroy_all, kill_plain};
use crate::open_files;
use crate::options::{AgentOptions, IsolationMode};
use crate::runtime::{self, ContainerRuntime, Ended, RuntimeError, RuntimeOptions, check_cgroups};
use crate::work_dir::WorkDir;
use meros_daemon::clock;
use meros_daemon::lifeline::parent_gone;

/// An agent that has all it needs and is ready to run.
pub struct Agent {
    options: AgentOptions,
    work_dir: WorkDir,
    resources: Resources,
    listener: Option<TcpListener>,
    runtime: Arc<dyn ContainerRuntime>,
    ends: mpsc::Receiver<Ended>,
}

/// Prepares an agent and runs it, until `shutdown` ends.
///
/// # Errors
/// As [`Agent::bind`] and [`Agent::run`].
pub async fn run(options: AgentOptions, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    Agent::bind(options).await?.run(shutdown).await
}

impl Agent {
    /// Takes the work directory and the agent's name, listens, and destroys what an earlier life of this agent left behind.
    ///
    /// # Errors
    /// When an option can't be meant, another agent has the directory, name or address, or containers can't be made here.
    pub async fn bind(options: AgentOptions) -> Result<Self, Error> {
        // Told at once, since trying again would not help.
        endpoint(&options.master)?;
        check_uids(&options.task_uids)?;
        let work_dir = WorkDir::take(&options.work_dir)?;
        if let Some(barred) = work_dir.barred_at().filter(|_| is_root()) {
            let path = barred.display();
            tracing::warn!(%path, "tasks run as other users, who can't pass through this directory to their sandbox: chmod o+x it");
        }
        let listener = listen(&options).await?;
        let resources = match &options.resources {
            Some(resources) => resources.clone(),
            None => detect::resources(work_dir.path())?,
        };
        let (runtime, ends) = make_runtime(&options, &work_dir).await?;
        Ok(Self { options, work_dir, resources, listener, runtime, ends })
    }

    /// Where its HTTP pages are, if anywhere.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// All that it will give.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// Runs until `shutdown` ends, the lifeline breaks or the master refuses the agent; then destroys all its containers: until
    /// adoption is built, nobody would know them in its next life.
    ///
    /// # Errors
    /// When the master refuses the agent, or something of its containers can't be removed.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let route = Route::Own { master: self.options.master.clone(), token_file: self.options.token_file.clone() };
        let counts = Arc::<Counts>::default();
        let pages = self.listener.take().map(|listener| tokio::spawn(serve_pages(listener, Arc::clone(&counts))));
        let (config, lifeline) = (self.config()?, self.options.lifeline.take());
        tracing::info!(master = self.options.master, resources = %self.resources, "the agent runs");
        let stopping = async {
            tokio::select! {
                () = shutdown => {}
                () = parent_gone(lifeline) => {}
            }
        };
        let (result, ends) = Daemon::new(config, route, Arc::clone(&self.runtime), self.ends, counts).run(stopping).await;
        if let Some(pages) = pages {
            pages.abort();
        }
        tracing::info!("the agent stops, and destroys its containers: adopting them in its next life is not built yet");
        let destroyed = destroy_all(&*self.runtime, ends).await;
        if self.options.destroy_on_exit && destroyed.is_ok() {
            self.work_dir.destroy()?;
        }
        result.and(destroyed.map_err(Error::from))
    }

    fn config(&self) -> Result<AgentConfig, Error> {
        let seed = u64::from_ne_bytes(clock::random().map_err(Error::file("read", "/dev/urandom"))?);
        let secret = AgentSecret::from_bytes(clock::random().map_err(Error::file("read", "/dev/urandom"))?);
        let hostname = self.options.hostname.clone().unwrap_or_else(hostname);
        let mut config = AgentConfig::new(seed, secret, hostname, self.resources.clone());
        config.attributes = self.options.attributes.clone();
        config.silence_max = self.options.silence_max;
        config.uids = is_root().then(|| self.options.task_uids.clone());
        Ok(config)
    }
}

/// Root is 0, and a task never runs as root.
fn check_uids(uids: &Range<u32>) -> Result<(), Error> {
    if uids.start == 0 || uids.is_empty() { Err(Error::TaskUids { first: uids.start, end: uids.end }) } else { Ok(()) }
}

async fn listen(options: &AgentOptions) -> Result<Option<TcpListener>, Error> {
    let Some(address) = options.listen else { return Ok(None) };
    if !address.ip().is_loopback() && !options.allow_insecure_listen {
        return Err(Error::InsecureListen { address });
    }
    Ok(Some(TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })?))
}

/// An agent without its pages still does its work.
async fn serve_pages(listener: TcpListener, counts: Arc<Counts>) {
    if let Err(error) = http::serve(listener, counts).await {
        tracing::error!(%error, "the agent's HTTP pages are gone");
    }
}

/// The runtime, after what an earlier life of this agent left was destroyed. Only what is below the agent's own name and directory
/// is touched, and both are locked by now.
async fn make_runtime(
    options: &AgentOptions,
    work_dir: &WorkDir,
) -> Result<(Arc<dyn ContainerRuntime>, mpsc::Receiver<Ended>), Error> {
    let use_cgroups = choose(options.isolation)?;
    let name = options.name.clone().unwrap_or_else(|| work_dir.agent_name());
    if !use_cgroups {
        kill_plain(work_dir.path()).await.map_err(Error::file("clear", work_dir.path()))?;
    }
    let (leftovers, ends) = one_runtime(options, &name, work_dir.path(), use_cgroups)?;
    destroy_all(&*leftovers, ends).await?;
    // A runtime that has destroyed everything launches nothing more, and gives the name back when it is dropped.
    drop(leftovers);
    Ok(one_runtime(options, &name, work_dir.path(), use_cgroups)?)
}

fn one_runtime(
    options: &AgentOptions,
    name: &str,
    work_dir: &Path,
    use_cgroups: bool,
) -> Result<(Arc<dyn ContainerRuntime>, mpsc::Receiver<Ended>), RuntimeError> {
    let (exits, ends) = mpsc::channel(ENDS_MAX);
    let mut runtime_options = RuntimeOptions::new(name, work_dir);
    runtime_options.open_files = open_files::raise();
    runtime_options.launcher_program.clone_from(&options.launcher_program);
    let runtime: Arc<dyn ContainerRuntime> = if use_cgroups {
        Arc::new(runtime::cgroup(runtime_options, exits)?)
    } else {
        Arc::new(runtime::plain(runtime_options, exits)?)
    };
    Ok((runtime, ends))
}

/// Whether tasks are kept apart by cgroups.
fn choose(mode: IsolationMode) -> Result<bool, RuntimeError> {
    match (mode, check_cgroups()) {
        (IsolationMode::Plain, _) => {
            tracing::warn!("plain isolation was asked for: tasks can use any amount of CPU and memory");
            Ok(false)
        }
        (_, Ok(())) => Ok(true),
        (IsolationMode::Cgroup, Err(error)) => Err(error),
        (IsolationMode::Auto, Err(error)) => {
            tracing::warn!(%error, "tasks can use any amount of CPU and memory: NOTHING IS ENFORCED");
            Ok(false)
        }
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn hostname() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "localhost".to_owned())
}
