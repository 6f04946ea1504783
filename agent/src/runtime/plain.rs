//! Isolation without cgroups, for laptops and agents without root: the shim finds the tree through parents and kills it.
//!
//! Nothing is limited and nothing is counted. Deliberately absent: certainty when a shim is killed. What it supervised is then known
//! only by its environment or its working directory, and a process may change both.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use meros_types::{ContainerId, Limits};

use super::command::SANDBOX_VARIABLE;
use super::isolation::{Enclosure, Isolation, Release};
use super::paths::containers;
use super::{ContainerPaths, RuntimeError};

/// Processes kept together by their ancestry. Nothing is enforced.
#[derive(Clone, Debug)]
pub struct Plain {
    /// The directory of all containers of this agent.
    containers: PathBuf,
}

impl Plain {
    /// For the agent that works in this directory.
    pub fn new(work_dir: &Path) -> Self {
        Self { containers: containers(work_dir) }
    }

    /// The living processes of this agent's containers, each with its container: they name its sandbox in their environment, or
    /// work inside it.
    fn members(&self) -> Result<Vec<(Pid, ContainerId)>, RuntimeError> {
        let processes = fs::read_dir("/proc").map_err(|error| RuntimeError::file("list the processes in", "/proc", error))?;
        let numbers = processes.flatten().filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
        Ok(numbers.filter_map(|(number, process)| Some((Pid::from_raw(number), self.container_of(&process)?))).collect())
    }

    /// A process that ended meanwhile, or is another user's, shows neither and belongs to nobody here.
    fn container_of(&self, process: &Path) -> Option<ContainerId> {
        let id_in = |path: &Path| path.strip_prefix(&self.containers).ok()?.iter().next()?.to_str()?.parse().ok();
        let works_in = fs::read_link(process.join("cwd")).ok();
        works_in.and_then(|directory| id_in(&directory)).or_else(|| {
            let environment = fs::read(process.join("environ")).ok()?;
            let mut entries = environment.split(|byte| *byte == 0);
            let sandbox = entries.find_map(|entry| entry.strip_prefix(SANDBOX_VARIABLE.as_bytes())?.strip_prefix(b"="))?;
            id_in(Path::new(OsStr::from_bytes(sandbox)))
        })
    }

    /// Kills the members of these containers. Done when there were none.
    fn kill(&self, of: impl Fn(ContainerId) -> bool) -> Result<Release, RuntimeError> {
        let mut found = Release::Done;
        for (pid, _) in self.members()?.into_iter().filter(|(_, id)| of(*id)) {
            found = Release::NotYet;
            // It may have ended since.
            let _ = kill(pid, Signal::SIGKILL);
        }
        Ok(found)
    }
}

impl Isolation for Plain {
    fn supervisors(&self) -> Result<Enclosure, RuntimeError> {
        Ok(Enclosure::default())
    }

    fn prepare(&self, _id: ContainerId, _limits: &Limits) -> Result<Enclosure, RuntimeError> {
        Ok(Enclosure::default())
    }

    fn recall(&self, _id: ContainerId) -> Enclosure {
        Enclosure::default()
    }

    fn kill_tree(&self, _enclosure: &Enclosure, paths: &ContainerPaths) -> Result<Release, RuntimeError> {
        self.kill(|id| *paths == ContainerPaths::inside(&self.containers, id))
    }

    fn release(&self, _enclosure: &Enclosure) -> Result<Release, RuntimeError> {
        Ok(Release::Done)
    }

    fn sweep(&self) -> Result<Release, RuntimeError> {
        self.kill(|_| true)
    }

    /// Shims are not found here, but they end with their trees.
    fn sweep_strangers(&self, known: &BTreeSet<ContainerId>, _: &BTreeSet<Pid>) -> Result<Release, RuntimeError> {
        self.kill(|id| !known.contains(&id))
    }
}
