//! The shim: a process that supervises one container, from before its task exists until nothing of it lives.
//!
//! Owned here: its start ([`run`]), and the parts it is made of: its files, the output pipes, the task's process, the tree and the
//! loop. It must stay small, since there is one per container: one thread, little memory, nothing loaded. Deliberately absent:
//! decisions, which are `meros_agent_core::shim`'s, and any need of the agent once the task runs.

mod files;
mod output;
mod supervise;
mod task;
mod tree;

use std::ffi::OsStr;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid, write};

use super::report::{Failure, Report, Step};
use super::request::Request;
use super::sys::{self, TaskStack};
use crate::runtime::Groups;
use crate::runtime::paths::{RECORD, STATE};
pub(crate) use files::whole_file;

use files::Files;
use output::Outputs;
use supervise::Supervisor;
use task::TaskStart;

/// Asks the shim to send SIGTERM to its task. A machine that shuts down sends it to every process, which means the same.
pub(crate) const TERMINATE_SIGNAL: Signal = Signal::SIGTERM;
/// Asks the shim to kill its tree.
pub(crate) const DESTROY_SIGNAL: Signal = Signal::SIGUSR1;
/// The exit code of a launcher or shim whose code has a bug.
pub(super) const PANIC_CODE: i32 = 101;

/// More than a shim allocates for an ordinary task.
const SHIM_HEAP_BYTES: usize = 32 * 1024;

/// What `ps` calls a shim.
const SHIM_NAME: &std::ffi::CStr = c"meros-shim";

/// What the launcher prepared once for all its shims.
pub(super) struct Inherited {
    null: OwnedFd,
    stack: TaskStack,
    reset_oom_score: bool,
}

impl Inherited {
    /// Prepares it; `null` is `/dev/null`.
    pub(super) fn prepare(null: OwnedFd) -> nix::Result<Self> {
        // An agent that the out-of-memory killer spares must not pass that on to its tasks.
        let reset_oom_score = fs::read_to_string("/proc/self/oom_score_adj").is_ok_and(|score| score.trim() != "0");
        // Grows the heap here, so that no shim has to.
        drop(std::hint::black_box(Vec::<u8>::with_capacity(SHIM_HEAP_BYTES)));
        Ok(Self { null, stack: TaskStack::new()?, reset_oom_score })
    }
}

/// The signals that a shim takes from a descriptor. Blocked already in the launcher, so that none is lost between fork and loop.
pub(super) fn signals() -> SigSet {
    [Signal::SIGCHLD, TERMINATE_SIGNAL, DESTROY_SIGNAL].into_iter().collect()
}

/// The whole life of a shim, whose process the caller has just forked and ends with the result as its exit code.
pub(super) fn run(request: &[u8], report: &OwnedFd, inherited: &mut Inherited) -> i32 {
    let decoded = Request::decode(request).ok_or(Step::Request.failed(Errno::EINVAL));
    let supervisor = decoded.and_then(|request| start(&request, inherited).inspect_err(|_| withdraw(&request)));
    let message = supervisor.as_ref().map_or_else(|failure| Report::Failed(*failure), |_| Report::Started);
    // Nobody may be listening: the agent is gone then, and the task stays.
    let _ = write(report, &message.encode());
    match supervisor {
        // Without closing its files one by one first: the kernel does that at once.
        Ok(mut supervisor) => sys::exit_now(supervisor.run()),
        Err(_) => 1,
    }
}

/// Everything up to the exec of the task. On an error nothing of the task lives.
fn start(request: &Request<'_>, inherited: &mut Inherited) -> Result<Supervisor, Failure> {
    let signals = become_supervisor(&inherited.null).map_err(|errno| Step::Supervisor.failed(errno))?;
    let groups = Groups::from_request(&request.groups);
    let files = Files::prepare(request)?;
    // Standard output was the launcher's lock. From here on this shim's own shows that it lives, and its record that it was there.
    dup2_stdout(&inherited.null).map_err(|errno| Step::Supervisor.failed(errno))?;
    let (outputs, writing_ends) = Outputs::open(&files, request.uid, request.log).map_err(|errno| Step::Output.failed(errno))?;
    let oom_event = groups.oom_event().map_err(|errno| Step::OutOfMemoryEvent.failed(errno))?;
    let task = TaskStart::new(request, &files, &groups, writing_ends, inherited.reset_oom_score)?;
    let task = task.spawn(&mut inherited.stack)?;
    Ok(Supervisor::new(task, groups, files, outputs, signals, oom_event))
}

/// Without a record no task was ever executed: that is what an agent is to find that was not told of the failure.
fn withdraw(request: &Request<'_>) {
    let directory = Path::new(OsStr::from_bytes(request.directory.to_bytes()));
    // It may not have come to be. If it can't be removed, its container is taken for one whose shim was killed.
    let _ = fs::remove_file(directory.join(STATE).join(RECORD));
}

fn become_supervisor(null: &OwnedFd) -> nix::Result<SignalFd> {
    setsid()?;
    // Orphans of the task become children of the shim, which so sees every death in the tree, the last one too.
    prctl::set_child_subreaper(true)?;
    prctl::set_name(SHIM_NAME)?;
    sys::set_disposition(Signal::SIGCHLD, SigHandler::SigDfl)?;
    // The agent may be gone when the shim reports to it.
    sys::set_disposition(Signal::SIGPIPE, SigHandler::SigIgn)?;
    // The socket to the agent and the agent's own output must not stay open because a task runs.
    dup2_stdin(null)?;
    dup2_stderr(null)?;
    SignalFd::with_flags(&signals(), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}
