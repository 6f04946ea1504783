//! The start of a task: from the shim's clone to the exec, in the order that leaves no gap.
//!
//! Everything that needs memory is made before the clone; the child only makes system calls. Deliberately absent: namespaces and
//! root file systems, which will be steps of the same sequence.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, SigSet, Signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Pid, dup2_stderr, dup2_stdout, fchdir, getpid, getppid, setsid, write};

use super::files::Files;
use super::output::WritingEnds;
use crate::launcher::report::{Failure, Step};
use crate::launcher::request::Request;
use crate::launcher::sys::{self, ChildMemory, Pointers, TaskStack};
use crate::runtime::Groups;

/// Files that a task creates are writable by its user alone.
const UMASK: Mode = Mode::from_bits_truncate(0o022);

/// A task that is ready to be cloned.
pub(super) struct TaskStart<'request> {
    request: &'request Request<'request>,
    joins: Vec<CString>,
    sandbox: OwnedFd,
    outputs: WritingEnds,
    reset_oom_score: bool,
    shim: Pid,
    arguments: Pointers<'request>,
    environment: Pointers<'request>,
}

impl<'request> TaskStart<'request> {
    /// Gathers all that the child will need.
    pub(super) fn new(
        request: &'request Request<'request>,
        files: &Files,
        groups: &Groups,
        outputs: WritingEnds,
        reset_oom_score: bool,
    ) -> Result<Self, Failure> {
        Ok(Self {
            request,
            joins: groups.joins(),
            sandbox: files.sandbox().map_err(|errno| Step::Sandbox.failed(errno))?,
            outputs,
            reset_oom_score,
            shim: getpid(),
            arguments: Pointers::to(&request.arguments),
            environment: Pointers::to(&request.environment),
        })
    }

    /// Clones and executes. The shim's ends of the output pipes close with `self`, so that they end with the task's.
    pub(super) fn spawn(self, stack: &mut TaskStack) -> Result<Pid, Failure> {
        let memory = if self.request.tight_memory { ChildMemory::Copied } else { ChildMemory::Shared };
        match sys::spawn(stack, memory, &|| self.enter().code()) {
            Ok(Ok(task)) => Ok(task),
            Ok(Err(code)) => Err(Failure::from_code(code)),
            Err(errno) => Err(Step::Clone.failed(errno)),
        }
    }

    /// Runs in the child and comes back only if it fails.
    fn enter(&self) -> Failure {
        match self.prepare() {
            Ok(()) => Step::Execute.failed(self.execute()),
            Err(failure) => failure,
        }
    }

    fn prepare(&self) -> Result<(), Failure> {
        // The groups first: all that follows is already counted and can already be killed with them.
        self.joins.iter().try_for_each(|file| write_file(file, b"0")).map_err(|errno| Step::Join.failed(errno))?;
        fchdir(&self.sandbox).map_err(|errno| Step::Sandbox.failed(errno))?;
        self.clean_as_root().map_err(|errno| Step::Hygiene.failed(errno))?;
        if let Some(uid) = self.request.uid {
            sys::become_user(uid).map_err(|errno| Step::User.failed(errno))?;
        }
        self.die_with_shim().map_err(|errno| Step::ParentDeath.failed(errno))?;
        clean_as_user().map_err(|errno| Step::Hygiene.failed(errno))
    }

    fn clean_as_root(&self) -> nix::Result<()> {
        if self.reset_oom_score {
            match write_file(c"/proc/self/oom_score_adj", b"0") {
                // Without privileges the score can be raised but not lowered again.
                Err(Errno::EACCES) if self.request.uid.is_none() => {}
                result => result?,
            }
        }
        dup2_stdout(self.outputs.stdout.as_fd())?;
        dup2_stderr(self.outputs.stderr.as_fd())?;
        // A session, and so a process group, of its own: SIGTERM to the group reaches what the task started.
        setsid()?;
        umask(UMASK);
        sys::set_disposition(Signal::SIGPIPE, SigHandler::SigDfl)
    }

    /// Only after the change of user, which clears it.
    fn die_with_shim(&self) -> nix::Result<()> {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        if getppid() == self.shim { Ok(()) } else { Err(Errno::ESRCH) }
    }

    /// Tries the candidates as execvp does: a file that may not be executed is passed over, but tells more than "not found".
    fn execute(&self) -> Errno {
        let mut denied = None;
        for program in &self.request.programs {
            match sys::execute(program, &self.arguments, &self.environment) {
                Errno::EACCES => denied = Some(Errno::EACCES),
                Errno::ENOENT | Errno::ENOTDIR => {}
                errno => return errno,
            }
        }
        denied.unwrap_or(Errno::ENOENT)
    }
}

fn clean_as_user() -> nix::Result<()> {
    prctl::set_no_new_privs()?;
    sys::close_all_but_standard()?;
    SigSet::empty().thread_set_mask()
}

fn write_file(path: &CStr, bytes: &[u8]) -> nix::Result<()> {
    let file = openat(AT_FDCWD, path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(file, bytes).map(drop)
}
