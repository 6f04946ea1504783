//! The few things that only the kernel's raw interface offers: two kinds of new process, one's own user, and file descriptors by
//! number. Owned here: every `unsafe` of this crate, each with its reason. Deliberately absent: when and why they are called.

#![allow(unsafe_code, reason = "fork, clone, exec and raw descriptors have no safe interface")]

use std::ffi::{CStr, c_char, c_int};
use std::io::{self, IoSliceMut};
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, mprotect, munmap};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use nix::unistd::{ForkResult, Pid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use meros_types::Exit;

/// Space for the calls between the clone of a task and its exec; a few KiB of it are used.
const TASK_STACK_BYTES: usize = 64 * 1024;
/// What a stack that grows too far runs into.
const GUARD_BYTES: usize = 4 * 1024;

/// Forks this process.
///
/// The launcher and its shims have a single thread, so the child may do whatever the parent could.
pub(super) fn fork() -> nix::Result<ForkResult> {
    // SAFETY: fork is unsafe because other threads' locks stay locked in the child. This process has no other threads: it became
    // the launcher before its `main` could start any.
    unsafe { nix::unistd::fork() }
}

/// Ends this process at once: no destructors, no exit handlers of the program that the launcher was forked from.
pub(super) fn exit_now(code: c_int) -> ! {
    // SAFETY: _exit only ends the process.
    unsafe { libc::_exit(code) }
}

/// Takes ownership of descriptor 0, through which an agent speaks to its launcher.
pub(super) fn own_standard_input() -> OwnedFd {
    // SAFETY: the parent opened it, and the standard library's handle of it never closes it. It is called once.
    unsafe { OwnedFd::from_raw_fd(0) }
}

/// Receives a message, which takes `buffer`'s first bytes, and the descriptor that came with it. None when the other end is closed.
/// A message that was cut off comes without its descriptor.
pub(super) fn receive(socket: &OwnedFd, buffer: &mut [u8]) -> nix::Result<Option<(usize, Option<OwnedFd>)>> {
    let mut control = nix::cmsg_space!(RawFd);
    let mut parts = [IoSliceMut::new(buffer)];
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC)?;
    let mut received = None;
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = part {
            // SAFETY: the kernel has just opened them for this process, and tells of them once.
            let mut owned = descriptors.into_iter().map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) });
            received = owned.next();
        }
    }
    let whole = !message.flags.contains(MsgFlags::MSG_TRUNC);
    Ok((message.bytes > 0).then_some((message.bytes, received.filter(|_| whole))))
}

/// Sets what a signal does in this process: nothing, or what it does by default.
pub(super) fn set_disposition(signal: Signal, handler: SigHandler) -> nix::Result<()> {
    assert!(matches!(handler, SigHandler::SigDfl | SigHandler::SigIgn), "no code of ours runs in a signal");
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: sigaction is unsafe for the sake of handlers, and none is installed.
    unsafe { nix::sys::signal::sigaction(signal, &action) }.map(drop)
}

/// Makes every signal do what it does by default, whatever the parent or the runtime made of it.
pub(super) fn default_dispositions() {
    /// The kernel's signals are 1 to this. The libc hides two of them and refuses to reset those, so this asks the kernel itself.
    const LAST: c_int = 64;
    /// The kernel's `struct sigaction`: handler, flags, restorer and mask. All zero is the default disposition.
    static DEFAULT: [u64; 4] = [0; 4];
    const MASK_BYTES: usize = 8;
    for signal in 1..=LAST {
        let old = ptr::null_mut::<[u64; 4]>();
        // SAFETY: the array is at least as large as the kernel's structure, which is only read. SIGKILL and SIGSTOP refuse, and are
        // at their default anyway.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, &raw const DEFAULT, old, MASK_BYTES) };
    }
}

/// Waits for one dead child, whoever it is, without blocking. None when children live but none is dead.
///
/// # Errors
/// `ECHILD` when there are no children.
pub(super) fn wait_any() -> nix::Result<Option<(Pid, Exit)>> {
    // Not nix's waitpid: it loses the status of a process that a real-time signal ended.
    wait_for(-1, libc::WNOHANG | libc::__WALL)
}

