//! Isolation with cgroups: every process of a container is in its groups, which limit it, count it, and can kill it whole.
//!
//! An agent's groups are `meros/<name>/<container>` in each hierarchy of cgroup v1, or in the part of version 2's one hierarchy
//! that it may use. Only below `meros/<name>` does it ever touch anything; it holds a lock on that name. Deliberately absent:
//! waiting, since every method makes one attempt.

mod detect;
mod limits;
mod remove;
mod unified;

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::unistd::Pid;

use meros_types::{ContainerId, Limits};

use super::groups::{Controller, Groups};
use super::isolation::{Enclosure, Isolation, Release};
use super::{ContainerPaths, RuntimeError};

use detect::Place;
use limits::Features;

pub use detect::check_cgroups;

/// The group of all agents of this machine.
const ROOT: &str = "meros";

/// The group of an agent's launcher and shims, beside those of its containers.
const SUPERVISORS: &str = "shims";

/// How often a group's parent may vanish while it is made: more than that is no race any more.
const PARENT_ATTEMPTS_MAX: u32 = 100;

/// A task may pass through to its own group, and may not open the one around it.
const PASSAGE: u32 = 0o711;

/// The most characters of an agent's name.
const AGENT_NAME_CHARACTERS_MAX: usize = 64;

/// cgroups, for one agent.
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
        let place = Place::find()?;
        place.enter()?;
        let parents = parents(&place, agent);
        for (_, parent) in parents.iter() {
            make_parent(&place, parent)
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

    fn recall(&self, id: ContainerId) -> Enclosure {
        Enclosure(self.groups_named(Path::new(&id.to_string())))
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

    fn sweep_strangers(&self, known: &BTreeSet<ContainerId>, supervisors: &BTreeSet<Pid>) -> Result<Release, RuntimeError> {
        let spared = self.supervisors()?.0;
        let known: BTreeSet<_> = known.iter().map(|id| self.recall(*id).0).collect();
        let mut all = remove::kill_others(&spared, supervisors)?;
        for groups in self.leftovers()?.into_iter().filter(|groups| *groups != spared && !known.contains(groups)) {
            if remove::kill(&groups)? == Release::NotYet || remove::remove(&groups)? == Release::NotYet {
                all = Release::NotYet;
            }
        }
        Ok(all)
    }
}

/// The group of an agent of this name, the first where it has several, whether it is there or not.
///
/// # Errors
/// When cgroups can't be used here.
pub(crate) fn group_of(agent: &str) -> Result<PathBuf, RuntimeError> {
    let parents = parents(&Place::find()?, agent);
    Ok(parents.iter().next().map(|(_, path)| path.to_owned()).unwrap_or_default())
}

fn parents(place: &Place, agent: &str) -> Groups {
    let below = |(controller, root): (Controller, PathBuf)| (controller, root.join(ROOT).join(agent));
    Groups::new(place.roots().into_iter().map(below).collect())
}

/// Makes the group of an agent, and that of all agents. The latter may be removed by another agent that ends, the last of its
/// machine so far, between the two steps; then both are made anew.
fn make_parent(place: &Place, parent: &Path) -> io::Result<()> {
    for _ in 1..PARENT_ATTEMPTS_MAX {
        match place.make(parent) {
            Err(error) if is_gone(&error) => {}
            outcome => return outcome,
        }
    }
    place.make(parent)
}

pub(crate) fn check_name(agent: &str) -> Result<(), RuntimeError> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=AGENT_NAME_CHARACTERS_MAX).contains(&agent.len()) && agent.bytes().all(valid) {
        Ok(())
    } else {
        Err(RuntimeError::AgentName { name: agent.to_owned() })
    }
}

/// Two agents under one name would take each other's containers for leftovers.
fn lock_name(agent: &str, parents: &Groups) -> Result<File, RuntimeError> {
    let path = parents.iter().next().map(|(_, path)| path.to_owned()).unwrap_or_default();
    // Whoever can open it can lock it: a task could keep its agent from starting again.
    fs::set_permissions(&path, Permissions::from_mode(PASSAGE))
        .map_err(|error| RuntimeError::file("set the mode of", &path, error))?;
    let directory = File::open(&path).map_err(|error| RuntimeError::file("open", &path, error))?;
    match directory.try_lock() {
        Ok(()) => Ok(directory),
        Err(TryLockError::WouldBlock) => Err(RuntimeError::NameTaken { name: agent.to_owned(), path }),
        Err(TryLockError::Error(error)) => Err(RuntimeError::file("lock", path, error)),
    }
}

/// Whether an I/O error says that something is not there, which for a removal is as good as removed. A file of a group that went
/// after it was opened says that there is no such device.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ENODEV)
}
