//! The scheduler's own live tasks. Owned: their newest states, which statements about them are news, and which kills are to
//! be repeated. Absent: telling anybody.
//!
//! Facts are told apart per task, by agent's life and number: that is exact, needs no memory beyond the task's own, and a
//! fact that arrives after a later one about *another* task (after a lost connection) is delivered and not taken for a
//! repetition. A task that has ended hears nothing more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use meros_types::{AgentId, FactId, Incarnation, KillCall, LaunchId, Reason, TaskId, TaskState, TaskUpdate, Term, Time};

use crate::deadlines::Deadlines;
use crate::limits::{ENDED_MAX, KILL_REPEAT_FIRST, KILL_REPEAT_MAX, LIVES_MAX};

/// A live task, as far as its scheduler has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    state: TaskState,
    agent: Option<AgentId>,
    launch: Option<LaunchId>,
    /// The master's term when its accept was composed, until a master shows that it knows the task. None for a task of an
    /// earlier process, which was known when this one heard of it.
    accepted_in: Option<Term>,
    /// The newest fact about it, and the earlier lives of its agent.
    fact: Option<FactId>,
    lives: Vec<Incarnation>,
    kill: Option<Kill>,
}

/// The wish that a task should end, and the wait before it is said again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kill {
    grace: Option<Duration>,
    wait: Duration,
}

impl Task {
    fn new(agent: Option<AgentId>, accepted_in: Option<Term>) -> Self {
        Self { state: TaskState::Staging, agent, launch: None, accepted_in, fact: None, lives: Vec::new(), kill: None }
    }

    /// Its newest state; STAGING from the moment it is launched. Never a terminal one.
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// Its agent; none for a task of an earlier process of which nothing more is known.
    pub fn agent(&self) -> Option<AgentId> {
        self.agent
    }

    /// The master's number for the launch, as soon as the master has confirmed it.
    pub fn launch(&self) -> Option<LaunchId> {
        self.launch
    }

    /// Whether its end was asked for with [`crate::Context::kill`].
    pub fn is_kill_requested(&self) -> bool {
        self.kill.is_some()
    }

    /// Whether a master of `term` that doesn't know it proves that it never started. See the crate's documentation.
    pub(crate) fn is_unconfirmed_since(&self, term: Term) -> bool {
        self.accepted_in == Some(term)
    }

    /// Whether the launch was never confirmed.
    pub(crate) fn is_unconfirmed(&self) -> bool {
        self.accepted_in.is_some()
    }

    /// Whether `fact` is later than what was heard, and if so, that it was heard.
    fn hear(&mut self, fact: FactId) -> bool {
        match self.fact {
            _ if self.lives.contains(&fact.incarnation) => return false,
            Some(last) if last.incarnation == fact.incarnation && fact.n <= last.n => return false,
            Some(last) if last.incarnation != fact.incarnation => {
                if self.lives.len() == LIVES_MAX {
                    self.lives.remove(0);
                }
                self.lives.push(last.incarnation);
            }
            _ => {}
        }
        self.fact = Some(fact);
        true
    }
}

/// Every live task by its id, and the ended ones that must not be heard of again.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    live: BTreeMap<TaskId, Task>,
    kills: Deadlines<TaskId>,
    ended: Ended,
    /// Whether there may be tasks that another process of this framework launched.
    adopts: bool,
}

