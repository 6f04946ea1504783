//! What can happen to a shim. Past tense: its process reports, [`Shim`](super::Shim) decides.

use meros_types::{Exit, Usage};

/// How hard a container is to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// Ask: SIGTERM to the process group of its task.
    Terminate,
    /// Insist: SIGKILL to every process in it.
    Destroy,
}

/// Something that happened outside the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Dead processes of the tree were waited for, in one go: all that were dead at that moment.
    ProcessesReaped {
        /// How the task's own process ended, if it was among them.
        task: Option<Exit>,
        /// Whether any was ended by SIGKILL: perhaps for lack of memory.
        killed: bool,
        /// Whether no process of the tree is left. Then the task's own was among these or earlier ones.
        tree_empty: bool,
    },
    /// Somebody wants the container to end.
    KillRequested(Kill),
    /// The kernel announced that the container, or a group around it, has no memory left. It may be about to kill.
    MemoryRanOut,
    /// Answers [`Effect::CountOomKills`](super::Effect::CountOomKills).
    OomKillsCounted(u64),
    /// Answers [`Effect::Measure`](super::Effect::Measure); its `wall` is not looked at.
    Measured(Usage),
    /// The moment that [`Shim::wakeup`](super::Shim::wakeup) named has come, or passed.
    TimePassed,
}
