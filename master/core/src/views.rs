//! What the master says of tasks unasked at each subscription, and asked in reconciling: views, which nobody acknowledges, and the
//! facts that ended them.
//!
//! Owned here: which view it is. Deliberately absent: questions that wait. One about a task whose agent, or whose last fact, is
//! waited for gets no answer; its scheduler asks again.

use meros_types::{AgentId, FrameworkEvent, Now, Reason, Source, TaskId, TaskQuery, TaskState, TaskUpdate};

use crate::table::{FrameworkIx, TaskIx};
use crate::{Effect, Master};

impl Master {
    /// Tells a new session what its framework may have missed and no agent will repeat. Ends that agents have stated come as
    /// facts, with how they came about; those of a gone agent, from here.
    pub(crate) fn repeat_views(&self, framework: FrameworkIx, effects: &mut Vec<Effect>) {
        for ix in self.frameworks[framework].tasks.values() {
            let task = &self.tasks[*ix];
            let update = &task.update;
            let is_view = update.fact.is_none() && (is_masters_own(update.state) || update.reason == Reason::AgentGone);
            if is_view || (task.awaits_word() && self.agents[task.agent].gone) {
                self.tell(framework, FrameworkEvent::Update(Box::new(update.clone())), effects);
            }
        }
    }

    /// Says how these tasks are; all live ones, if none is named.
    pub(crate) fn reconcile(&self, now: Now, framework: FrameworkIx, queries: Vec<TaskQuery>, effects: &mut Vec<Effect>) {
        if queries.is_empty() {
            let live = self.live_tasks_of(framework).into_iter();
            return live.for_each(|ix| self.tell(framework, FrameworkEvent::Update(Box::new(self.how(ix))), effects));
        }
        for query in queries {
            self.answer_how(now, framework, query, effects);
        }
    }

    /// Says how a task is, as far as the master knows. While its agent is waited for, or the fact of its end, that is nothing.
    pub(crate) fn answer_how(&self, now: Now, framework: FrameworkIx, query: TaskQuery, effects: &mut Vec<Effect>) {
        let known = self.frameworks[framework].tasks_named(&query.task).max_by_key(|ix| self.tasks[*ix].is_live());
        let answer = match (known, query.agent) {
            (Some(ix), _) if self.tasks[ix].is_bare_end() => None,
            (Some(ix), _) => Some(self.how(ix)),
            (None, Some(agent)) => self.how_without_task(now, query.task, agent),
            (None, None) => Some(unheard_of(now, query.task)),
        };
        if let Some(update) = answer {
            self.tell(framework, FrameworkEvent::Update(Box::new(update)), effects);
        }
    }

    /// What is known of a task. An end that its agent has stated stays the fact that it is: it may be news to its scheduler, which
    /// must be able to acknowledge it when it has dealt with it.
    fn how(&self, ix: TaskIx) -> TaskUpdate {
        let task = &self.tasks[ix];
        match task.is_live() {
            true => TaskUpdate { source: Source::Master, fact: None, ..task.update.clone() },
            false => task.update.clone(),
        }
    }

    /// What follows from its agent alone for a task that the master has not heard of.
    fn how_without_task(&self, now: Now, task: TaskId, id: AgentId) -> Option<TaskUpdate> {
        let (state, reason, message) = match self.agents_by_id.get(&id).map(|agent| &self.agents[*agent]) {
            // An agent tells all that it has when it registers, and this master has launched nothing of this name on it since.
            Some(agent) if agent.ledger.is_some() => {
                (TaskState::Unknown, Reason::Reconciliation, "its agent is registered and doesn't have it")
            }
            Some(agent) if agent.lost_since.is_some() => {
                (TaskState::Unreachable, Reason::AgentUnreachable, "its agent is unreachable; it is known again when that is back")
            }
            Some(_) => return None,
            None if self.gone.contains(&id) => {
                (TaskState::GoneByOperator, Reason::AgentGone, "an operator declared its agent gone for good")
            }
            None => return Some(unheard_of(now, task)),
        };
        let mut update = TaskUpdate::new(task, state, Source::Master, reason, message, now.wall);
        update.agent = Some(id);
        Some(update)
    }
}

/// The states that are never an agent's statement.
fn is_masters_own(state: TaskState) -> bool {
    use TaskState::{Dropped, Gone, GoneByOperator, Unreachable};
    matches!(state, Dropped | Gone | GoneByOperator | Unreachable)
}

fn unheard_of(now: Now, task: TaskId) -> TaskUpdate {
    let message = "the master knows no such task";
    TaskUpdate::new(task, TaskState::Unknown, Source::Master, Reason::Reconciliation, message, now.wall)
}