impl Tasks {
    pub(crate) fn new(adopts: bool) -> Self {
        Self { adopts, ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    pub(crate) fn get(&self, id: &TaskId) -> Option<&Task> {
        self.live.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&TaskId, &Task)> {
        self.live.iter()
    }

    /// Whether this id may not be launched (again).
    pub(crate) fn is_taken(&self, id: &TaskId) -> bool {
        self.live.contains_key(id) || self.ended.ids.contains(id)
    }

    pub(crate) fn launch(&mut self, id: TaskId, agent: AgentId, term: Term) {
        let before = self.live.insert(id, Task::new(Some(agent), Some(term)));
        assert!(before.is_none(), "a task id is launched once");
    }

    /// Takes the statement in; says whether it is news to the scheduler.
    pub(crate) fn take_in(&mut self, update: &TaskUpdate) -> bool {
        let Some(task) = self.live.get_mut(&update.task) else { return self.take_in_unknown(update) };
        if update.reason == Reason::DuplicateTask && task.launch.is_some() && update.launch.is_none() {
            return true; // About a second launch of the same id, not about this task.
        }
        if let (Some(mine), Some(other)) = (task.launch, update.launch)
            && mine != other
        {
            return false;
        }
        if update.state != TaskState::Unknown || update.launch.is_some() {
            task.accepted_in = None;
        }
        task.launch = task.launch.or(update.launch);
        task.agent = update.agent.or(task.agent);
        let news = match update.fact {
            Some(fact) => task.hear(fact),
            None => task.state != update.state,
        };
        if news {
            task.state = update.state;
        }
        if news && update.state.is_terminal() {
            self.end(update);
        }
        news
    }

    /// A statement about a task that is not live: one that has ended, or one of an earlier process.
    fn take_in_unknown(&mut self, update: &TaskUpdate) -> bool {
        if !self.adopts || update.state == TaskState::Unknown || self.ended.ids.contains(&update.task) {
            return false;
        }
        if update.state.is_terminal() {
            self.ended.remember(update.task.clone());
            return true;
        }
        let mut task = Task::new(update.agent, None);
        (task.state, task.launch, task.fact) = (update.state, update.launch, update.fact);
        self.live.insert(update.task.clone(), task);
        true
    }

    fn end(&mut self, update: &TaskUpdate) {
        self.live.remove(&update.task);
        self.kills.clear(&update.task);
        // A duplicate's end says nothing about the task that has the id rightfully: it may yet be adopted.
        if update.reason != Reason::DuplicateTask {
            self.ended.remember(update.task.clone());
        }
    }

    /// Wants the task to end, from now on until it has. Says whether it is live.
    pub(crate) fn kill(&mut self, id: &TaskId, grace: Option<Duration>, now: Time) -> bool {
        let Some(task) = self.live.get_mut(id) else { return false };
        if task.kill.is_none_or(|kill| kill.grace != grace) {
            task.kill = Some(Kill { grace, wait: KILL_REPEAT_FIRST });
            self.kills.set(id.clone(), now);
        }
        true
    }

    /// All wishes are to be said at once: the master of a new session may have heard none.
    pub(crate) fn repeat_kills(&mut self, now: Time) {
        let ids: Vec<TaskId> = self.kills.keys().cloned().collect();
        for id in ids {
            if let Some(kill) = self.live.get_mut(&id).and_then(|task| task.kill.as_mut()) {
                kill.wait = KILL_REPEAT_FIRST;
            }
            self.kills.set(id, now);
        }
    }

    /// The kills to say now; each is to be said again later.
    pub(crate) fn take_due_kills(&mut self, now: Time) -> Vec<KillCall> {
        let mut calls = Vec::new();
        for id in self.kills.take_due(now) {
            let Some(kill) = self.live.get_mut(&id).and_then(|task| task.kill.as_mut()) else { continue };
            calls.push(KillCall { task: id.clone(), grace: kill.grace });
            self.kills.set(id, now.after(kill.wait));
            kill.wait = (kill.wait * 2).min(KILL_REPEAT_MAX);
        }
        calls
    }

    /// When a kill is to be said next.
    pub(crate) fn wakeup(&self) -> Option<Time> {
        self.kills.first()
    }

    pub(crate) fn check(&self) {
        self.kills.check();
        let wanted = self.live.iter().filter(|(_, task)| task.kill.is_some()).map(|(id, _)| id);
        assert!(self.kills.keys().eq(wanted), "exactly the live tasks that are to end have a kill waiting");
        assert!(self.live.values().all(|task| !task.state.is_terminal()), "no live task is in a terminal state");
        assert_eq!(self.ended.ids.len(), self.ended.order.len(), "the ended tasks and their order have the same size");
        assert!(!self.live.keys().any(|id| self.ended.ids.contains(id)), "no task is both live and ended");
    }
}

/// The newest ended tasks.
#[derive(Debug, Default)]
struct Ended {
    ids: BTreeSet<TaskId>,
    order: VecDeque<TaskId>,
}

impl Ended {
    fn remember(&mut self, id: TaskId) {
        if self.ids.insert(id.clone()) {
            self.order.push_back(id);
        }
        if self.order.len() > ENDED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
    }
}
