//! The launcher process: receives requests, forks a shim for each, and ends with its agent. Its standard output is the lock that it
//! holds.
//!
//! Deliberately absent: waiting for shims. The kernel reaps them, and each container's report pipe tells its agent of their end.

use std::env;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, Signal};
use nix::sys::stat::Mode;
use nix::unistd::{ForkResult, chdir, setsid};

use super::report::{Report, Step};
use super::request::REQUEST_BYTES_MAX;
use super::shim::{self, Inherited};
use super::sys;

/// What the launcher is called, by itself and by `ps`. No user starts a program under this name.
pub(super) const LAUNCHER_NAME: &str = "meros-launcher";
/// Stands for "leave the limits on open files as they are".
pub(super) const OPEN_FILES_UNCHANGED: &str = "-";

/// Becomes the launcher and never returns, if that is what this process was started as. Call it first in `main`, before any
/// thread exists.
pub fn dispatch_if_launcher() {
    let mut arguments = env::args_os();
    if arguments.next().as_deref() == Some(OsStr::new(LAUNCHER_NAME)) {
        // The second argument is the agent's name, for people who look at the list of processes.
        let open_files = arguments.nth(1);
        let code = run(open_files.as_deref().and_then(OsStr::to_str).unwrap_or(OPEN_FILES_UNCHANGED));
        sys::exit_now(code);
    }
}

/// Serves until the agent is gone. The result is the exit code.
fn run(open_files: &str) -> i32 {
    let socket = sys::own_standard_input();
    let inherited = match prepare(open_files) {
        Ok(inherited) => inherited,
        // The agent sees the socket close; a reason would have nowhere to go.
        Err(_) => return 1,
    };
    match serve(&socket, inherited) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// Makes this process what every shim should inherit.
fn prepare(open_files: &str) -> nix::Result<Inherited> {
    // A panic in a launcher or shim must not run the destructors of whatever it was forked from.
    std::panic::set_hook(Box::new(|_| sys::exit_now(shim::PANIC_CODE)));
    // Out of the agent's session: an interrupt typed at a terminal is for the agent, which then decides.
    setsid().or_else(|errno| if errno == Errno::EPERM { Ok(nix::unistd::getpid()) } else { Err(errno) })?;
    sys::default_dispositions();
    // The kernel then reaps shims by itself, and the launcher need not wake up for each.
    sys::set_disposition(Signal::SIGCHLD, SigHandler::SigIgn)?;
    shim::signals().thread_set_mask()?;
    // A huge page would make each shim's few private pages megabytes.
    prctl::set_thp_disable(true)?;
    prctl::set_name(c"meros-launcher")?;
    chdir("/")?;
    if let Some((soft, hard)) = parse_open_files(open_files) {
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
    }
    Inherited::prepare(open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?)
}

fn parse_open_files(text: &str) -> Option<(u64, u64)> {
    let (soft, hard) = text.split_once(':')?;
    Some((soft.parse().ok()?, hard.parse().ok()?))
}

fn serve(socket: &OwnedFd, mut inherited: Inherited) -> nix::Result<()> {
    let mut buffer = vec![0; REQUEST_BYTES_MAX];
    loop {
        match sys::receive(socket, &mut buffer) {
            Ok(Some((length, Some(report)))) => launch(&buffer[..length], report, &mut inherited),
            // Without a pipe there is nobody to tell.
            Ok(Some((_, None))) | Err(Errno::EINTR) => {}
            Ok(None) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
}

/// Forks a shim. The launcher's copy of the report pipe closes here, so that the shim's is the only one.
fn launch(request: &[u8], report: OwnedFd, inherited: &mut Inherited) {
    match sys::fork() {
        Ok(ForkResult::Child) => sys::exit_now(shim::run(request, &report, inherited)),
        Ok(ForkResult::Parent { .. }) => {}
        Err(errno) => {
            let message = Report::Failed(Step::Fork.failed(errno)).encode();
            // If the agent no longer listens, it is gone, and the socket will say so.
            let _ = nix::unistd::write(&report, &message);
        }
    }
}
