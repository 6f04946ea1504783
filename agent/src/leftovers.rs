//! What an earlier life of this agent left behind, ended before this one begins.
//!
//! With cgroups the runtime's own sweep finds everything below the agent's name. Without them only the containers' directories
//! tell whose a process is, so that these are walked here first. Deliberately absent: adoption, which will take the place of this.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use meros_types::{ContainerId, Limits};
use tokio::sync::mpsc;

use crate::runtime::{ContainerPaths, ContainerRuntime, Ended, Isolation, Plain, RuntimeError};

/// How often destroying is tried. A shim that has just lost its task may write its record into a directory that is being removed.
const ATTEMPTS: u32 = 10;
/// How long to leave the shims alone between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// Destroys every container of the runtime, and removes all its directories and cgroups. The ends of containers are taken and
/// dropped meanwhile, since a runtime may wait until somebody takes them.
pub(crate) async fn destroy_all(runtime: &dyn ContainerRuntime, mut ends: mpsc::Receiver<Ended>) -> Result<(), RuntimeError> {
    let taking = async {
        while ends.recv().await.is_some() {}
        std::future::pending::<()>().await;
    };
    let destroying = async {
        for _ in 1..ATTEMPTS {
            match runtime.destroy_all().await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::debug!(%error, "not everything could be destroyed; trying again"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        runtime.destroy_all().await
    };
    tokio::select! {
        destroyed = destroying => destroyed,
        () = taking => Ok(()),
    }
}

/// Kills what still runs of containers whose directories are in `work_dir`, where no cgroup keeps them together.
pub(crate) async fn kill_plain(work_dir: &Path) -> io::Result<()> {
    for id in containers(work_dir)? {
        let paths = ContainerPaths::new(work_dir, id);
        for _ in 0..ATTEMPTS {
            let paths = paths.clone();
            let gone = tokio::task::spawn_blocking(move || kill_one(id, &paths)).await.map_err(io::Error::other)?;
            if gone.map_err(io::Error::other)? {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

/// One attempt on one container. True when nothing of it was found.
fn kill_one(id: ContainerId, paths: &ContainerPaths) -> Result<bool, RuntimeError> {
    let unlimited = Limits { cpu_milli: 0, memory_bytes: 0, pids: 0, disk_bytes: 0 };
    let enclosure = Plain.prepare(id, &unlimited)?;
    // Nothing of a plain container outlives its processes, so that releasing it is what "nothing is left" looks like.
    Ok(Plain.kill_tree(&enclosure, paths)? == Plain.release(&enclosure)?)
}

/// The containers that have a directory.
fn containers(work_dir: &Path) -> io::Result<Vec<ContainerId>> {
    // Every container's directory is beside the others, whatever its id.
    let some_id = ContainerPaths::new(work_dir, ContainerId::from_bytes([0; 16]));
    let Some(folder) = some_id.root().parent() else { return Ok(Vec::new()) };
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
