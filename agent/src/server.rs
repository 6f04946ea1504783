//! An agent's life: take the name and the work directory, read the log, take over what an earlier life left running, run.
//!
//! Deliberately absent: what becomes of the containers that are found, which the core decides.

use std::fs;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use meros_agent_core::{Agent as Core, AgentConfig, BootId, Found, Record};
use meros_types::{AgentSecret, Resources};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::connection::{Route, endpoint};
use crate::daemon::{Beginning, Counts, Daemon, ENDS_MAX};
use crate::detect;
use crate::error::Error;
use crate::http;
use crate::leftovers::destroy_all;
use crate::log::{Damage, LogFile, Opened};
use crate::name::NameLock;
use crate::open_files;
use crate::options::{AgentOptions, IsolationMode};
use crate::runtime::{self, ContainerRuntime, Ended, LogLimits, RuntimeError, RuntimeOptions, check_cgroups, check_name, group_of};
use crate::work_dir::WorkDir;
use meros_daemon::clock;
use meros_daemon::lifeline::parent_gone;

/// How long the locks of an agent that was killed may outlive it. A process that it was about to execute, such as its launcher, has
/// them until then, which takes milliseconds. Whoever has them for longer lives.
const EARLIER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait between two attempts to take a lock.
const PAUSE: Duration = Duration::from_millis(20);

/// An agent that has all it needs and is ready to run.
pub struct Agent {
    options: AgentOptions,
    work_dir: WorkDir,
    resources: Resources,
    listener: Option<TcpListener>,
    runtime: Arc<dyn ContainerRuntime>,
    ends: mpsc::Receiver<Ended>,
    beginning: Beginning,
    /// Held as long as this lives: the name is this agent's.
    _name: NameLock,
}

/// Prepares an agent and runs it, until `shutdown` ends.
///
/// # Errors
/// As [`Agent::bind`] and [`Agent::run`].
pub async fn run(options: AgentOptions, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    Agent::bind(options).await?.run(shutdown).await
}

impl Agent {
    /// Takes the work directory and the agent's name, listens, reads the log, and takes over the containers that an earlier life of
    /// this agent left running. What it finds of containers that the log does not know is destroyed.
    ///
    /// # Errors
    /// When an option can't be meant, another agent has the directory, name or address, the log can't be read, the options take
    /// away what running tasks rest on, or containers can't be made here.
    pub async fn bind(options: AgentOptions) -> Result<Self, Error> {
        // Told at once, since trying again would not help.
        endpoint(&options.master)?;
        check_uids(&options.task_uids)?;
        let work_dir = patiently(|| WorkDir::take(&options.work_dir)).await?;
        let name = options.name.clone().unwrap_or_else(|| work_dir.agent_name());
        check_name(&name)?;
        let name_lock = patiently(|| NameLock::take(&name)).await?;
        if let Some(barred) = work_dir.barred_at().filter(|_| is_root()) {
            let path = barred.display();
            tracing::warn!(%path, "tasks run as other users, who can't pass through this directory to their sandbox: chmod o+x it");
        }
        let listener = listen(&options).await?;
        let resources = match &options.resources {
            Some(resources) => resources.clone(),
            None => detect::resources(work_dir.path())?,
        };
        let group = choose(options.isolation)?.then(|| group_of(&name)).transpose()?;
        let opened = LogFile::open(work_dir.path())?;
        let core = recover(&options, resources.clone(), group.as_deref(), &opened)?;
        let (runtime, ends) = make_runtime(&options, &name, work_dir.path(), group.is_some())?;
        let found = runtime.adopt(&core.remembered()).await?;
        let running = found.iter().filter(|(_, found)| *found == Found::Running).count();
        tracing::info!(remembered = found.len(), running, "took over the containers of the agent's life before");
        let beginning = Beginning { core, found, log: Some(opened.file), task_disk_max: Some(options.task_disk_max) };
        Ok(Self { options, work_dir, resources, listener, runtime, ends, beginning, _name: name_lock })
    }

    /// Where its HTTP pages are, if anywhere.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// All that it will give.
    pub fn resources(&self) -> &Resources {
        &self.resources
    }

