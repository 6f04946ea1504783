//! The floor: five groups made, vfork, join, exec, wait, five groups removed. No limits, no output, no supervision, no user.

#![allow(unsafe_code, reason = "a bare vfork and exec have no safe interface")]

use std::ffi::{CStr, CString, c_char};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sched::{CloneFlags, clone};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, write};

use super::Window;
use super::account::{Account, HIERARCHIES, group};

/// Enough for a few system calls.
const STACK_BYTES: usize = 64 * 1024;
/// The least of a program.
const PROGRAM: &CStr = c"/bin/true";
/// The exit code of a child that could not execute it.
const FAILED: isize = 127;

/// The bare side, and the parent of its groups.
#[derive(Debug)]
pub struct Bare {
    name: String,
    stack: Vec<u8>,
}

impl Bare {
    /// Makes the parent groups.
    ///
    /// # Errors
    /// When they can't be made.
    pub fn new(name: &str) -> io::Result<Self> {
        for hierarchy in HIERARCHIES {
            fs::create_dir(group(hierarchy, name))?;
        }
        Ok(Self { name: name.to_owned(), stack: vec![0; STACK_BYTES] })
    }

    /// Runs so many tasks, one after another.
    ///
    /// # Errors
    /// When the kernel refuses something.
    pub fn measure(&mut self, account: &Account, tasks: u32) -> io::Result<Window> {
        let (cpu, begin) = (account.cpu(&self.name)?, Instant::now());
        for number in 0..tasks {
            self.task(number)?;
        }
        Ok(Window { tasks, wall: begin.elapsed(), cpu: account.cpu(&self.name)? - cpu })
    }

    fn task(&mut self, number: u32) -> io::Result<()> {
        let name = format!("{}/{number}", self.name);
        let groups = HIERARCHIES.map(|hierarchy| group(hierarchy, &name));
        groups.iter().try_for_each(fs::create_dir)?;
        let joins =
            groups.iter().map(|group| CString::new(group.join("cgroup.procs").as_os_str().as_bytes()).map_err(io::Error::other));
        let joins = joins.collect::<io::Result<Vec<_>>>()?;
        let child = self.spawn(&joins)?;
        let status = waitpid(child, Some(WaitPidFlag::__WALL))?;
        if status != nix::sys::wait::WaitStatus::Exited(child, 0) {
            return Err(io::Error::other(format!("the bare task ended with {status:?}")));
        }
        groups.iter().try_for_each(remove)
    }

    fn spawn(&mut self, joins: &[CString]) -> io::Result<Pid> {
        let arguments = [PROGRAM.as_ptr(), ptr::null()];
        let environment: [*const c_char; 1] = [ptr::null()];
        let enter = Box::new(|| {
            if joins.iter().try_for_each(|join| write_zero(join)).is_ok() {
                // SAFETY: the program is a C string, and both arrays end in a null pointer.
                unsafe { nix::libc::execve(PROGRAM.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
            }
            FAILED
        });
        let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
        // SAFETY: the child has a stack of its own and this thread waits until it executed a program or ended. It makes system calls
        // only: no lock that another thread may hold is taken.
        Ok(unsafe { clone(enter, &mut self.stack, flags, Some(nix::libc::SIGCHLD)) }?)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        for hierarchy in HIERARCHIES {
            // A bench that failed half-way may leave a group with a process in it; that is for a person to see.
            let _ = remove(&group(hierarchy, &self.name));
        }
    }
}

fn write_zero(path: &CStr) -> nix::Result<()> {
    let file = openat(AT_FDCWD, path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(file, b"0").map(drop)
}

/// The kernel counts a process as living for a moment after it was waited for.
fn remove(path: &PathBuf) -> io::Result<()> {
    const ATTEMPTS_MAX: u32 = 10_000;
    for _ in 0..ATTEMPTS_MAX {
        match fs::remove_dir(path) {
            Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => std::thread::yield_now(),
            result => return result,
        }
    }
    Err(Errno::EBUSY.into())
}
