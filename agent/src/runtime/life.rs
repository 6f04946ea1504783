//! One container's life, as its agent sees it: made, started, over, released, told.
//!
//! The launch is one piece of work on a thread that may block, since it is system calls from end to end; then a tokio task waits for
//! the end. Waiting for processes to die happens in that task, between single attempts, so that no thread is held by one that won't.

use std::ffi::{CStr, CString};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::spawn_blocking;

use meros_types::{ContainerId, ExitRecord};

use super::command::Execution;
use super::containers::Shared;
use super::isolation::{Enclosure, Isolation, Release};
use super::{ContainerPaths, ContainerSpec, Ended, LaunchError, RuntimeError, SupervisorLost, TaskFault, directory, supervisor};
use crate::fail_point::{fail_point, fail_point_when};
use crate::launcher::{Failure, REPORT_BYTES, REQUEST_BYTES_MAX, Report, Request, Step};

/// Below this limit the kernel might kill for lack of memory between the clone of a task and its exec.
const TIGHT_MEMORY_BYTES: u64 = 16 << 20;

/// How long to leave the kernel alone after an attempt that came too early; doubles up to the maximum.
const RETRY_MIN: Duration = Duration::from_millis(1);
/// The maximum, and when the operator hears that something does not die.
const RETRY_MAX: Duration = Duration::from_secs(1);

/// A container of which something is left to release.
pub(super) struct Remains<I> {
    pub(super) shared: Arc<Shared<I>>,
    pub(super) id: ContainerId,
    pub(super) enclosure: Enclosure,
}

/// Launches a registered container and sees to its end. On an error nothing of it is left. Blocks.
pub(super) fn launch<I: Isolation>(
    shared: &Arc<Shared<I>>,
    spec: &ContainerSpec,
    execution: &Execution,
    tokio: &Handle,
) -> Result<(), LaunchError> {
    let id = spec.id;
    let (enclosure, reports) = make(shared, spec, execution)?;
    let remains = Arc::new(Remains { shared: shared.clone(), id, enclosure });
    let watched = wait_for_start(reports, id, execution).and_then(|reports| watch(reports, &remains, tokio));
    watched.inspect_err(|_| {
        tokio.block_on(release(&remains));
        clean(&shared.paths(id));
    })
}

/// Waits for the exec of the task. On an error the shim has ended.
fn wait_for_start(reports: OwnedFd, id: ContainerId, execution: &Execution) -> Result<OwnedFd, LaunchError> {
    let mut reports = std::fs::File::from(reports);
    let mut message = [0; REPORT_BYTES];
    if reports.read_exact(&mut message).is_err() {
        return Err(RuntimeError::SupervisorKilled { id }.into());
    }
    match Report::decode(message) {
        Report::Started => {
            fail_point("task-started");
            Ok(reports.into())
        }
        Report::Failed(failure) => {
            // Its end closes the pipe. Nothing more can come, and an error means the same.
            let _ = reports.read(&mut message);
            Err(launch_error(failure, execution, id))
        }
    }
}

/// Begins to wait for the end of a container that runs, and kills it if that was asked for meanwhile.
fn watch<I: Isolation>(reports: OwnedFd, remains: &Arc<Remains<I>>, tokio: &Handle) -> Result<(), LaunchError> {
    let (shared, id) = (&remains.shared, remains.id);
    let _entered = tokio.enter();
    let reports =
        pipe::Receiver::from_owned_fd(reports).map_err(|error| RuntimeError::file("watch", shared.paths(id).root(), error))?;
    let wanted = shared.live.started(id, remains.enclosure.clone());
    tokio.spawn(await_end(reports, remains.clone()));
    if let Some(how) = wanted
        && let Err(error) = supervisor::tell(&shared.paths(id), how)
    {
        tracing::warn!(container = %id, %error, "cannot kill a container that was to be killed while it started");
    }
    Ok(())
}

async fn await_end<I: Isolation>(mut reports: pipe::Receiver, remains: Arc<Remains<I>>) {
    // The end of the shim closes the pipe, and there is nothing more to read.
    if remains.shared.outlasts(reports.read_u8()).await {
        drop(reports);
        remains.end().await;
    }
}

/// Waits until nothing of a container lives and its isolation is gone, for as long as that takes: its end must not be told before.
/// Then tells it, if it was running. The result is what could not be told at once.
async fn release<I: Isolation>(remains: &Arc<Remains<I>>) -> Option<Ended> {
    let mut wait = RETRY_MIN;
    loop {
        let attempt = remains.clone();
        match spawn_blocking(move || attempt.try_release()).await {
            Ok(Ok(Attempt::Released(untold))) => return untold,
            Ok(Ok(Attempt::NotYet)) if wait < RETRY_MAX => {}
            Ok(Ok(Attempt::NotYet)) => {
                tracing::warn!(container = %remains.id, "the container has processes that cannot be killed; trying again");
            }
            Ok(Err(error)) => tracing::warn!(container = %remains.id, %error, "cannot release the container; trying again"),
            // The runtime shuts down: the next agent will finish this.
            Err(_) => std::future::pending().await,
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY_MAX);
    }
}

/// What an attempt to release a container came to.
enum Attempt {
    /// Something lives, or the kernel still counts it as living.
    NotYet,
    /// It is released; here is its end if nobody had room for it.
    Released(Option<Ended>),
}

