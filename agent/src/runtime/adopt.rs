//! Taking over what an earlier agent with this work directory and name left, of which only its shims know that it is gone.
//!
//! What is looked at does not change meanwhile: by now the launcher of the earlier agent is dead, and every shim that it forked has
//! taken its lock, or died ([`crate::launcher`] says how that is known). So a container whose lock is free has no shim and will
//! have none. Deliberately absent: which containers are known, which the agent's log says.

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use nix::unistd::{Pid, geteuid};

use meros_agent_core::Found;
use meros_types::ContainerId;

use super::containers::{DESTROY_AGAIN, DESTROY_TIMEOUT, Shared, blocking};
use super::isolation::{Isolation, Release};
use super::life::{Remains, try_release};
use super::{ContainerPaths, Kill, RuntimeError, directory, supervisor};
use crate::launcher::sys;

/// How long the processes of a container without a shim may take to die before the start goes on without waiting for them.
const RELEASE_WAIT: Duration = Duration::from_secs(2);
/// How long to leave the kernel alone between two attempts.
const ATTEMPT_AGAIN: Duration = Duration::from_millis(5);

impl<I: Isolation> Shared<I> {
    /// Finds out what became of these containers, and destroys every other.
    pub(super) async fn adopt(self: &Arc<Self>, known: &[ContainerId]) -> Result<Vec<(ContainerId, Found)>, RuntimeError> {
        let mut found = Vec::with_capacity(known.len());
        let mut supervisors = BTreeSet::from_iter(self.launcher.pid());
        for id in known {
            let (what, shim) = self.look(*id).await?;
            supervisors.extend(shim);
            found.push((*id, what));
        }
        let known = Arc::new(known.iter().copied().collect::<BTreeSet<_>>());
        self.destroy_strangers(&known).await?;
        let supervisors = Arc::new(supervisors);
        self.until_done(|shared| {
            let (known, supervisors) = (Arc::clone(&known), Arc::clone(&supervisors));
            move || shared.isolation.sweep_strangers(&known, &supervisors)
        })
        .await?;
        Ok(found)
    }

    /// What became of one container, and its shim if that lives.
    async fn look(self: &Arc<Self>, id: ContainerId) -> Result<(Found, Option<Pid>), RuntimeError> {
        let remains = Arc::new(Remains { shared: self.clone(), id, enclosure: self.isolation.recall(id) });
        let paths = self.paths(id);
        if let Some((pid, shim)) = blocking(move || supervisor::shim(&paths)).await? {
            remains.take_over(Some(shim))?;
            return Ok((Found::Running, Some(pid)));
        }
        let had_shim = self.paths(id).record().exists();
        let deadline = Instant::now() + RELEASE_WAIT;
        let mut had_processes = false;
        while Instant::now() < deadline {
            let attempt = remains.clone();
            let paths = self.paths(id);
            match blocking(move || try_release(&attempt.shared.isolation, &paths, &attempt.enclosure)).await? {
                (Release::Done, Some(record)) => return Ok((Found::Ended(record), None)),
                (Release::Done, None) if had_shim || had_processes => return Ok((Found::Lost, None)),
                (Release::Done, None) => {
                    let paths = self.paths(id);
                    blocking(move || directory::remove(&paths)).await?;
                    return Ok((Found::NeverStarted, None));
                }
                (Release::NotYet, _) => had_processes = true,
            }
            tokio::time::sleep(ATTEMPT_AGAIN).await;
        }
        // It holds what it has until the kernel lets go of it, as a running one does.
        remains.take_over(None)?;
        Ok((Found::Running, None))
    }

    /// Destroys the containers that have a directory and are not among the known.
    async fn destroy_strangers(self: &Arc<Self>, known: &Arc<BTreeSet<ContainerId>>) -> Result<(), RuntimeError> {
        let work_dir = self.work_dir.clone();
        let ids = blocking(move || directory::containers_in(&work_dir)).await?;
        for id in ids.into_iter().filter(|id| !known.contains(id)) {
            tracing::warn!(container = %id, "destroying a container that the log does not know");
            let begun = Instant::now();
            self.until_done(|shared| move || shared.destroy_stranger(id, begun.elapsed())).await?;
        }
        let (work_dir, known) = (self.work_dir.clone(), Arc::clone(known));
        blocking(move || directory::remove_others(&work_dir, &known)).await
    }

    /// One attempt.
    fn destroy_stranger(&self, id: ContainerId, elapsed: Duration) -> Result<Release, RuntimeError> {
        let (paths, enclosure) = (self.paths(id), self.isolation.recall(id));
        let living = supervisor::shim(&paths)?.is_some();
        if living && elapsed < DESTROY_AGAIN {
            // It finds its tree by more ways than this process does.
            supervisor::tell(&paths, Kill::Destroy)?;
        } else if living {
            supervisor::end(&paths)?;
        }
        let killed = self.isolation.kill_tree(&enclosure, &paths)?;
        if living || killed == Release::NotYet {
            return Ok(Release::NotYet);
        }
        self.isolation.release(&enclosure)
    }

    /// Repeats an attempt until it comes to its end.
    pub(super) async fn until_done<A>(self: &Arc<Self>, attempt: impl Fn(Arc<Self>) -> A) -> Result<(), RuntimeError>
    where
        A: FnOnce() -> Result<Release, RuntimeError> + Send + 'static,
    {
        let deadline = Instant::now() + DESTROY_TIMEOUT;
        while blocking(attempt(self.clone())).await? == Release::NotYet {
            if Instant::now() >= deadline {
                return Err(RuntimeError::Unkillable { what: "a container that an earlier agent left behind".to_owned() });
            }
            tokio::time::sleep(ATTEMPT_AGAIN).await;
        }
        Ok(())
    }
}

impl<I: Isolation> Remains<I> {
    /// Makes the container one of this agent's live ones, whose end is told when its shim has ended; when it has none any more, as
    /// soon as its processes are dead.
    fn take_over(self: Arc<Self>, shim: Option<OwnedFd>) -> Result<(), RuntimeError> {
        let paths = self.shared.paths(self.id);
        let watched = shim.map(sys::watch).transpose();
        let watched = watched.map_err(|error| RuntimeError::file("watch the shim of", paths.root(), error))?;
        self.shared.live.adopt(self.id, user(&paths), self.enclosure.clone(), started(&paths));
        tokio::spawn(async move {
            // A handle of a process becomes readable when that ends. An error means that it can't be watched; then the release sees
            // by itself what lives.
            let ended = match &watched {
                Some(shim) => self.shared.outlasts(shim.readable()).await,
                None => true,
            };
            if ended {
                self.end().await;
            }
        });
        Ok(())
    }
}

/// The user that a container has for itself: its sandbox is that user's.
fn user(paths: &ContainerPaths) -> Option<u32> {
    let sandbox = std::fs::symlink_metadata(paths.sandbox()).ok()?;
    geteuid().is_root().then_some(sandbox.uid())
}

/// When it began, as well as its shim's record tells: the wall clock may have been set since.
fn started(paths: &ContainerPaths) -> Instant {
    let record = supervisor::shim_record(&paths.record());
    let began = record.map(|record| SystemTime::UNIX_EPOCH + Duration::from_millis(record.started_wall_ms));
    let age = began.and_then(|began| SystemTime::now().duration_since(began).ok()).unwrap_or_default();
    Instant::now().checked_sub(age).unwrap_or_else(Instant::now)
}
