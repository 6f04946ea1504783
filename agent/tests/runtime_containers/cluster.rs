//! One agent's runtime for one test, and what a test wants to know about processes.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use meros_agent::runtime::{
    ContainerRuntime, ContainerSpec, Ended, LaunchError, RuntimeError, RuntimeOptions, SupervisorLost, cgroup, check_cgroups, plain,
};
use meros_agent_core::Found;
use meros_types::{Command, ContainerId, ExitRecord, IdSource, Limits};
use tempfile::TempDir;
use tokio::sync::mpsc;

/// How long a condition may take to become true before the test fails. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// Users that no other test and, hopefully, nobody else has.
const UIDS_FIRST: u32 = 700_000;

/// Enough for every test that is not about limits.
pub(crate) const ROOMY: Limits = Limits { cpu_milli: 2_000, memory_bytes: 256 << 20, pids: 100, disk_bytes: 0 };

/// Which version of cgroups this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

impl Version {
    pub(crate) fn here() -> Self {
        if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() { Self::V2 } else { Self::V1 }
    }

    /// The hierarchies in which an agent has groups, below the top.
    pub(crate) fn hierarchies(self) -> &'static [&'static str] {
        match self {
            Self::V1 => &["freezer", "pids", "memory", "cpu", "cpuacct"],
            Self::V2 => &[""],
        }
    }

    /// The group of all groups that this agent may make. What was delegated to it is around the leaf that it moved to.
    fn top(self) -> PathBuf {
        let text = fs::read_to_string("/proc/self/cgroup").unwrap();
        let own = text.lines().find_map(|line| line.strip_prefix("0::/")).filter(|_| self == Self::V2);
        Path::new("/sys/fs/cgroup").join(own.and_then(|own| own.strip_suffix("/agent")).unwrap_or_default())
    }
}

/// Which runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Cgroup,
    Plain,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Cgroup => "cgroup",
            Kind::Plain => "plain",
        }
    }

    /// Why it can't be tested here.
    pub(crate) fn usable(self) -> Result<(), String> {
        match self {
            Kind::Cgroup => check_cgroups().map_err(|error| error.to_string()),
            Kind::Plain => Ok(()),
        }
    }
}

pub(crate) struct Cluster {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) runtime: Option<Box<dyn ContainerRuntime>>,
    pub(crate) exits: mpsc::Receiver<Ended>,
    pub(crate) work: TempDir,
    ids: IdSource,
    next_uid: u32,
    ended: BTreeMap<ContainerId, Result<ExitRecord, SupervisorLost>>,
}

impl Cluster {
    pub(crate) fn new(kind: Kind) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{}-{count}", std::process::id());
        let work = TempDir::new().unwrap();
        fs::set_permissions(work.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let (runtime, exits) = try_runtime(kind, &name, work.path()).unwrap();
        let ids = IdSource::seeded(u64::from(std::process::id()) << 32 | count);
        Self { kind, name, runtime: Some(runtime), exits, work, ids, next_uid: UIDS_FIRST, ended: BTreeMap::new() }
    }

    pub(crate) fn runtime(&self) -> &dyn ContainerRuntime {
        self.runtime.as_deref().unwrap()
    }

    /// A container with a user of its own, if this process can give it one.
    pub(crate) fn spec(&mut self, command: Command, limits: Limits) -> ContainerSpec {
        self.next_uid += 1;
        let uid = nix::unistd::geteuid().is_root().then_some(self.next_uid);
        ContainerSpec { id: self.ids.container(), task_id: format!("task-{}", self.next_uid), command, limits, uid }
    }

    pub(crate) async fn try_launch(&mut self, command: Command, limits: Limits) -> Result<ContainerId, LaunchError> {
        let spec = self.spec(command, limits);
        let id = spec.id;
        self.runtime().launch(spec).await.map(|()| id)
    }

    pub(crate) async fn launch(&mut self, line: &str, limits: Limits) -> ContainerId {
        self.try_launch(Command::shell(line), limits).await.unwrap()
    }

    /// Ends this agent's life and begins the next, which knows these containers.
    pub(crate) async fn relive(&mut self, known: &[ContainerId]) -> Vec<(ContainerId, Found)> {
        drop(self.runtime.take());
        let (runtime, exits) = eventually("the name is free", || try_runtime(self.kind, &self.name, self.work.path()).ok()).await;
        self.exits = exits;
        self.runtime.insert(runtime).adopt(known).await.unwrap()
    }

