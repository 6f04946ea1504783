//! How a task ended, told truly from what its shim recorded.

use meros_types::{ContainerId, Exit, ExitRecord, Limitation, Limits, Now, Reason, TaskState, show_bytes};

use crate::containers::Phase;
use crate::facts::Statement;
use crate::shim::memory::{OutOfMemory, out_of_memory};
use crate::{Agent, Effect};

impl Agent {
    /// A container is over: its resources are free, and its task's last fact is stated. That it had started may be unsaid: the
    /// two come by different ways.
    pub(crate) fn container_ended(&mut self, now: Now, id: ContainerId, record: Option<ExitRecord>, effects: &mut Vec<Effect>) {
        let Some(container) = self.containers.get(&id).filter(|container| container.phase != Phase::Over) else { return };
        let killed = container.kill.is_some();
        let statement = match &record {
            Some(record) => {
                Statement { exit: Some(record.exit), usage: Some(record.usage), ..outcome(record, &container.limits, killed) }
            }
            None => lost(),
        };
        self.release(id, effects);
        self.fact(now, id, statement, effects);
    }
}

fn lost() -> Statement {
    let message = "its shim died before it could record how the task ended; every process of it was killed";
    Statement::new(TaskState::Failed, Reason::SupervisorLost, message)
}

fn outcome(record: &ExitRecord, limits: &Limits, killed: bool) -> Statement {
    match (out_of_memory(record, limits), record.exit) {
        (Some(OutOfMemory::ContainerLimit), _) => over_limit(record, limits),
        (Some(OutOfMemory::Agent), _) => {
            let message = "the agent's machine ran out of memory; the task was within its own limit";
            Statement::new(TaskState::Failed, Reason::AgentOutOfMemory, message)
        }
        (None, exit) if killed => Statement::new(TaskState::Killed, Reason::KillRequested, format!("it was asked to end: {exit}")),
        (None, Exit::Code(0)) => Statement::new(TaskState::Finished, Reason::Exited, "exit code 0"),
        (None, exit @ Exit::Code(_)) => Statement::new(TaskState::Failed, Reason::Exited, exit.to_string()),
        (None, exit @ Exit::Signal(_)) => Statement::new(TaskState::Failed, Reason::Signaled, exit.to_string()),
    }
}

fn over_limit(record: &ExitRecord, limits: &Limits) -> Statement {
    let (limit, measured) = (limits.memory_bytes, record.usage.memory_peak_bytes);
    let message = format!("it needed more memory than its limit of {} (peak {})", show_bytes(limit), show_bytes(measured));
    let limitation = Limitation { resource: "mem".to_owned(), limit, measured };
    Statement { limitation: Some(limitation), ..Statement::new(TaskState::Failed, Reason::MemoryLimit, message) }
}