/// Waits until this child is dead.
pub(super) fn wait_dead(child: Pid) {
    while let Err(Errno::EINTR) = wait_for(child.as_raw(), libc::__WALL) {}
}

fn wait_for(which: libc::pid_t, options: c_int) -> nix::Result<Option<(Pid, Exit)>> {
    let mut status = 0;
    // SAFETY: `status` is a valid place for the call to write to.
    let pid = Errno::result(unsafe { libc::waitpid(which, &raw mut status, options) })?;
    let exit = if libc::WIFSIGNALED(status) { Exit::Signal(libc::WTERMSIG(status)) } else { Exit::Code(libc::WEXITSTATUS(status)) };
    Ok((pid != 0).then_some((Pid::from_raw(pid), exit)))
}

/// A stack for the short life between clone and exec. The launcher makes it once and every shim inherits it.
pub(super) struct TaskStack(&'static mut [u8]);

impl TaskStack {
    /// Maps the stack, with a guard below it.
    pub(super) fn new() -> nix::Result<Self> {
        let base = map(GUARD_BYTES + TASK_STACK_BYTES, MapFlags::MAP_PRIVATE | MapFlags::MAP_STACK)?;
        // SAFETY: the first page of the mapping that was just made, which nothing refers to.
        unsafe { mprotect(base, GUARD_BYTES, ProtFlags::PROT_NONE)? };
        // SAFETY: the rest of that mapping: readable, writable, zeroed, never unmapped, and referred to by nothing else.
        Ok(Self(unsafe { std::slice::from_raw_parts_mut(base.as_ptr().cast::<u8>().add(GUARD_BYTES), TASK_STACK_BYTES) }))
    }
}

fn map(bytes: usize, flags: MapFlags) -> nix::Result<ptr::NonNull<std::ffi::c_void>> {
    let bytes = NonZeroUsize::new(bytes).ok_or(Errno::EINVAL)?;
    // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no memory in use.
    unsafe { mmap_anonymous(None, bytes, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, flags) }
}

/// What the memory of a new process is until it executes its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChildMemory {
    /// The shim's own, while the shim waits, as vfork does: several times cheaper than a copy.
    Shared,
    /// A copy, as fork does. For containers so small that the kernel might kill in them before the exec: it would kill every
    /// process that shares the memory, the shim included.
    Copied,
}

/// Makes a process that runs `enter` and, unless that executes a program, ends. Waits for the one or the other. The error is what
/// `enter` came back with, or the errno of the clone itself.
pub(super) fn spawn(
    stack: &mut TaskStack,
    memory: ChildMemory,
    enter: &dyn Fn() -> NonZeroCode,
) -> nix::Result<Result<Pid, NonZeroCode>> {
    let code = SharedCode::new(memory)?;
    let mut flags = CloneFlags::CLONE_VFORK;
    flags.set(CloneFlags::CLONE_VM, memory == ChildMemory::Shared);
    let run = Box::new(|| {
        code.get().store(enter().0.get(), Ordering::SeqCst);
        FAILED_CODE
    });
    // SAFETY: the child has a stack of its own, and this single-threaded process is suspended until the child has executed a
    // program or ended, so nobody else uses the memory that they share. `enter` makes system calls and takes no lock.
    let child = unsafe { nix::sched::clone(run, stack.0, flags, Some(libc::SIGCHLD))? };
    match NonZeroCode::new(code.get().load(Ordering::SeqCst)) {
        None => Ok(Ok(child)),
        Some(code) => {
            wait_dead(child);
            Ok(Err(code))
        }
    }
}

/// The exit code of a child that could not execute its program, as shells have it. Nobody sees it.
const FAILED_CODE: isize = 127;

/// Why a child could not execute its program, packed by the caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct NonZeroCode(std::num::NonZeroU64);

impl NonZeroCode {
    /// None for zero, which stands for "no failure".
    pub(super) fn new(code: u64) -> Option<Self> {
        std::num::NonZeroU64::new(code).map(Self)
    }

    /// The packed number.
    pub(super) fn get(self) -> u64 {
        self.0.get()
    }
}

/// A number that a child can leave for its parent, whether they share all memory or only this.
enum SharedCode {
    Local(Box<AtomicU64>),
    Mapped(ptr::NonNull<AtomicU64>),
}

