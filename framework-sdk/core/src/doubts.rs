//! Live tasks of which the master's opinion is not known: all of them after a reconnection, then those that it didn't know.
//! Owned: whom to ask about and when. Absent: what an answer means for a task.

use std::collections::BTreeSet;
use std::time::Duration;

use meros_types::{AgentId, TaskId, Time};

use crate::limits::{ASK_AGAIN_FIRST, ASK_AGAIN_MAX};

#[derive(Debug, Default)]
pub(crate) struct Doubts {
    tasks: BTreeSet<TaskId>,
    /// The agents that this session's master has spoken of as registered, since there were doubts.
    registered: BTreeSet<AgentId>,
    ask_at: Option<Time>,
    wait: Duration,
}

impl Doubts {
    /// A session has begun: everything is in doubt, and what was known of agents is void.
    pub(crate) fn restart(&mut self, tasks: BTreeSet<TaskId>, now: Time) {
        *self = Self { tasks, wait: ASK_AGAIN_FIRST, ..Self::default() };
        self.ask_at = (!self.tasks.is_empty()).then_some(now);
    }

    /// These are to be asked about at once as well.
    pub(crate) fn ask_now(&mut self, tasks: impl Iterator<Item = TaskId>, now: Time) {
        self.tasks.extend(tasks);
        self.wait = ASK_AGAIN_FIRST;
        self.ask_at = (!self.tasks.is_empty()).then_some(now);
    }

    /// The master doesn't know this one.
    pub(crate) fn unknown(&mut self, task: TaskId, now: Time) {
        if self.tasks.is_empty() {
            self.wait = ASK_AGAIN_FIRST;
        }
        self.tasks.insert(task);
        self.ask_at = self.ask_at.or(Some(now.after(self.wait)));
    }

    /// The master knows this one, or it is over.
    pub(crate) fn settle(&mut self, task: &TaskId) {
        if !self.tasks.is_empty() && self.tasks.remove(task) && self.tasks.is_empty() {
            self.ask_at = None;
            self.registered.clear();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The master spoke of this agent as one that is registered with it.
    pub(crate) fn agent_is_registered(&mut self, agent: AgentId) {
        if !self.tasks.is_empty() {
            self.registered.insert(agent);
        }
    }

    pub(crate) fn has_registered(&self, agent: AgentId) -> bool {
        self.registered.contains(&agent)
    }

    /// The tasks to ask about now.
    pub(crate) fn take_due(&mut self, now: Time) -> Vec<TaskId> {
        match self.ask_at {
            Some(at) if at <= now => {
                self.ask_at = Some(now.after(self.wait));
                self.wait = (self.wait * 2).min(ASK_AGAIN_MAX);
                self.tasks.iter().cloned().collect()
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn wakeup(&self) -> Option<Time> {
        self.ask_at
    }

    pub(crate) fn check(&self, is_live: impl Fn(&TaskId) -> bool) {
        assert_eq!(self.ask_at.is_some(), !self.tasks.is_empty(), "there is a question exactly while there are doubts");
        assert!(self.tasks.iter().all(is_live), "only live tasks are in doubt");
    }
}
