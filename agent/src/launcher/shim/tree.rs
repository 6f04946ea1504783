//! The processes of a container, seen from their shim: waiting for the dead, and killing the living without cgroups.

use std::collections::BTreeSet;
use std::fs;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};

use meros_agent_core::shim::Event;
use meros_types::Exit;

use crate::launcher::sys;

/// How often the tree is searched for processes that were forked while the others were being stopped.
const SEARCHES_MAX: u32 = 16;

/// Waits for every process of the tree that is dead by now.
pub(super) fn reap(task: Pid) -> Event {
    let mut task_exit = None;
    let mut killed = false;
    let tree_empty = loop {
        match sys::wait_any() {
            Ok(Some((pid, exit))) => {
                killed |= exit == Exit::Signal(libc::SIGKILL);
                if pid == task {
                    task_exit = Some(exit);
                }
            }
            Ok(None) => break false,
            Err(Errno::EINTR) => {}
            // ECHILD. Every orphan of the tree becomes a child of this process, so without children the tree is empty.
            Err(_) => break true,
        }
    };
    Event::ProcessesReaped { task: task_exit, killed, tree_empty }
}

/// Kills every descendant of this process. They are stopped first, so that none can fork while the others are found. One that
/// still slips through is found the next time.
pub(super) fn kill_descendants() {
    let mut found = BTreeSet::new();
    for _ in 0..SEARCHES_MAX {
        let before = found.len();
        for pid in descendants() {
            if found.insert(pid) {
                // It may have ended since.
                let _ = kill(pid, Signal::SIGSTOP);
            }
        }
        if found.len() == before {
            break;
        }
    }
    for pid in found {
        let _ = kill(pid, Signal::SIGKILL);
    }
}

fn descendants() -> Vec<Pid> {
    let mut found = children(getpid());
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children(pid));
        next += 1;
    }
    found
}

/// The children of every thread of a process; none when it has ended.
fn children(pid: Pid) -> Vec<Pid> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok().map(Pid::from_raw)).collect::<Vec<_>>())
        .collect()
}
