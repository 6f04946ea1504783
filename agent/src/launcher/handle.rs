//! The agent's end of its launcher: starts it, sends it requests, replaces it when it dies, ends it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, setsockopt, socketpair, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::Pid;

use super::process::{LAUNCHER_NAME, OPEN_FILES_UNCHANGED};
use super::request::REQUEST_BYTES_MAX;
use crate::runtime::{Groups, RuntimeError, RuntimeOptions};

/// How long a request may wait for the launcher. It forks in far less than a millisecond, so it is stopped or hangs.
const SEND_TIMEOUT_S: i64 = 10;
/// How long the launcher of an earlier agent may take to end. It does when it notices that the agent is gone, which takes no time,
/// so it is stopped or hangs.
const EARLIER_TIMEOUT: Duration = Duration::from_secs(10);
/// The file in the work directory that launchers hold a lock on.
const LOCK: &str = "launcher.lock";
/// Who can open a file can lock it.
const LOCK_MODE: u32 = 0o600;

/// A launcher, which may be another process from one launch to the next.
#[derive(Debug)]
pub(crate) struct Launcher {
    program: PathBuf,
    arguments: [OsString; 2],
    /// What it and its shims live in.
    groups: Groups,
    /// What it, and each shim that has no lock of its own yet, holds a shared lock on.
    lock: PathBuf,
    process: Mutex<Option<Process>>,
}

#[derive(Debug)]
struct Process {
    socket: OwnedFd,
    child: Child,
}

impl Launcher {
    /// Starts a launcher in these groups, when nothing of an earlier agent's launcher is left.
    pub(crate) fn start(options: &RuntimeOptions, groups: Groups) -> Result<Self, RuntimeError> {
        let open_files = match options.open_files {
            Some((soft, hard)) => format!("{soft}:{hard}"),
            None => OPEN_FILES_UNCHANGED.to_owned(),
        };
        let arguments = [options.agent_name.clone().into(), open_files.into()];
        let lock = options.work_dir.join(LOCK);
        wait_for_earlier(&lock)?;
        let launcher = Self { program: options.launcher_program.clone(), arguments, groups, lock, process: Mutex::new(None) };
        *launcher.lock() = Some(launcher.spawn()?);
        Ok(launcher)
    }

    /// Sends a request, with the pipe that its shim will report through. May block. A dead launcher is replaced first: a request
    /// that could not be sent was not begun, so it may be sent again.
    pub(crate) fn send(&self, request: &[u8], report: &OwnedFd) -> Result<(), RuntimeError> {
        assert!(request.len() <= REQUEST_BYTES_MAX, "the caller refuses larger requests");
        let mut process = self.lock();
        let running = process.as_ref().ok_or(RuntimeError::Closed)?;
        match send_message(&running.socket, request, report) {
            Ok(()) => Ok(()),
            Err(Errno::EPIPE | Errno::ECONNRESET | Errno::ECONNREFUSED | Errno::ENOTCONN) => {
                tracing::warn!(program = %self.program.display(), "the launcher died; starting another. Running tasks are not affected");
                *process = None;
                let running = process.insert(self.spawn()?);
                send_message(&running.socket, request, report).map_err(|errno| self.error("send a request to", errno.into()))
            }
            Err(errno) => Err(self.error("send a request to", errno.into())),
        }
    }

    /// Kills the launcher and starts another: what it was asked for and has not begun fails.
    pub(crate) fn replace(&self) -> Result<(), RuntimeError> {
        let mut process = self.lock();
        if process.take().is_some() {
            *process = Some(self.spawn()?);
        }
        Ok(())
    }

    /// The process that it is now.
    pub(crate) fn pid(&self) -> Option<Pid> {
        self.lock().as_ref().map(|process| Pid::from_raw(process.child.id().cast_signed()))
    }

    /// Ends the launcher. Shims live on.
    pub(crate) fn stop(&self) {
        *self.lock() = None;
    }

    fn spawn(&self) -> Result<Process, RuntimeError> {
        let (ours, theirs) = connect().map_err(|errno| self.error("connect to", errno.into()))?;
        let lock = open_lock(&self.lock)?;
        lock.lock_shared().map_err(|error| RuntimeError::file("lock", &self.lock, error))?;
        let child = Command::new(&self.program)
            .arg0(LAUNCHER_NAME)
            .args(&self.arguments)
            .env_clear()
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::from(lock))
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| self.error("execute", source))?;
        let process = Process { socket: ours, child };
        self.groups.put(process.child.id()).map_err(|source| self.error("move to its cgroup", source))?;
        Ok(process)
    }

    fn error(&self, doing: &'static str, source: io::Error) -> RuntimeError {
        RuntimeError::Launcher { doing, program: self.program.clone(), source }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until no launcher of an earlier agent lives, nor a shim that it has forked and that has no lock of its own yet. All of them
/// have inherited one open file, on which the earlier agent took a shared lock before it started its launcher; so the exclusive lock
/// is to be had when the last of them is gone, however they went, and not earlier.
fn wait_for_earlier(path: &Path) -> Result<(), RuntimeError> {
    let lock = open_lock(path)?;
    let (done, waiting) = sync_channel(1);
    // Nobody may be waiting any more.
    thread::spawn(move || drop(done.send(lock.lock())));
    match waiting.recv_timeout(EARLIER_TIMEOUT) {
        Ok(locked) => locked.map_err(|error| RuntimeError::file("lock", path, error)),
        Err(_) => Err(RuntimeError::EarlierLauncher { path: path.to_owned() }),
    }
}

fn open_lock(path: &Path) -> Result<File, RuntimeError> {
    let opened = File::options().create(true).truncate(false).write(true).mode(LOCK_MODE).open(path);
    opened.map_err(|error| RuntimeError::file("open", path, error))
}

impl Drop for Process {
    /// The launcher would end by itself when the socket closes; a stopped one would not. Its shims don't need it.
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            tracing::warn!(%error, "cannot end the launcher");
        }
    }
}

/// Two ends of a socket that keeps messages apart; the first is ours.
fn connect() -> nix::Result<(OwnedFd, OwnedFd)> {
    let pair = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    // The kernel doubles this for its own bookkeeping; a lower maximum of the machine's still leaves room for one message.
    setsockopt(&pair.0, sockopt::SndBuf, &(2 * REQUEST_BYTES_MAX))?;
    setsockopt(&pair.0, sockopt::SendTimeout, &TimeVal::seconds(SEND_TIMEOUT_S))?;
    Ok(pair)
}

fn send_message(socket: &OwnedFd, request: &[u8], report: &OwnedFd) -> nix::Result<()> {
    let descriptors = [report.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&descriptors)];
    loop {
        match sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(request)], &control, MsgFlags::MSG_NOSIGNAL, None) {
            Err(Errno::EINTR) => {}
            result => return result.map(drop),
        }
    }
}
