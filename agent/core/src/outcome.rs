//! How a task ended, told truly from what its shim recorded.

use meros_types::{ContainerId, Exit, ExitRecord, Limitation, Limits, Now, Reason, TaskState, show_bytes};

use crate::containers::Phase;
use crate::shim::memory::{OutOfMemory, out_of_memory};
use crate::{Agent, Effect};

/// The end of a task, as it is stated.
struct Outcome {
    state: TaskState,
    reason: Reason,
    message: String,
    limitation: Option<Limitation>,
}

impl Agent {
    /// A container is over: its resources are free, and its task's last fact is stated. That it had started may be unsaid: the
    /// two come by different ways.
    pub(crate) fn container_ended(&mut self, now: Now, id: ContainerId, record: Option<ExitRecord>, effects: &mut Vec<Effect>) {
        let Some(container) = self.containers.get(&id).filter(|container| container.phase != Phase::Over) else { return };
        let killed = container.kill.is_some();
        let outcome = match &record {
            Some(record) => outcome(record, &container.limits, killed),
            None => lost(),
        };
        self.release(id, effects);
        let Outcome { state, reason, message, limitation } = outcome;
        self.fact(now, id, state, reason, message, effects, |update| {
            update.exit = record.map(|record| record.exit);
            update.usage = record.map(|record| record.usage);
            update.limitation = limitation;
        });
    }
}

fn lost() -> Outcome {
    let message = "its shim died before it could record how the task ended; every process of it was killed".to_owned();
    Outcome { state: TaskState::Failed, reason: Reason::SupervisorLost, message, limitation: None }
}

fn outcome(record: &ExitRecord, limits: &Limits, killed: bool) -> Outcome {
    let plain = |state, reason, message| Outcome { state, reason, message, limitation: None };
    match (out_of_memory(record, limits), record.exit) {
        (Some(OutOfMemory::ContainerLimit), _) => over_limit(record, limits),
        (Some(OutOfMemory::Agent), _) => {
            let message = "the agent's machine ran out of memory; the task was within its own limit".to_owned();
            plain(TaskState::Failed, Reason::AgentOutOfMemory, message)
        }
        (None, exit) if killed => plain(TaskState::Killed, Reason::KillRequested, format!("it was asked to end: {exit}")),
        (None, Exit::Code(0)) => plain(TaskState::Finished, Reason::Exited, "exit code 0".to_owned()),
        (None, exit @ Exit::Code(_)) => plain(TaskState::Failed, Reason::Exited, exit.to_string()),
        (None, exit @ Exit::Signal(_)) => plain(TaskState::Failed, Reason::Signaled, exit.to_string()),
    }
}

fn over_limit(record: &ExitRecord, limits: &Limits) -> Outcome {
    let (limit, measured) = (limits.memory_bytes, record.usage.memory_peak_bytes);
    Outcome {
        state: TaskState::Failed,
        reason: Reason::MemoryLimit,
        message: format!("it needed more memory than its limit of {} (peak {})", show_bytes(limit), show_bytes(measured)),
        limitation: Some(Limitation { resource: "mem".to_owned(), limit, measured }),
    }
}
