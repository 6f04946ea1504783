//! A small cluster of child processes: a real master and real agents that never outlive the command that started them.
//!
//! Each child is this very binary, in destroy mode, with its lifeline as standard input: when this process is gone, however it
//! ended, the kernel closes the other end, and each daemon kills its tasks and removes its own directory and cgroups.
//! Deliberately absent: what the cluster is for.

use std::ffi::OsString;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use meros_types::Resources;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use crate::admin::Admin;
use crate::args::{Connection, Isolation};
use crate::error::Error;

/// How long a daemon has to become ready: seconds of a machine under load.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a daemon has to destroy what it made, tasks that ignore SIGTERM included.
const DESTROY_TIMEOUT: Duration = Duration::from_secs(30);
/// How often the master is asked whether the agents are there.
const POLL: Duration = Duration::from_millis(50);
/// How much of a daemon's log an error repeats, in bytes.
const LOG_TAIL_BYTES: u64 = 4 << 10;
/// The users of the children's tasks begin here: far from those of people, and of agents with the default range.
const UIDS_FIRST: u32 = 1_000_000_000;
/// How many users each agent has.
const UIDS_EACH: u32 = 4_096;
/// How many clusters have ranges of their own: with these, all users are below 2^32.
const UIDS_CLUSTERS: u32 = 10_000;
/// How many agents one command starts at the most.
pub(crate) const AGENTS_MAX: u32 = 64;
/// How long the line may be in which a master says where it listens, in bytes.
const READY_LINE_BYTES_MAX: u64 = 1 << 10;

/// What the children are to be.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Where the master listens.
    pub(crate) listen: String,
    /// What each agent gives.
    pub(crate) resources: Resources,
    /// How many agents there are.
    pub(crate) agents: u32,
    /// What confines tasks.
    pub(crate) isolation: Isolation,
    /// Where the directories are made.
    pub(crate) temp_dir: PathBuf,
    /// The first word of every name: `demo` or `local`.
    pub(crate) label: &'static str,
    /// Whether the daemons' logs go to standard error, and through which filter; and the master's token to the home directory.
    pub(crate) visible: Option<String>,
}

/// The children, as far as they are started.
pub(crate) struct Children {
    plan: Plan,
    /// Beyond guessing, since the folder of the directories may be everybody's.
    tag: u32,
    /// How to reach the master, once it is started.
    connection: Connection,
    /// The master first.
    daemons: Vec<Daemon>,
}

struct Daemon {
    name: String,
    /// A name of its own that this command has made up, so that nobody else can have a file in it.
    work_dir: PathBuf,
    /// What it was started with, besides that.
    arguments: Vec<OsString>,
    child: Child,
    /// Without a name on the disk, so that nothing has to remove it.
    log: Option<File>,
}

impl Children {
    /// No child yet.
    pub(crate) fn new(plan: Plan) -> Self {
        let connection = Connection { master: plan.listen.clone(), token_file: None };
        let tag = RandomState::new().hash_one(std::process::id()) as u32;
        Self { plan, tag, connection, daemons: Vec::new() }
    }

    /// Starts a master and agents, and returns when all are registered. Whatever came of it, [`Children::stop`] ends it, also
    /// when this is dropped half-way.
    pub(crate) async fn start(&mut self) -> Result<(), Error> {
        let temp_dir = &self.plan.temp_dir;
        let below = temp_dir.canonicalize().map_err(Error::file("find", temp_dir))?;
        let (label, tag) = (self.plan.label, self.tag);
        let work_dir = |name: &str| below.join(format!("meros-{label}-{tag:08x}-{name}"));
        let master_dir = work_dir("master");
        self.daemons.push(start_master(&self.plan, master_dir.clone())?);
        self.connection.master = self.daemons[0].address().await?;
        self.connection.token_file = Some(master_dir.join("token"));
        for n in 1..=self.plan.agents {
            let agent = start_agent(&self.plan, &self.connection, work_dir(&format!("agent-{n}")), tag, n)?;
            self.daemons.push(agent);
        }
        self.all_registered().await
    }

