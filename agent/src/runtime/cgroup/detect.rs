//! Whether this machine's cgroups can be used, and where they are. Each reason why not is a sentence for the operator.

use std::path::{Path, PathBuf};

use cgroups_rs::fs::Controllers;
use cgroups_rs::fs::hierarchies::{V1, is_cgroup2_unified_mode};
use nix::sys::statfs::{CGROUP_SUPER_MAGIC, statfs};
use nix::unistd::{AccessFlags, access};

use super::Controller;
use crate::runtime::RuntimeError;

/// Whether the cgroup runtime can be used on this machine, by this user.
///
/// # Errors
/// [`RuntimeError::Unusable`] with what is missing.
pub fn check_cgroups() -> Result<(), RuntimeError> {
    let mounts = mounts()?;
    match mounts.iter().find(|(_, mount)| access(*mount, AccessFlags::W_OK).is_err()) {
        Some((_, mount)) => Err(unusable(format!("{} is not writable for this user", mount.display()))),
        None => Ok(()),
    }
}

/// Where each controller is mounted.
pub(super) struct Mounts([(Controller, PathBuf); 5]);

impl Mounts {
    /// In the order in which a task joins them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Controller, &Path)> {
        self.0.iter().map(|(controller, path)| (*controller, path.as_path()))
    }
}

/// Finds the hierarchies of all controllers that containers use.
pub(super) fn mounts() -> Result<Mounts, RuntimeError> {
    if is_cgroup2_unified_mode() {
        return Err(unusable("this machine has cgroup version 2, and this agent so far uses version 1".to_owned()));
    }
    let hierarchy = V1::new();
    let mut mounts = Controller::ALL.map(|controller| (controller, PathBuf::new()));
    for (controller, path) in &mut mounts {
        *path = mount(&hierarchy, name(*controller))?;
    }
    Ok(Mounts(mounts))
}

fn name(controller: Controller) -> Controllers {
    match controller {
        Controller::Freezer => Controllers::Freezer,
        Controller::Pids => Controllers::Pids,
        Controller::Memory => Controllers::Mem,
        Controller::Cpu => Controllers::Cpu,
        Controller::CpuAccounting => Controllers::CpuAcct,
    }
}

fn mount(hierarchy: &V1, controller: Controllers) -> Result<PathBuf, RuntimeError> {
    let text = controller.to_string();
    let found = hierarchy.get_mount_point(controller);
    let (path, _) = found.ok_or_else(|| unusable(format!("the controller {text:?} is not mounted")))?;
    // A directory that merely has the right name takes every write and limits nothing.
    match statfs(&path) {
        Ok(found) if found.filesystem_type() == CGROUP_SUPER_MAGIC => Ok(path),
        Ok(_) => Err(unusable(format!("{} is not a cgroup file system", path.display()))),
        Err(errno) => Err(unusable(format!("cannot look at {}: {errno}", path.display()))),
    }
}

fn unusable(reason: String) -> RuntimeError {
    RuntimeError::Unusable { reason }
}
