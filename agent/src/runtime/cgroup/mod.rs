//! Isolation with cgroups: every process of a container is in its groups, which limit it, count it, and can kill it whole.
//!
//! An agent's groups are `meros/<name>/<container>` in each hierarchy of cgroup v1, and only below `meros/<name>` does it ever touch
//! anything; it holds a lock on that name. Deliberately absent: version 2 of cgroups, whose machines are refused with a sentence,
//! and waiting: every method makes one attempt.

mod detect;
mod limits;
mod remove;

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use meros_types::{ContainerId, Limits};

use super::groups::{Controller, Groups};
use super::isolation::{Enclosure, Isolation, Release};
use super::{ContainerPaths, RuntimeError};

use limits::Features;

pub use detect::check_cgroups;

/// The group of all agents of this machine.
const ROOT: &str = "meros";

/// The group of an agent's launcher and shims, beside those of its containers.
const SUPERVISORS: &str = "shims";

/// How often a group's parent may vanish while it is made: more than that is no race any more.
const PARENT_ATTEMPTS_MAX: u32 = 100;

/// The most characters of an agent's name.
const AGENT_NAME_CHARACTERS_MAX: usize = 64;

/// cgroup v1, for one agent.
#[derive(Debug)]
pub struct Cgroup {
    /// The agent's group under each controller.
    parents: Groups,
    features: Features,
    /// Held as long as this lives: the name is this agent's.
    _name: File,
}

impl Cgroup {
    /// Takes the name, and with it all groups below it.
    ///
    /// # Errors
    /// When cgroups can't be used here, or another agent has the name.
    pub fn new(agent: &str) -> Result<Self, RuntimeError> {
        check_name(agent)?;
        let mounts = detect::mounts()?;
        let parents = Groups::new(mounts.iter().map(|(controller, mount)| (controller, mount.join(ROOT).join(agent))).collect());
        for (_, parent) in parents.iter() {
            make_parent(parent)
                .map_err(|error| RuntimeError::Unusable { reason: format!("cannot create {}: {error}", parent.display()) })?;
        }
        let name = lock_name(agent, &parents)?;
        let features = Features::detect(&parents)?;
        Ok(Self { parents, features, _name: name })
    }

    fn groups_named(&self, name: &Path) -> Groups {
        Groups::new(self.parents.iter().map(|(controller, parent)| (controller, parent.join(name))).collect())
    }

    /// The groups of containers and supervisors that any hierarchy still has.
    fn leftovers(&self) -> Result<Vec<Groups>, RuntimeError> {
        let mut names = BTreeSet::new();
        for (_, parent) in self.parents.iter() {
            names.extend(remove::children(parent)?);
        }
        Ok(names.iter().map(|name| self.groups_named(name)).collect())
    }
}

impl Isolation for Cgroup {
    fn supervisors(&self) -> Result<Enclosure, RuntimeError> {
        let groups = self.groups_named(Path::new(SUPERVISORS));
        for (_, group) in groups.iter() {
            fs::create_dir_all(group).map_err(|error| RuntimeError::file("create", group, error))?;
        }
        Ok(Enclosure(groups))
    }

    fn prepare(&self, id: ContainerId, limits: &Limits) -> Result<Enclosure, RuntimeError> {
        let groups = self.groups_named(Path::new(&id.to_string()));
        if let Err(error) = limits::make(&groups, limits, self.features) {
            // Nothing joined them yet, so one attempt removes them; if not, the sweep will.
            let _ = remove::remove(&groups);
            return Err(error);
        }
        Ok(Enclosure(groups))
    }

    fn kill_tree(&self, enclosure: &Enclosure, _paths: &ContainerPaths) -> Result<Release, RuntimeError> {
        remove::kill(&enclosure.0)
    }

    fn release(&self, enclosure: &Enclosure) -> Result<Release, RuntimeError> {
        remove::remove(&enclosure.0)
    }

    fn sweep(&self) -> Result<Release, RuntimeError> {
        let mut all = Release::Done;
        for groups in self.leftovers()? {
            let killed = remove::kill(&groups)?;
            let removed = remove::remove(&groups)?;
            if killed == Release::NotYet || removed == Release::NotYet {
                all = Release::NotYet;
            }
        }
        if all == Release::Done { remove::remove_parents(&self.parents) } else { Ok(all) }
    }
}

/// Makes the group of an agent, and that of all agents. The latter may be removed by another agent that ends, the last of its
/// machine so far, between the two steps; then both are made anew.
fn make_parent(parent: &Path) -> io::Result<()> {
    for _ in 1..PARENT_ATTEMPTS_MAX {
        match fs::create_dir_all(parent) {
            Err(error) if is_gone(&error) => {}
            outcome => return outcome,
        }
    }
    fs::create_dir_all(parent)
}

fn check_name(agent: &str) -> Result<(), RuntimeError> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=AGENT_NAME_CHARACTERS_MAX).contains(&agent.len()) && agent.bytes().all(valid) {
        Ok(())
    } else {
        Err(RuntimeError::AgentName { name: agent.to_owned() })
    }
}

/// Two agents under one name would take each other's containers for leftovers.
fn lock_name(agent: &str, parents: &Groups) -> Result<File, RuntimeError> {
    let path = parents.directory(Controller::Freezer).map(Path::to_owned).unwrap_or_default();
    let directory = File::open(&path).map_err(|error| RuntimeError::file("open", &path, error))?;
    match directory.try_lock() {
        Ok(()) => Ok(directory),
        Err(TryLockError::WouldBlock) => Err(RuntimeError::NameTaken { name: agent.to_owned(), path }),
        Err(TryLockError::Error(error)) => Err(RuntimeError::file("lock", path, error)),
    }
}

/// Whether an I/O error says that something is not there, which for a removal is as good as removed.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