    /// How to reach the master, once it is started.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Ends with an error when one of the daemons does, which none should.
    pub(crate) async fn failure(&mut self) -> Error {
        loop {
            for daemon in &mut self.daemons {
                if let Some(error) = daemon.failure() {
                    return error;
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Has every daemon destroy what it made, and waits for that. The first error is told of; others are mostly its consequence.
    pub(crate) async fn stop(mut self) -> Result<(), Error> {
        if self.daemons.is_empty() {
            return Ok(());
        }
        // The agents first: then the master hears the end of their tasks.
        let master = self.daemons.remove(0);
        for agent in &mut self.daemons {
            drop(agent.child.stdin.take());
        }
        let mut outcome = Ok(());
        for agent in self.daemons {
            outcome = outcome.and(agent.ended().await);
        }
        outcome.and(master.ended().await)
    }

    async fn all_registered(&mut self) -> Result<(), Error> {
        let wanted = self.plan.agents as usize;
        let mut admin = Admin::new(&self.connection)?;
        let ends = Instant::now() + READY_TIMEOUT;
        loop {
            let state = admin.state(READY_TIMEOUT).await?;
            if state.agents.iter().filter(|agent| agent.connected).count() >= wanted {
                return Ok(());
            }
            if let Some(error) = self.daemons.iter_mut().find_map(Daemon::failure) {
                return Err(error);
            }
            if Instant::now() > ends {
                let log = self.daemons.last().map(Daemon::log_tail).unwrap_or_default();
                return Err(Error::Daemon { name: "an agent".to_owned(), what: "did not register in time".to_owned(), log });
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Daemon {
    fn start(name: String, work_dir: PathBuf, arguments: Vec<OsString>, visible: Option<&str>) -> Result<Self, Error> {
        let mut command = command(&arguments, &work_dir)?;
        let log = match visible {
            Some(filter) => {
                command.args(["--log-level", filter]);
                None
            }
            None => Some(tempfile::tempfile().map_err(Error::file("make", "a temporary file"))?),
        };
        if let Some(log) = &log {
            command.stderr(log.try_clone().map_err(Error::file("make", "a temporary file"))?);
            command.args(["--log-level", "info"]).env_remove("HOME");
        }
        let child = command.spawn().map_err(Error::file("start", &name))?;
        Ok(Self { name, work_dir, arguments, child, log })
    }

    /// Where the master listens, which is the first line of its standard output.
    async fn address(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        if let Some(out) = self.child.stdout.take() {
            let mut reader = BufReader::new(out.take(READY_LINE_BYTES_MAX));
            // An end or an error reads as no address, and the log below says more than the error would.
            let _ = timeout(READY_TIMEOUT, reader.read_line(&mut line)).await;
        }
        match line.trim().rsplit_once("listening on ") {
            Some((_, address)) => Ok(address.to_owned()),
            None => {
                // When it has ended by itself, which is the usual reason, its log is complete now.
                drop(self.child.stdin.take());
                let _ = timeout(DESTROY_TIMEOUT, self.child.wait()).await;
                Err(Error::Daemon { name: self.name.clone(), what: "could not start".to_owned(), log: self.log_tail() })
            }
        }
    }

    fn failure(&mut self) -> Option<Error> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(Error::Daemon { name: self.name.clone(), what: format!("ended by itself ({status})"), log: self.log_tail() })
    }

    /// Waits until it has destroyed what it made.
    async fn ended(mut self) -> Result<(), Error> {
        drop(self.child.stdin.take());
        let outcome = self.end().await;
        if outcome.is_err() && self.work_dir.exists() {
            self.sweep().await;
        }
        outcome
    }

    /// Removes what a daemon has left that was killed, or could not start. In its next life a daemon begins with that; and here it
    /// ends at once, since its lifeline does.
    async fn sweep(&self) {
        if let Ok(mut child) = command(&self.arguments, &self.work_dir).and_then(|mut next| {
            let spawned = next.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            spawned.map_err(Error::file("start", &self.name))
        }) {
            drop(child.stdin.take());
            let _ = timeout(DESTROY_TIMEOUT, child.wait()).await;
        }
        // Whatever the daemon itself could not do to it, its name is ours alone.
        let _ = std::fs::remove_dir_all(&self.work_dir);
    }

    async fn end(&mut self) -> Result<(), Error> {
        let what = match timeout(DESTROY_TIMEOUT, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => return Ok(()),
            Ok(Ok(status)) => format!("could not clean up ({status})"),
            Ok(Err(error)) => format!("can't be waited for ({error})"),
            Err(_) => {
                // What it leaves behind is named by its log, not guessed at here.
                let _ = self.child.kill().await;
                "did not end in time and was killed".to_owned()
            }
        };
        Err(Error::Daemon { name: self.name.clone(), what, log: self.log_tail() })
    }

    fn log_tail(&self) -> String {
        let Some(log) = &self.log else { return String::new() };
        let length = log.metadata().map(|found| found.len()).unwrap_or_default();
        let from = length.saturating_sub(LOG_TAIL_BYTES);
        let mut bytes = vec![0; usize::try_from(length - from).unwrap_or_default()];
        // With its place, since the daemon writes on at the place that both share.
        match log.read_exact_at(&mut bytes, from) {
            Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(_) => String::new(),
        }
    }
}

fn start_master(plan: &Plan, work_dir: PathBuf) -> Result<Daemon, Error> {
    let arguments = ["master", "--listen", &plan.listen].map(OsString::from).into();
    Daemon::start("the master".to_owned(), work_dir, arguments, plan.visible.as_deref())
}

fn start_agent(plan: &Plan, connection: &Connection, work_dir: PathBuf, tag: u32, n: u32) -> Result<Daemon, Error> {
    let name = format!("{}-{tag:08x}-{n}", plan.label);
    // No two agents of one machine may share a user, so clusters that run at one time take different ranges.
    let first = UIDS_FIRST + (tag % UIDS_CLUSTERS * (AGENTS_MAX + 1) + n) * UIDS_EACH;
    let uids = format!("{first}-{}", first + UIDS_EACH - 1);
    let (hostname, resources) = (format!("agent-{n}"), plan.resources.to_string());
    let who = ["agent", "--master", &connection.master, "--name", &name, "--hostname", &hostname, "--listen", "none"];
    let what = ["--isolation", plan.isolation.as_str(), "--resources", &resources, "--task-uids", &uids];
    let mut arguments: Vec<OsString> = who.into_iter().chain(what).map(OsString::from).collect();
    arguments.extend(connection.token_file.iter().flat_map(|file| ["--token-file".into(), file.clone().into_os_string()]));
    Daemon::start(format!("agent {n}"), work_dir, arguments, plan.visible.as_deref())
}

/// This very binary as a daemon that destroys itself, and that hears nothing of what is meant for this process alone: signals
/// of the terminal, and settings.
fn command(arguments: &[OsString], work_dir: &Path) -> Result<Command, Error> {
    let program = std::env::current_exe().map_err(Error::file("find", "the meros binary"))?;
    let mut command = Command::new(program);
    for (variable, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MEROS_")) {
        command.env_remove(variable);
    }
    command.args(arguments).args(["--config", "none", "--destroy-on-exit", "--work-dir"]).arg(work_dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    Ok(command)
}
