//! How a task ended, told truly from what its shim recorded.

use std::time::Duration;

use meros_types::{ContainerId, Exit, ExitRecord, Limitation, Limits, Now, Reason, TaskState, show_bytes};

use crate::containers::Phase;
use crate::event::StartFailure;
use crate::facts::Statement;
use crate::killing::{Why, never_started, over_disk};
use crate::shim::memory::{OutOfMemory, out_of_memory};
use crate::{Agent, Effect};

impl Agent {
    /// A container is over: its resources are free, and its task's last fact is stated. That it had started may be unsaid: the
    /// two come by different ways.
    pub(crate) fn container_ended(&mut self, now: Now, id: ContainerId, record: Option<ExitRecord>, effects: &mut Vec<Effect>) {
        let live = |phase| matches!(phase, Phase::Starting | Phase::Running);
        if self.containers.get(&id).is_some_and(|container| live(container.phase)) {
            self.ended_as_recorded(now, id, record, effects);
        }
    }

    /// The same for one of an earlier life, which ended while there was no agent.
    pub(crate) fn ended_as_recorded(&mut self, now: Now, id: ContainerId, record: Option<ExitRecord>, effects: &mut Vec<Effect>) {
        let Some(container) = self.containers.get(&id) else { return };
        let why = container.kill.as_ref().map(|kill| &kill.why);
        let statement = match &record {
            Some(record) => {
                let outcome = outcome(record, &container.limits, why, self.config.start_max);
                Statement { exit: Some(record.exit), usage: Some(record.usage), ..outcome }
            }
            None => lost(),
        };
        self.release(now, id, statement, effects);
    }

    pub(crate) fn container_failed(&mut self, now: Now, id: ContainerId, failure: StartFailure, effects: &mut Vec<Effect>) {
        let Some(container) = self.containers.get(&id).filter(|container| container.phase == Phase::Starting) else { return };
        let statement = match container.kill.as_ref().map(|kill| &kill.why) {
            Some(Why::Asked | Why::AgentEnds) => never_started(),
            Some(Why::Late) => late(self.config.start_max),
            Some(Why::Disk(_) | Why::Unrecorded) | None => match failure {
                StartFailure::Program(message) => Statement::new(TaskState::Failed, Reason::LaunchFailed, message),
                StartFailure::Agent(message) => Statement::new(TaskState::Failed, Reason::ContainerFailed, message),
            },
        };
        self.release(now, id, statement, effects);
    }
}

fn lost() -> Statement {
    let message = "its shim died before it could record how the task ended; every process of it was killed";
    Statement::new(TaskState::Failed, Reason::SupervisorLost, message)
}

fn late(start_max: Duration) -> Statement {
    Statement::new(TaskState::Failed, Reason::ContainerFailed, format!("it did not start within {start_max:?}"))
}

fn outcome(record: &ExitRecord, limits: &Limits, why: Option<&Why>, start_max: Duration) -> Statement {
    match out_of_memory(record, limits) {
        Some(OutOfMemory::ContainerLimit) => return over_limit(record, limits),
        Some(OutOfMemory::Agent) => {
            let message = "the agent's machine ran out of memory; the task was within its own limit";
            return Statement::new(TaskState::Failed, Reason::AgentOutOfMemory, message);
        }
        None => {}
    }
    match (why, record.exit) {
        (Some(Why::Asked | Why::AgentEnds), exit) => {
            Statement::new(TaskState::Killed, Reason::KillRequested, format!("it was asked to end: {exit}"))
        }
        // Any other exit came before the kill could: the task ended by itself.
        (Some(why), Exit::Signal(SIGKILL)) => destroyed(why, start_max),
        (_, Exit::Code(0)) => Statement::new(TaskState::Finished, Reason::Exited, "exit code 0"),
        (_, exit @ Exit::Code(_)) => Statement::new(TaskState::Failed, Reason::Exited, exit.to_string()),
        (_, exit @ Exit::Signal(_)) => Statement::new(TaskState::Failed, Reason::Signaled, exit.to_string()),
    }
}

/// The signal that a container is destroyed with.
const SIGKILL: i32 = 9;

/// Why the agent destroyed a container that nobody had asked it to.
fn destroyed(why: &Why, start_max: Duration) -> Statement {
    match why {
        Why::Disk(limitation) => over_disk(limitation),
        Why::Unrecorded => {
            let message = "the agent's log lost what it holds, so that it could not go on";
            Statement::new(TaskState::Failed, Reason::ContainerFailed, message)
        }
        Why::Late | Why::Asked | Why::AgentEnds => late(start_max),
    }
}

fn over_limit(record: &ExitRecord, limits: &Limits) -> Statement {
    let (limit, measured) = (limits.memory_bytes, record.usage.memory_peak_bytes);
    let message = format!("it needed more memory than its limit of {} (peak {})", show_bytes(limit), show_bytes(measured));
    let limitation = Limitation { resource: "mem".to_owned(), limit, measured };
    Statement { limitation: Some(limitation), ..Statement::new(TaskState::Failed, Reason::MemoryLimit, message) }
}