    /// Waits for the one end of this container.
    pub(crate) async fn outcome(&mut self, id: ContainerId) -> Result<ExitRecord, SupervisorLost> {
        while !self.ended.contains_key(&id) {
            let ended = tokio::time::timeout(PATIENCE, self.exits.recv()).await.expect("a container ends").unwrap();
            assert!(self.ended.insert(ended.id, ended.outcome).is_none(), "an end is told once");
        }
        assert_eq!(self.groups(id), Vec::<PathBuf>::new(), "an end is told when the groups are gone");
        self.ended[&id]
    }

    pub(crate) async fn record(&mut self, id: ContainerId) -> ExitRecord {
        self.outcome(id).await.unwrap()
    }

    /// Runs a line to its end.
    pub(crate) async fn run(&mut self, line: &str, limits: Limits) -> (ContainerId, ExitRecord) {
        let id = self.launch(line, limits).await;
        (id, self.record(id).await)
    }

    pub(crate) fn stdout(&self, id: ContainerId) -> String {
        fs::read_to_string(self.runtime().paths(id).stdout()).unwrap()
    }

    pub(crate) fn stderr(&self, id: ContainerId) -> String {
        fs::read_to_string(self.runtime().paths(id).stderr()).unwrap()
    }

    /// The directories of a container's groups that exist.
    pub(crate) fn groups(&self, id: ContainerId) -> Vec<PathBuf> {
        let paths = Version::here().hierarchies().iter().map(|hierarchy| self.group(hierarchy).join(id.to_string()));
        paths.filter(|path| path.exists()).collect()
    }

    /// The agent's own group.
    pub(crate) fn group(&self, hierarchy: &str) -> PathBuf {
        Version::here().top().join(hierarchy).join("meros").join(&self.name)
    }

    /// The living processes that work inside a container's sandbox. Zombies have no working directory.
    pub(crate) fn members(&self, id: ContainerId) -> Vec<i32> {
        let sandbox = self.runtime().paths(id).sandbox();
        processes()
            .into_iter()
            .filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(&sandbox)))
            .collect()
    }

    /// The shim of a container, by its own record.
    pub(crate) fn shim(&self, id: ContainerId) -> i32 {
        let text = fs::read_to_string(self.runtime().paths(id).state().join("record")).unwrap();
        meros_agent_core::shim::record::read_shim_record(&text).unwrap().shim_pid
    }

    /// The living launchers of this agent.
    pub(crate) fn launchers(&self) -> Vec<i32> {
        let command = format!("meros-launcher\0{}\0", self.name);
        let is_launcher = |pid: &i32| {
            let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with(&command) && comm.trim() != "meros-shim"
        };
        processes().into_iter().filter(is_launcher).collect()
    }

    /// Removes all traces, and sees that there are none.
    pub(crate) async fn sweep(mut self) {
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            // The test dropped it. Another one under the same name finds what was left.
            None => eventually("the name is free", || try_runtime(self.kind, &self.name, self.work.path()).ok()).await.0,
        };
        runtime.destroy_all().await.unwrap();
        drop(runtime);
        for hierarchy in Version::here().hierarchies() {
            assert!(!self.group(hierarchy).exists(), "the agent's groups are gone");
        }
        assert!(!self.work.path().join("containers").exists());
        assert_eq!(self.launchers(), Vec::<i32>::new());
    }
}

type Started = (Box<dyn ContainerRuntime>, mpsc::Receiver<Ended>);

fn try_runtime(kind: Kind, name: &str, work: &Path) -> Result<Started, RuntimeError> {
    let (sender, exits) = mpsc::channel(1_000);
    let options = RuntimeOptions::new(name, work);
    let runtime: Box<dyn ContainerRuntime> = match kind {
        Kind::Cgroup => Box::new(cgroup(options, sender)?),
        Kind::Plain => Box::new(plain(options, sender)?),
    };
    Ok((runtime, exits))
}

fn processes() -> Vec<i32> {
    fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Looks again and again until there is something to see.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> impl Future<Output = T> {
    let deadline = Instant::now() + PATIENCE;
    async move {
        let mut looks = tokio::time::interval(Duration::from_millis(2));
        loop {
            looks.tick().await;
            if let Some(seen) = look() {
                return seen;
            }
            assert!(Instant::now() < deadline, "never happened: {what}");
        }
    }
}
