//! What a shim wants done. Imperative: its process performs, in this order.

use meros_types::ExitRecord;

/// Something for the shim's process to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// SIGTERM to the process group of the task, whose own process has not been waited for: so its id is still its own.
    TerminateTask,
    /// SIGKILL to every process of the tree. Need not succeed at once: it is asked for again until the tree is empty.
    KillTree,
    /// Count the processes that the kernel killed for lack of memory. Answered by `OomKillsCounted`.
    CountOomKills,
    /// Copy what the dead tree left in its output pipes, without waiting for more: others may hold them open.
    DrainOutput,
    /// Read the counters: after the last process is dead, so that nothing is missed, and before anybody removes the cgroups.
    /// Answered by `Measured`.
    Measure,
    /// Leave the record where the agent finds it.
    LeaveRecord(ExitRecord),
    /// End the shim's process: the agent takes this as "the container is over, look for its record".
    Quit,
}
