//! The agent's side: `true` through the runtime, with limits, output, a user, a shim and a record, as every task gets them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Instant;

use meros_agent::runtime::{Cgroup, ContainerRuntime, ContainerSpec, Containers, Ended, Kill, RuntimeOptions, cgroup};
use meros_types::{Command, ContainerId, IdSource, Limits};
use tokio::sync::mpsc;

use super::Window;
use super::account::Account;

/// Far above what `true` needs.
const LIMITS: Limits = Limits { cpu_milli: 2_000, memory_bytes: 64 << 20, pids: 64, disk_bytes: 0 };
/// Users from here on, one per task that is under way.
const UIDS_FIRST: u32 = 710_000;

/// What goes wrong in a bench.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A runtime to measure.
pub struct Runtime {
    containers: Containers<Cgroup>,
    exits: mpsc::Receiver<Ended>,
    ids: IdSource,
    group: String,
}

impl Runtime {
    /// Starts it.
    ///
    /// # Errors
    /// When cgroups can't be used here.
    pub fn start(agent: &str, work_dir: &Path) -> Result<Self, Failure> {
        fs::set_permissions(work_dir, fs::Permissions::from_mode(0o711))?;
        let (sender, exits) = mpsc::channel(1_000);
        let containers = cgroup(RuntimeOptions::new(agent, work_dir), sender)?;
        Ok(Self { containers, exits, ids: IdSource::seeded(1), group: format!("meros/{agent}") })
    }

    /// Runs so many tasks, `parallel` at a time, and removes their directories.
    ///
    /// # Errors
    /// When a task does not start, or does not end well.
    pub async fn measure(&mut self, account: &Account, tasks: u32, parallel: u32) -> Result<Window, Failure> {
        let (cpu, begin) = (account.cpu(&self.group)?, Instant::now());
        let (mut launched, mut ended) = (0, 0);
        while ended < tasks {
            while launched < tasks && launched - ended < parallel {
                self.launch(Command::words(["/bin/true"]), launched).await?;
                launched += 1;
            }
            self.end().await?;
            ended += 1;
        }
        Ok(Window { tasks, wall: begin.elapsed(), cpu: account.cpu(&self.group)? - cpu })
    }

    /// The private dirty memory of each of so many shims that live at the same time, in bytes.
    ///
    /// # Errors
    /// When a task does not start, or a shim can't be looked at.
    pub async fn shim_memory(&mut self, shims: u32) -> Result<Vec<u64>, Failure> {
        let mut ids = Vec::new();
        for number in 0..shims {
            ids.push(self.launch(Command::shell("echo ready; sleep 1000"), number).await?);
        }
        let memory = ids.iter().map(|id| self.private_dirty(*id)).collect();
        for id in ids {
            self.containers.kill(id, Kill::Destroy).await?;
            let ended = self.exits.recv().await.ok_or("the runtime is gone")?;
            self.containers.remove(ended.id).await?;
        }
        memory
    }

    /// Removes everything that it made.
    ///
    /// # Errors
    /// When something can't be removed.
    pub async fn stop(self) -> Result<(), Failure> {
        Ok(self.containers.destroy_all().await?)
    }

    async fn launch(&mut self, command: Command, number: u32) -> Result<ContainerId, Failure> {
        let id = self.ids.container();
        let uid = Some(UIDS_FIRST + number);
        self.containers.launch(ContainerSpec { id, task_id: "bench".into(), command, limits: LIMITS, uid }).await?;
        Ok(id)
    }

    async fn end(&mut self) -> Result<(), Failure> {
        let ended = self.exits.recv().await.ok_or("the runtime is gone")?;
        if !ended.outcome?.exit.success() {
            return Err(format!("a task failed: {ended:?}").into());
        }
        Ok(self.containers.remove(ended.id).await?)
    }

    fn private_dirty(&self, id: ContainerId) -> Result<u64, Failure> {
        let record = fs::read_to_string(self.containers.paths(id).state().join("record"))?;
        let shim = meros_agent_core::shim::record::read_shim_record(&record)?.shim_pid;
        let rollup = fs::read_to_string(format!("/proc/{shim}/smaps_rollup"))?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).ok_or("no Private_Dirty")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kib * 1024)
    }
}