impl SharedCode {
    fn new(memory: ChildMemory) -> nix::Result<Self> {
        Ok(match memory {
            ChildMemory::Shared => Self::Local(Box::default()),
            ChildMemory::Copied => Self::Mapped(map(size_of::<AtomicU64>(), MapFlags::MAP_SHARED)?.cast()),
        })
    }

    fn get(&self) -> &AtomicU64 {
        match self {
            Self::Local(code) => code,
            // SAFETY: the mapping is page-aligned, zeroed (a valid AtomicU64) and lives as long as `self`.
            Self::Mapped(code) => unsafe { code.as_ref() },
        }
    }
}

impl Drop for SharedCode {
    fn drop(&mut self) {
        if let Self::Mapped(code) = self {
            // SAFETY: `new` mapped it, and `get` lends it for no longer than `self` lives. A failure only leaves a page mapped.
            let _ = unsafe { munmap(code.cast(), size_of::<AtomicU64>()) };
        }
    }
}

/// Strings as exec takes them: pointers, then a null. Made before the clone, so that the child need not allocate.
pub(super) struct Pointers<'text> {
    pointers: Vec<*const c_char>,
    texts: PhantomData<&'text CStr>,
}

impl<'text> Pointers<'text> {
    /// To these strings.
    pub(super) fn to(texts: &[&'text CStr]) -> Self {
        let pointers = texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
        Self { pointers, texts: PhantomData }
    }
}

/// Executes a program in place of this process. Comes back only to say why not.
pub(super) fn execute(program: &CStr, arguments: &Pointers<'_>, environment: &Pointers<'_>) -> Errno {
    // SAFETY: all pointers are to NUL-terminated strings that outlive the call, and both arrays end in a null pointer.
    unsafe { libc::execve(program.as_ptr(), arguments.pointers.as_ptr(), environment.pointers.as_ptr()) };
    Errno::last()
}

/// Makes this process, and no other that shares its memory, an unprivileged user's with no further groups.
pub(super) fn become_user(uid: u32) -> nix::Result<()> {
    // The raw calls: libc's own would first ask every "thread" of the process whose memory this one shares to do the same.
    // SAFETY: the calls take numbers and, for no groups, no list.
    unsafe {
        Errno::result(libc::syscall(libc::SYS_setgroups, 0, ptr::null::<libc::gid_t>()))?;
        Errno::result(libc::syscall(libc::SYS_setresgid, uid, uid, uid))?;
        Errno::result(libc::syscall(libc::SYS_setresuid, uid, uid, uid))?;
    }
    Ok(())
}

/// Closes every descriptor from 3 on, known or not. Only for a process that is about to execute another program.
pub(super) fn close_all_but_standard() -> nix::Result<()> {
    const FIRST: libc::c_uint = 3;
    // SAFETY: the descriptors' owners in this process never run again: it executes a program or ends.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0) }).map(drop)
}

/// Whether a file has this extended attribute, as far as this user may see.
pub(crate) fn has_attribute(path: &CStr, name: &CStr) -> bool {
    // SAFETY: both strings end in NUL, and a value for which there is no room is not written.
    unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), ptr::null_mut(), 0) >= 0 }
}

/// A handle of a process that can't come to mean another one.
pub(crate) fn open_process(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: the call takes numbers and returns a new descriptor, which nothing else owns.
    unsafe {
        let descriptor = Errno::result(libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0))?;
        Ok(OwnedFd::from_raw_fd(RawFd::try_from(descriptor).map_err(|_| Errno::EBADF)?))
    }
}

/// A descriptor whose readiness tokio tells; for a handle of a process that is when the process has ended.
pub(crate) fn watch(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an owned descriptor is open, and the same one, for as long as it is owned.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?)
}

/// Sends a signal to the process of a handle.
pub(crate) fn signal_process(process: impl AsFd, signal: Signal) -> nix::Result<()> {
    let descriptor = process.as_fd().as_raw_fd();
    // SAFETY: the call takes numbers, and no further information about the signal.
    let result =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, descriptor, signal as c_int, ptr::null::<libc::siginfo_t>(), 0) };
    Errno::result(result).map(drop)
}
