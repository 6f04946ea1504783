//! The table of live containers: from the moment a launch is accepted until its end, or its failure, is about to be told.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use meros_types::ContainerId;

use super::isolation::Enclosure;
use super::{ContainerSpec, Kill, RuntimeError};

/// The live containers.
#[derive(Debug, Default)]
pub(super) struct LiveTable {
    inner: Mutex<Inner>,
    removed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    closed: bool,
    entries: BTreeMap<ContainerId, Entry>,
}

#[derive(Debug)]
struct Entry {
    uid: Option<u32>,
    running: Option<Running>,
    /// The hardest kill that was asked for before it ran.
    wanted: Option<Kill>,
    destroys: u32,
}

/// A container whose task was executed.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) enclosure: Enclosure,
    pub(super) started: Instant,
}

/// What a kill has to do.
#[derive(Debug)]
pub(super) enum KillPlan {
    /// Nothing yet: it is starting, and will be killed when it has.
    Later,
    /// It is to be destroyed and has not started: end its launch. Its shim may still do that itself, if this is the first time.
    GiveUp { first: bool },
    /// Tell its shim.
    Tell,
    /// Its shim was told to destroy before and has not: tell it again, and kill without it.
    TellAndKill(Enclosure),
    /// And still it lives: its shim hangs, or is stopped. Kill both.
    KillAll(Enclosure),
}

impl LiveTable {
    /// Accepts a container, which now has its id and its user for itself.
    pub(super) fn register(&self, spec: &ContainerSpec) -> Result<(), RuntimeError> {
        let mut inner = self.lock();
        if inner.closed {
            return Err(RuntimeError::Closed);
        }
        if inner.entries.contains_key(&spec.id) {
            return Err(RuntimeError::Duplicate { id: spec.id });
        }
        if let Some(uid) = spec.uid
            && let Some((holder, _)) = inner.entries.iter().find(|(_, entry)| entry.uid == Some(uid))
        {
            return Err(RuntimeError::UidTaken { uid, id: spec.id, holder: *holder });
        }
        inner.entries.insert(spec.id, Entry { uid: spec.uid, running: None, wanted: None, destroys: 0 });
        Ok(())
    }

    /// Its task was executed. The result is what was asked of it meanwhile.
    pub(super) fn started(&self, id: ContainerId, enclosure: Enclosure) -> Option<Kill> {
        let mut inner = self.lock();
        let entry = inner.entries.get_mut(&id)?;
        entry.running = Some(Running { enclosure, started: Instant::now() });
        entry.wanted.take()
    }

    /// Takes in a container of an earlier agent, which runs.
    pub(super) fn adopt(&self, id: ContainerId, uid: Option<u32>, enclosure: Enclosure, started: Instant) {
        let running = Some(Running { enclosure, started });
        self.lock().entries.insert(id, Entry { uid, running, wanted: None, destroys: 0 });
    }

    /// Whether it is to be destroyed though it has not started.
    pub(super) fn is_given_up(&self, id: ContainerId) -> bool {
        self.lock().entries.get(&id).is_some_and(|entry| entry.wanted == Some(Kill::Destroy))
    }

    /// It is over, or never was.
    pub(super) fn remove(&self, id: ContainerId) {
        self.lock().entries.remove(&id);
        self.removed.notify_waiters();
    }

    /// Whether it is starting or running.
    pub(super) fn contains(&self, id: ContainerId) -> bool {
        self.lock().entries.contains_key(&id)
    }

    /// The running container.
    pub(super) fn running(&self, id: ContainerId) -> Result<Running, RuntimeError> {
        self.lock().entries.get(&id).and_then(|entry| entry.running.clone()).ok_or(RuntimeError::NotRunning { id })
    }

    /// Takes note of a kill.
    pub(super) fn kill(&self, id: ContainerId, how: Kill) -> Result<KillPlan, RuntimeError> {
        let mut inner = self.lock();
        let entry = inner.entries.get_mut(&id).ok_or(RuntimeError::NotRunning { id })?;
        entry.destroys += u32::from(how == Kill::Destroy);
        let Some(running) = &entry.running else {
            let harder = how == Kill::Destroy || entry.wanted.is_none();
            entry.wanted = if harder { Some(how) } else { entry.wanted };
            return Ok(if how == Kill::Destroy { KillPlan::GiveUp { first: entry.destroys == 1 } } else { KillPlan::Later });
        };
        Ok(match entry.destroys {
            0 | 1 => KillPlan::Tell,
            2 => KillPlan::TellAndKill(running.enclosure.clone()),
            _ => KillPlan::KillAll(running.enclosure.clone()),
        })
    }

    /// Accepts nothing more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    /// All of them.
    pub(super) fn ids(&self) -> Vec<ContainerId> {
        self.lock().entries.keys().copied().collect()
    }

    /// Waits until there are none, but not longer than `wait`.
    pub(super) async fn emptied(&self, wait: Duration) {
        let empty = async {
            loop {
                // Listens before it looks, so that no removal falls between.
                let removed = self.removed.notified();
                tokio::pin!(removed);
                removed.as_mut().enable();
                if self.lock().entries.is_empty() {
                    return;
                }
                removed.await;
            }
        };
        // The caller looks itself whether it was in time.
        let _ = tokio::time::timeout(wait, empty).await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves the table as it was: every change is one statement.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
