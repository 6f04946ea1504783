//! What becomes of offers when a callback has returned.

use meros_types::{AcceptGroup, Operation, Reason, Source, TaskId, TaskSpec, TaskState, TaskUpdate};

use super::Host;
use crate::limits::{HELD_MAX, TASKS_MAX};
use crate::offer::{Answer, Fate};
use crate::{Offer, Scheduler, SessionError};

impl<S: Scheduler> Host<S> {
    /// Writes the scheduler's decision on `offer` down.
    pub(super) fn answer(&mut self, offer: Offer) {
        if offer.fate == Fate::Held && !offer.is_answered() && self.cx.held.len() < HELD_MAX {
            return self.cx.held.keep(offer, self.cx.now.mono);
        }
        let Answer { id, agent, mut launches, filter } = offer.into_answer();
        launches.retain(|task| self.register_launch(task, agent.id));
        if launches.is_empty() {
            return self.outbox.decline(id, filter);
        }
        self.outbox.accept(AcceptGroup { leases: vec![id], operations: vec![Operation::Launch(launches)] }, filter);
    }

    /// Whether this launch may be sent: its id is a new one. Another is refused here, since the master's refusal could be
    /// taken for the end of the task that has the id.
    fn register_launch(&mut self, task: &TaskSpec, agent: meros_types::AgentId) -> bool {
        if self.cx.tasks.is_taken(&task.id) {
            let message = "this framework has, or had, a task of this id; take a new one from cx.new_task_id()";
            let mut update = self.view(task.id.clone(), TaskState::Error, Reason::DuplicateTask, message);
            update.agent = Some(agent);
            self.refused.push(update);
            return false;
        }
        if self.cx.tasks.len() == TASKS_MAX {
            self.cx.fail(SessionError::LimitExceeded { what: "live tasks", limit: TASKS_MAX });
            return false;
        }
        let session = self.link.session().expect("offers are in the scheduler's hands only during a session");
        self.cx.tasks.launch(task.id.clone(), agent, session.term);
        true
    }

    /// Tells the scheduler of launches that were refused here. It may launch again on held offers, and be refused again.
    pub(super) fn tell_refused(&mut self) {
        while !self.refused.is_empty() {
            for update in std::mem::take(&mut self.refused) {
                self.call(|scheduler, cx| scheduler.update(&update, cx));
            }
        }
    }

    /// The connection was lost before the task's accept could leave.
    pub(super) fn report_never_sent(&mut self, task: TaskId) {
        let message = "the connection to the master was lost before the launch was sent";
        let agent = self.cx.task(&task).and_then(crate::Task::agent);
        let mut update = self.view(task, TaskState::Dropped, Reason::LaunchLost, message);
        update.agent = agent;
        self.on_update(update);
    }

    /// A statement that the SDK makes in the master's place.
    pub(super) fn view(&self, task: TaskId, state: TaskState, reason: Reason, message: &str) -> TaskUpdate {
        TaskUpdate::new(task, state, Source::Master, reason, message, self.cx.now.wall)
    }
}