    /// Runs until `shutdown` ends, the lifeline breaks or the master refuses the agent. Its tasks run on, and the next agent with its
    /// work directory takes them over; with `destroy_on_exit` nothing of them is left, nor of the work directory.
    ///
    /// # Errors
    /// When the master refuses the agent, the log is lost, or something that is to be destroyed can't be.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let route = Route::Own { master: self.options.master.clone(), token_file: self.options.token_file.clone() };
        let counts = Arc::<Counts>::default();
        let pages = self.listener.take().map(|listener| tokio::spawn(serve_pages(listener, Arc::clone(&counts))));
        let (destroy, lifeline) = (self.options.destroy_on_exit, self.options.lifeline.take());
        tracing::info!(master = self.options.master, resources = %self.resources, "the agent runs");
        let stopping = async {
            tokio::select! {
                () = shutdown => {}
                () = parent_gone(lifeline) => {}
            }
        };
        let daemon = Daemon::new(self.beginning, route, Arc::clone(&self.runtime), self.ends, Arc::clone(&counts))?;
        let (result, ends) = daemon.run(stopping, destroy).await;
        if let Some(pages) = pages {
            pages.abort();
        }
        if !destroy {
            let running = counts.running.load(Ordering::Relaxed);
            tracing::info!(
                running,
                "the agent stops; its tasks run on, and the next agent with its work directory takes them over"
            );
            return result;
        }
        let destroyed = destroy_all(&*self.runtime, ends).await;
        if destroyed.is_ok() {
            self.work_dir.destroy()?;
        }
        result.and(destroyed.map_err(Error::from))
    }
}

/// The core, with all that the log says. It will keep its containers in this group, if in any.
fn recover(options: &AgentOptions, resources: Resources, group: Option<&Path>, opened: &Opened<Record>) -> Result<Core, Error> {
    for Damage { offset, bytes, at_the_end } in &opened.damage {
        match at_the_end {
            true => tracing::warn!(offset, bytes, "the end of the log was damaged and is cut off: what was written last is lost"),
            false => tracing::error!(offset, bytes, "a part of the log is damaged: what it said is lost, all else is not"),
        }
    }
    let boot = fs::read_to_string(&options.boot_id_file).map_err(Error::file("read", &options.boot_id_file))?;
    let mut config = config(options, resources)?;
    config.isolation = group.map_or("no cgroup".to_owned(), |group| format!("the cgroup {}", group.display()));
    Ok(Core::recovered(config, BootId::new(boot), opened.records.clone())?)
}

fn config(options: &AgentOptions, resources: Resources) -> Result<AgentConfig, Error> {
    let seed = u64::from_ne_bytes(clock::random().map_err(Error::file("read", "/dev/urandom"))?);
    let secret = AgentSecret::from_bytes(clock::random().map_err(Error::file("read", "/dev/urandom"))?);
    let hostname = options.hostname.clone().unwrap_or_else(hostname);
    let mut config = AgentConfig::new(seed, secret, hostname, resources);
    config.attributes = options.attributes.clone();
    config.domain = options.domain.clone();
    config.silence_max = options.silence_max;
    config.uids = is_root().then(|| options.task_uids.clone());
    Ok(config)
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

fn make_runtime(
    options: &AgentOptions,
    name: &str,
    work_dir: &Path,
    in_cgroups: bool,
) -> Result<(Arc<dyn ContainerRuntime>, mpsc::Receiver<Ended>), RuntimeError> {
    let (exits, ends) = mpsc::channel(ENDS_MAX);
    let mut runtime_options = RuntimeOptions::new(name, work_dir);
    runtime_options.open_files = open_files::raise();
    runtime_options.log = LogLimits { bytes: options.task_log_bytes, files: options.task_log_files };
    runtime_options.launcher_program.clone_from(&options.launcher_program);
    let runtime: Arc<dyn ContainerRuntime> = if in_cgroups {
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

/// Takes a lock that an agent which was killed just now may have still.
async fn patiently<T>(mut take: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let attempts = EARLIER_TIMEOUT.as_millis() / PAUSE.as_millis();
    for _ in 1..attempts {
        match take() {
            Err(Error::WorkDirTaken { .. } | Error::NameTaken { .. }) => tokio::time::sleep(PAUSE).await,
            taken => return taken,
        }
    }
    take()
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

fn hostname() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken() -> Error {
        Error::WorkDirTaken { work_dir: "w".into() }
    }

    #[tokio::test]
    async fn a_lock_is_waited_for_a_moment_and_nothing_else_is() {
        let mut attempts = 0;
        let third = patiently(|| {
            attempts += 1;
            if attempts < 3 { Err(taken()) } else { Ok(attempts) }
        });
        assert_eq!(third.await.unwrap(), 3);
        assert!(matches!(patiently(|| Err::<(), _>(taken())).await, Err(Error::WorkDirTaken { .. })));
        let mut attempts = 0;
        let failed = patiently(|| -> Result<(), Error> {
            attempts += 1;
            Err(Error::file("take", "w")(std::io::Error::other("why")))
        });
        assert!(failed.await.is_err());
        assert_eq!(attempts, 1);
    }
}
