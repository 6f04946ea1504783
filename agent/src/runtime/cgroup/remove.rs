//! Removing groups. The kernel refuses while a process is in them, and for a moment after the last one died; so every function here
//! makes one attempt and says whether another is needed. cgroups-rs would sleep for 151 ms instead.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use super::{Groups, is_gone};
use crate::runtime::RuntimeError;
use crate::runtime::groups::processes;
use crate::runtime::isolation::Release;

/// Kills what is in a container's groups. Done when nothing was.
pub(super) fn kill(groups: &Groups) -> Result<Release, RuntimeError> {
    match groups.is_empty() {
        Ok(true) => return Ok(Release::Done),
        Err(error) if is_gone(&error) => return Ok(Release::Done),
        Ok(false) | Err(_) => {}
    }
    match groups.kill() {
        Ok(_) => Ok(Release::NotYet),
        Err(error) if is_gone(&error) => Ok(Release::Done),
        Err(error) => {
            let path = groups.iter().next().map(|(_, path)| path.to_owned()).unwrap_or_default();
            Err(RuntimeError::file("kill the processes in", path, error))
        }
    }
}

/// Kills every process in these groups but these and their children: a task is among the supervisors until it joins its own groups,
/// which is the first that it does. Done when there was none.
pub(super) fn kill_others(groups: &Groups, spared: &BTreeSet<Pid>) -> Result<Release, RuntimeError> {
    let Some((_, path)) = groups.iter().next() else { return Ok(Release::Done) };
    let mut found = processes(path).map_err(|error| RuntimeError::file("list the processes in", path, error))?;
    found.retain(|pid| !spared.contains(pid) && parent(*pid).is_some_and(|parent| !spared.contains(&parent)));
    for pid in &found {
        // It may have ended since.
        let _ = signal::kill(*pid, Signal::SIGKILL);
    }
    Ok(if found.is_empty() { Release::Done } else { Release::NotYet })
}

/// None when the process has ended.
fn parent(pid: Pid) -> Option<Pid> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Behind the name, which may contain anything: the state, then the parent.
    let (_, fields) = text.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok().map(Pid::from_raw)
}

/// Removes a container's groups in every hierarchy.
pub(super) fn remove(groups: &Groups) -> Result<Release, RuntimeError> {
    let removed = remove_directories(groups)?;
    if removed == Release::NotYet {
        groups.iter().try_for_each(|(_, path)| remove_children(path))?;
    }
    Ok(removed)
}

/// Removes an agent's own groups, and the group of all agents when this was the last.
pub(super) fn remove_parents(parents: &Groups) -> Result<Release, RuntimeError> {
    let removed = remove_directories(parents)?;
    for root in parents.iter().filter_map(|(_, parent)| parent.parent()) {
        // Another agent's groups keep it, and that is well.
        let _ = remove_directory(root)?;
    }
    Ok(removed)
}

/// The names of the groups in a group. None when it is gone.
pub(super) fn children(group: &Path) -> Result<Vec<PathBuf>, RuntimeError> {
    let entries = match fs::read_dir(group) {
        Ok(entries) => entries,
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        Err(error) => return Err(RuntimeError::file("list", group, error)),
    };
    let is_group = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    Ok(entries.flatten().filter(is_group).map(|entry| entry.file_name().into()).collect())
}

fn remove_directories(groups: &Groups) -> Result<Release, RuntimeError> {
    let mut all = Release::Done;
    for (_, path) in groups.iter() {
        if remove_directory(path)? == Release::NotYet {
            all = Release::NotYet;
        }
    }
    Ok(all)
}

fn remove_directory(path: &Path) -> Result<Release, RuntimeError> {
    match fs::remove_dir(path) {
        Ok(()) => Ok(Release::Done),
        Err(error) if is_gone(&error) => Ok(Release::Done),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(Release::NotYet),
        Err(error) => Err(RuntimeError::file("remove the cgroup", path, error)),
    }
}

/// A task of the agent's own user may have made groups in its own, which keep it.
fn remove_children(path: &Path) -> Result<(), RuntimeError> {
    for child in children(path)? {
        let child = path.join(child);
        if remove_directory(&child)? == Release::NotYet {
            remove_children(&child)?;
        }
    }
    Ok(())
}
