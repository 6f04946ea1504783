//! Agents in processes of their own, which a test can kill, and which leave nothing behind however the test ends.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use meros_agent::{AgentOptions, IsolationMode};
use meros_types::Resources;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

use crate::harness::{soon, until};
use crate::peers::Cluster;

/// What this program's first argument is when it shall be an agent; the others are settings.
const AGENT: &str = "--agent";

/// Becomes an agent, if that is what this process was started as.
pub(crate) fn dispatch_if_agent() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next()? != AGENT {
        return None;
    }
    let mut options = AgentOptions::new("", "");
    options.listen = None;
    for setting in arguments {
        let (name, value) = setting.split_once('=').unwrap();
        match name {
            "master" => options.master = value.to_owned(),
            "work-dir" => options.work_dir = PathBuf::from(value),
            "token-file" => options.token_file = Some(PathBuf::from(value)),
            "name" => options.name = Some(value.to_owned()),
            "resources" => options.resources = Some(Resources::parse(value).unwrap()),
            "boot-id-file" => options.boot_id_file = PathBuf::from(value),
            "task-users" => options.task_uids = 700_000..700_000 + value.parse::<u32>().unwrap(),
            "isolation" => options.isolation = if value == "plain" { IsolationMode::Plain } else { IsolationMode::Auto },
            _ => options.destroy_on_exit = value == "yes",
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    Some(runtime.block_on(run(options)))
}

async fn run(options: AgentOptions) -> ExitCode {
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    // One that only destroys has its wish to end before it begins.
    let ends_at_once = options.destroy_on_exit;
    let shutdown = async move {
        if !ends_at_once {
            terminate.recv().await;
        }
    };
    match meros_agent::run(options, shutdown).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// How an agent's lives are started.
pub(crate) struct AgentProcess {
    settings: Vec<(&'static str, String)>,
    work_dir: PathBuf,
    child: Option<Child>,
}

impl Cluster {
    /// An agent in a process of its own that works in the directory of this name. It is not started yet.
    pub(crate) fn agent_process(&self, name: &str, isolation: &str) -> AgentProcess {
        let work_dir = self.folder.path().join(name);
        let settings = vec![
            ("master", self.address.to_string()),
            ("work-dir", work_dir.display().to_string()),
            ("token-file", self.token_file().display().to_string()),
            ("resources", "cpus:8;mem:2GiB".to_owned()),
            ("isolation", isolation.to_owned()),
        ];
        AgentProcess { settings, work_dir, child: None }
    }
}

impl AgentProcess {
    /// The same with this setting, in place of another value of it.
    pub(crate) fn set(&mut self, name: &'static str, value: impl ToString) -> &mut Self {
        self.settings.retain(|(other, _)| *other != name);
        self.settings.push((name, value.to_string()));
        self
    }

    /// Begins a life of the agent.
    pub(crate) fn start(&mut self) {
        self.start_to_die("");
    }

    /// Begins a life that ends at this fail-point.
    pub(crate) fn start_to_die(&mut self, fail_point: &str) {
        assert!(self.child.is_none(), "one life at a time");
        self.child = Some(self.command().env("MEROS_FAIL_POINT", fail_point).spawn().unwrap());
    }

    fn command(&self) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.arg(AGENT).args(self.settings.iter().map(|(name, value)| format!("{name}={value}")));
        command
    }

    /// Waits until it has died by SIGKILL.
    pub(crate) async fn dead(&mut self) {
        let mut child = self.child.take().unwrap();
        let mut status = None;
        until("the agent dies", || {
            status = child.try_wait().unwrap();
            status.is_some()
        })
        .await;
        assert_eq!(status.unwrap().signal(), Some(libc::SIGKILL), "it ends by SIGKILL and not otherwise");
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn terminate(&mut self) {
        let mut child = self.child.take().unwrap();
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
        let ended = tokio::task::spawn_blocking(move || child.wait());
        assert!(soon(ended).await.unwrap().unwrap().success());
    }

    /// Begins a life that can't be, and what it says of that.
    pub(crate) async fn refused(&self) -> String {
        let mut command = self.command();
        let output = soon(tokio::task::spawn_blocking(move || command.stderr(Stdio::piped()).output())).await.unwrap().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }

    /// The process of the life that runs.
    pub(crate) fn pid(&self) -> i32 {
        self.child.as_ref().unwrap().id().cast_signed()
    }

    pub(crate) fn work_dir(&self) -> &std::path::Path {
        &self.work_dir
    }
}

impl Drop for AgentProcess {
    /// Its last life destroys all that is left.
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
        let swept = self.set("destroy", "yes").command().env_remove("MEROS_FAIL_POINT").status();
        // A second panic would hide the first.
        if !std::thread::panicking() {
            assert!(swept.unwrap().success() && !self.work_dir.exists());
        }
    }
}
