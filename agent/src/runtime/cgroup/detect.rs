//! Whether this machine's cgroups can be used, which version they have, and where an agent's groups go. Each reason why not is a
//! sentence for the operator.
//!
//! A machine with both versions, mounted side by side, has its controllers under version 1. Deliberately absent: what is special
//! about version 2, which is in `unified`.

use std::io;
use std::path::{Path, PathBuf};

use cgroups_rs::fs::Controllers;
use cgroups_rs::fs::hierarchies::{V1, is_cgroup2_unified_mode};
use nix::sys::statfs::{CGROUP_SUPER_MAGIC, statfs};
use nix::unistd::{AccessFlags, access};

use super::Controller;
use super::unified::Subtree;
use crate::runtime::RuntimeError;

/// Whether the cgroup runtime can be used on this machine, by this user. Changes nothing.
///
/// # Errors
/// [`RuntimeError::Unusable`] with what is missing.
pub fn check_cgroups() -> Result<(), RuntimeError> {
    Place::find().map(drop)
}

/// Where agents have their groups.
pub(super) enum Place {
    /// In the hierarchy of each controller.
    V1(Vec<(Controller, PathBuf)>),
    /// In a part of the one hierarchy.
    V2(Subtree),
}

impl Place {
    /// Finds it, and sees that this user can use it.
    pub(super) fn find() -> Result<Self, RuntimeError> {
        if is_cgroup2_unified_mode() { Subtree::find().map(Self::V2) } else { mounts().map(Self::V1) }
    }

    /// The directories below which an agent's groups go, in the order in which a task joins them.
    pub(super) fn roots(&self) -> Vec<(Controller, PathBuf)> {
        match self {
            Self::V1(mounts) => mounts.clone(),
            Self::V2(subtree) => vec![(Controller::Unified, subtree.base().to_owned())],
        }
    }

    /// Prepares this process for having groups there.
    pub(super) fn enter(&self) -> Result<(), RuntimeError> {
        match self {
            Self::V1(_) => Ok(()),
            Self::V2(subtree) => subtree.make_way(),
        }
    }

    /// Makes a group in which limited groups can be made.
    pub(super) fn make(&self, group: &Path) -> io::Result<()> {
        match self {
            Self::V1(_) => std::fs::create_dir_all(group),
            Self::V2(subtree) => subtree.make(group),
        }
    }
}

fn mounts() -> Result<Vec<(Controller, PathBuf)>, RuntimeError> {
    let hierarchy = V1::new();
    let find = |controller| Ok((controller, mount(&hierarchy, name(controller))?));
    Controller::V1.into_iter().map(find).collect()
}

fn name(controller: Controller) -> Controllers {
    match controller {
        Controller::Freezer => Controllers::Freezer,
        Controller::Pids => Controllers::Pids,
        Controller::Memory => Controllers::Mem,
        Controller::Cpu => Controllers::Cpu,
        Controller::CpuAccounting => Controllers::CpuAcct,
        Controller::Unified => unreachable!("it is no hierarchy of version 1"),
    }
}

fn mount(hierarchy: &V1, controller: Controllers) -> Result<PathBuf, RuntimeError> {
    let text = controller.to_string();
    let found = hierarchy.get_mount_point(controller);
    let (path, _) = found.ok_or_else(|| unusable(format!("the controller {text:?} is not mounted")))?;
    // A directory that merely has the right name takes every write and limits nothing.
    match statfs(&path) {
        Ok(found) if found.filesystem_type() != CGROUP_SUPER_MAGIC => {
            return Err(unusable(format!("{} is not a cgroup file system", path.display())));
        }
        Ok(_) => {}
        Err(errno) => return Err(unusable(format!("cannot look at {}: {errno}", path.display()))),
    }
    match access(&path, AccessFlags::W_OK) {
        Ok(()) => Ok(path),
        Err(_) => Err(unusable(format!("{} is not writable for this user", path.display()))),
    }
}

pub(super) fn unusable(reason: String) -> RuntimeError {
    RuntimeError::Unusable { reason }
}
