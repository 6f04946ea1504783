//! The watch over sandboxes: measures the files of each running container, and tells of those that are larger than they may be.
//!
//! The kernel enforces no such limit for a directory, so this is a watch and not a wall: between two measurements, at least
//! [`ROUND_MIN`] apart and further when there are many files, a fast writer can go beyond its limit. One thread does it, beside
//! everything else, and rests [`REST_PER_WORK`] times as long as it works. Each container in turn is looked at in pieces of
//! [`PIECE_ENTRIES`], so that one with millions of files does not keep the others waiting.
//!
//! What counts is in [`walk`]. Deliberately absent: what becomes of a container that is too large, which the core decides, and
//! directories outside sandboxes, such as `/tmp` and `/dev/shm`: they belong to the machine.

mod walk;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use meros_types::ContainerId;

use super::ContainerRuntime;
use walk::Walk;

/// How far apart two measurements of a container are at least.
const ROUND_MIN: Duration = Duration::from_millis(250);
/// How long to rest for each unit of time at work: the watch takes no more than a twentieth of one core.
const REST_PER_WORK: u32 = 19;
/// Rests shorter than this are put together.
const REST_MIN: Duration = Duration::from_millis(2);
/// How many files of one container are looked at in one piece.
const PIECE_ENTRIES: usize = 512;

/// The files in a container's sandbox are larger than they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DiskExceeded {
    /// Which container.
    pub(crate) container: ContainerId,
    /// How large they may be, in bytes.
    pub(crate) limit: u64,
    /// How large they are at least, in bytes: the measurement ends where the limit is passed.
    pub(crate) measured: u64,
}

/// The watch over one agent's sandboxes. It ends when this is dropped.
pub(crate) struct DiskWatch {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stopped: bool,
    /// The limit of each container that is watched.
    limits: BTreeMap<ContainerId, u64>,
}

impl DiskWatch {
    /// Begins to watch containers of this runtime. `tell` is called on the watch's own thread, once for each container that is
    /// found too large; it may block.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub(crate) fn start(runtime: &Arc<dyn ContainerRuntime>, tell: impl Fn(DiskExceeded) + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (theirs, runtime) = (Arc::clone(&shared), Arc::downgrade(runtime));
        thread::Builder::new().name("disk-watch".to_owned()).spawn(move || watch(&theirs, &runtime, tell))?;
        Ok(Self { shared })
    }

    /// From now on this container is watched.
    pub(crate) fn watch(&self, id: ContainerId, limit: u64) {
        self.shared.lock().limits.insert(id, limit);
        self.shared.changed.notify_one();
    }

    /// From now on it is not.
    pub(crate) fn forget(&self, id: ContainerId) {
        self.shared.lock().limits.remove(&id);
    }
}

impl Drop for DiskWatch {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    /// What is watched, as soon as there is something. None when the watch is to end.
    fn watched(&self) -> Option<BTreeMap<ContainerId, u64>> {
        let mut state = self.lock();
        while !state.stopped && state.limits.is_empty() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        (!state.stopped).then(|| state.limits.clone())
    }

    /// Rests, or less when the watch is to end.
    fn rest(&self, rest: Duration) {
        // Whatever the reason for waking up: the caller looks for itself.
        drop(self.changed.wait_timeout_while(self.lock(), rest, |state| !state.stopped));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the state as it was: every change is one statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The whole life of the watch's thread.
fn watch(shared: &Shared, runtime: &Weak<dyn ContainerRuntime>, tell: impl Fn(DiskExceeded)) {
    let mut walks: BTreeMap<ContainerId, Walk> = BTreeMap::new();
    while let Some(limits) = shared.watched() {
        walks.retain(|id, _| limits.contains_key(id));
        let round = Instant::now();
        let mut tired = Duration::ZERO;
        for (container, limit) in limits {
            let piece = Instant::now();
            let measured = measure(runtime, &mut walks, container, limit);
            tired += piece.elapsed() * REST_PER_WORK;
            if let Some(measured) = measured.filter(|measured| *measured > limit) {
                shared.lock().limits.remove(&container);
                tell(DiskExceeded { container, limit, measured });
            }
            if tired > REST_MIN {
                shared.rest(std::mem::take(&mut tired));
            }
        }
        shared.rest(tired.max(ROUND_MIN.saturating_sub(round.elapsed())));
    }
}

/// One piece of a container's measurement. The result, when it was the last one.
fn measure(
    runtime: &Weak<dyn ContainerRuntime>,
    walks: &mut BTreeMap<ContainerId, Walk>,
    container: ContainerId,
    limit: u64,
) -> Option<u64> {
    let runtime = runtime.upgrade()?;
    let mut walk = match walks.remove(&container) {
        Some(walk) => walk,
        // What has no sandbox has ended, as will be heard.
        None => Walk::begin(&runtime.paths(container)).ok()?,
    };
    match walk.go_on(PIECE_ENTRIES, limit, || runtime.processes(container)) {
        Ok(Some(measured)) => Some(measured),
        Ok(None) => {
            walks.insert(container, walk);
            None
        }
        Err(error) => {
            // From the beginning in the next round.
            tracing::warn!(%container, %error, "a sandbox can't be measured");
            None
        }
    }
}
