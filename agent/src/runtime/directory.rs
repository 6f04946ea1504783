//! Making and removing a container's directory. Blocking; for threads that may. Deliberately absent: the files in it, which are the
//! shim's and the task's.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, DirEntry, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, lchown};
use std::path::Path;

use meros_types::ContainerId;

use super::paths::{LOGS, SANDBOX, STATE, containers};
use super::remove::remove_tree;
use super::{ContainerPaths, RuntimeError};

/// A task must pass through to its sandbox, and must not see which other containers there are.
const PASSAGE: u32 = 0o711;
/// For its owner alone.
const PRIVATE: u32 = 0o700;

/// Makes the directory of all containers, if it is not there.
pub(super) fn prepare_all(work_dir: &Path) -> Result<(), RuntimeError> {
    let path = containers(work_dir);
    fs::create_dir_all(&path).map_err(|error| RuntimeError::file("create", &path, error))?;
    fs::set_permissions(&path, Permissions::from_mode(PASSAGE)).map_err(|error| RuntimeError::file("set the mode of", &path, error))
}

/// Makes a container's directory. The sandbox is `uid`'s. On an error nothing of it is left.
pub(super) fn create(paths: &ContainerPaths, uid: Option<u32>) -> Result<(), RuntimeError> {
    let root = paths.root();
    make(root, PASSAGE)?;
    create_inside(paths, uid).inspect_err(|_| {
        // The first error is the one to tell.
        let _ = remove(paths);
    })
}

fn create_inside(paths: &ContainerPaths, uid: Option<u32>) -> Result<(), RuntimeError> {
    let root = paths.root();
    // The agent's umask may have taken the passage away.
    fs::set_permissions(root, Permissions::from_mode(PASSAGE))
        .map_err(|error| RuntimeError::file("set the mode of", root, error))?;
    for name in [STATE, LOGS, SANDBOX] {
        make(&root.join(name), PRIVATE)?;
    }
    match uid {
        // Nothing of the task runs yet, so the sandbox is still the directory that was just made.
        Some(uid) => {
            let sandbox = paths.sandbox();
            lchown(&sandbox, Some(uid), Some(uid)).map_err(|error| RuntimeError::file("give to the task's user", sandbox, error))
        }
        None => Ok(()),
    }
}

/// Removes a container's directory; symlinks in it are removed, never followed. Ok when there is none.
pub(super) fn remove(paths: &ContainerPaths) -> Result<(), RuntimeError> {
    remove_whole(paths.root())
}

/// The containers that have a directory. None when there is no place for them.
pub(super) fn containers_in(work_dir: &Path) -> Result<Vec<ContainerId>, RuntimeError> {
    Ok(entries(&containers(work_dir))?.iter().filter_map(id_of).collect())
}

/// Removes what is in the directory of all containers and is none of these.
pub(super) fn remove_others(work_dir: &Path, known: &BTreeSet<ContainerId>) -> Result<(), RuntimeError> {
    let strangers = entries(&containers(work_dir))?.into_iter().filter(|entry| id_of(entry).is_none_or(|id| !known.contains(&id)));
    strangers.map(|entry| entry.path()).try_for_each(|path| match path.is_dir() && !path.is_symlink() {
        true => remove_whole(&path),
        false => fs::remove_file(&path).map_err(|error| RuntimeError::file("remove", &path, error)),
    })
}

fn entries(folder: &Path) -> Result<Vec<DirEntry>, RuntimeError> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(RuntimeError::file("list", folder, error)),
    }
}

fn id_of(entry: &DirEntry) -> Option<ContainerId> {
    entry.file_name().to_str()?.parse().ok()
}

/// Removes the directories of all containers.
pub(super) fn remove_all(work_dir: &Path) -> Result<(), RuntimeError> {
    remove_whole(&containers(work_dir))
}

fn remove_whole(path: &Path) -> Result<(), RuntimeError> {
    remove_tree(path).map_err(|error| RuntimeError::file("remove", path, error))
}

fn make(path: &Path, mode: u32) -> Result<(), RuntimeError> {
    DirBuilder::new().mode(mode).create(path).map_err(|error| RuntimeError::file("create", path, error))
}