impl<I: Isolation> Remains<I> {
    /// Releases a container whose shim has ended, and tells its end.
    pub(super) async fn end(self: Arc<Self>) {
        fail_point("shim-ended");
        if let Some(ended) = release(&self).await {
            // Without a receiver the agent is about to end, and the record stays for the next one.
            let _ = self.shared.exits.send(ended).await;
        }
    }

    fn try_release(&self) -> Result<Attempt, RuntimeError> {
        let paths = self.shared.paths(self.id);
        match try_release(&self.shared.isolation, &paths, &self.enclosure)? {
            (Release::NotYet, _) => Ok(Attempt::NotYet),
            (Release::Done, record) => {
                fail_point("groups-removed");
                Ok(Attempt::Released(self.tell(record)))
            }
        }
    }

    /// Tells the end from here, where no further thread has to wake up for it.
    fn tell(&self, record: Option<ExitRecord>) -> Option<Ended> {
        if self.shared.live.running(self.id).is_err() {
            // It never ran: its launch failed, which is told otherwise.
            return None;
        }
        self.shared.live.remove(self.id);
        match self.shared.exits.try_send(Ended { id: self.id, outcome: record.ok_or(SupervisorLost) }) {
            Err(TrySendError::Full(ended)) => Some(ended),
            Ok(()) | Err(TrySendError::Closed(_)) => None,
        }
    }
}

/// One attempt at what a container without a shim has left. One whose shim recorded its end is empty, but for processes that others moved into it.
pub(super) fn try_release(
    isolation: &impl Isolation,
    paths: &ContainerPaths,
    enclosure: &Enclosure,
) -> Result<(Release, Option<ExitRecord>), RuntimeError> {
    let record = supervisor::exit_record(&paths.exit()).unwrap_or_else(|error| {
        tracing::warn!(%error, "a container's end is not known");
        None
    });
    if record.is_none() && isolation.kill_tree(enclosure, paths)? == Release::NotYet {
        return Ok((Release::NotYet, None));
    }
    if isolation.release(enclosure)? == Release::NotYet {
        isolation.kill_tree(enclosure, paths)?;
        return Ok((Release::NotYet, None));
    }
    Ok((Release::Done, record))
}

/// Makes directory and groups, and asks the launcher. Blocks.
fn make<I: Isolation>(
    shared: &Shared<I>,
    spec: &ContainerSpec,
    execution: &Execution,
) -> Result<(Enclosure, OwnedFd), LaunchError> {
    let paths = shared.paths(spec.id);
    directory::create(&paths, spec.uid)?;
    fail_point("directory-made");
    let enclosure = match shared.isolation.prepare(spec.id, &spec.limits) {
        Ok(enclosure) => enclosure,
        Err(error) => {
            clean(&paths);
            return Err(error.into());
        }
    };
    fail_point("groups-made");
    match ask(shared, spec, execution, &paths, &enclosure) {
        Ok(reports) => {
            fail_point("launch-requested");
            fail_point_when("shim-recorded", || paths.record().exists());
            Ok((enclosure, reports))
        }
        Err(error) => {
            // No process was ever in it, so one attempt is enough.
            if let Err(error) = shared.isolation.release(&enclosure) {
                tracing::warn!(container = %spec.id, %error, "cannot remove the groups of a container that was not started");
            }
            clean(&paths);
            Err(error)
        }
    }
}

fn ask<I: Isolation>(
    shared: &Shared<I>,
    spec: &ContainerSpec,
    execution: &Execution,
    paths: &ContainerPaths,
    enclosure: &Enclosure,
) -> Result<OwnedFd, LaunchError> {
    let directory = path_text(paths.root())?;
    let groups = enclosure.0.iter().map(|(controller, path)| Ok((controller, path_text(path)?)));
    let groups = groups.collect::<Result<Vec<_>, RuntimeError>>()?;
    let request = Request {
        container: spec.id,
        uid: spec.uid,
        tight_memory: (1..TIGHT_MEMORY_BYTES).contains(&spec.limits.memory_bytes),
        log: shared.log,
        directory: &directory,
        groups: groups.iter().map(|(controller, path)| (*controller, path.as_c_str())).collect(),
        programs: texts(&execution.programs),
        arguments: texts(&execution.arguments),
        environment: texts(&execution.environment),
    };
    let message = request.encode();
    if message.len() > REQUEST_BYTES_MAX {
        return Err(TaskFault::TooLarge { bytes: message.len(), bytes_max: REQUEST_BYTES_MAX }.into());
    }
    let (reading, writing) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| RuntimeError::file("make a pipe for", paths.root(), errno))?;
    shared.launcher.send(&message, &writing)?;
    Ok(reading)
}

fn texts(owned: &[CString]) -> Vec<&CStr> {
    owned.iter().map(CString::as_c_str).collect()
}

fn path_text(path: &Path) -> Result<CString, RuntimeError> {
    let no_text = |_| RuntimeError::file("pass on", path, std::io::Error::from(std::io::ErrorKind::InvalidInput));
    CString::new(path.as_os_str().as_bytes()).map_err(no_text)
}

fn launch_error(failure: Failure, execution: &Execution, id: ContainerId) -> LaunchError {
    if failure.step == Step::Execute
        && let Some(fault) = execution.fault(failure.errno)
    {
        return fault.into();
    }
    let source = std::io::Error::from_raw_os_error(failure.errno);
    RuntimeError::Start { id, step: failure.step, source }.into()
}

fn clean(paths: &ContainerPaths) {
    if let Err(error) = directory::remove(paths) {
        tracing::warn!(%error, "cannot remove the directory of a container that was not started");
    }
}
