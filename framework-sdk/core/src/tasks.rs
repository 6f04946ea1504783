//! The scheduler's own live tasks. Owned: their newest states, which statements about them are news, and which kills are to
//! be repeated. Absent: telling anybody.
//!
//! Facts are told apart per task, by agent's life and number: that is exact, needs no memory beyond the task's own, and a
//! fact that arrives after a later one about *another* task (after a lost connection) is delivered and not taken for a
//! repetition. A task that has ended hears nothing more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meros_types::{AgentId, FactId, Incarnation, KillCall, LaunchId, Reason, TaskId, TaskState, TaskUpdate, Term, Time};

use crate::StateChange;
use crate::deadlines::Deadlines;
use crate::deferred::Deferred;
use crate::limits::{ENDED_MAX, KILL_REPEAT_FIRST, KILL_REPEAT_MAX, LIVES_MAX};
use crate::state::{SavedKill, SavedLive, SavedTask};

/// A live task, as far as its scheduler has heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    state: TaskState,
    agent: Option<AgentId>,
    launch: Option<LaunchId>,
    /// The master's term when its accept was composed, until a master shows that it knows the task. None for a task of an
    /// earlier process that was known when this one heard of it.
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

    fn recovered(saved: SavedLive) -> Self {
        let SavedLive { state, agent, launch, accepted_in, fact, lives, kill } = saved;
        let kill = kill.map(|kill| Kill { grace: kill.grace, wait: KILL_REPEAT_FIRST });
        Self { state, agent, launch, accepted_in, fact, lives, kill }
    }

    fn saved(&self) -> SavedLive {
        let Self { state, agent, launch, accepted_in, fact, .. } = *self;
        SavedLive { state, agent, launch, accepted_in, fact, lives: self.lives.clone(), kill: self.saved_kill() }
    }

    fn saved_kill(&self) -> Option<SavedKill> {
        self.kill.map(|kill| SavedKill { grace: kill.grace })
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
    /// Those of which the store has not what is here.
    unsaved: BTreeSet<TaskId>,
    /// Whether there may be tasks that another process of this framework launched.
    adopts: bool,
}

impl Tasks {
    pub(crate) fn new(adopts: bool) -> Self {
        Self { adopts, ..Self::default() }
    }

    /// The tasks of an earlier process. Its wishes to kill are said as soon as somebody hears them.
    pub(crate) fn recovered(saved: BTreeMap<TaskId, SavedTask>) -> Self {
        let mut tasks = Self::new(true);
        for (id, task) in saved {
            match task {
                SavedTask::Ended { n } => tasks.ended.insert(id, n),
                SavedTask::Live(live) => {
                    if live.kill.is_some() {
                        tasks.kills.set(id.clone(), Time::default());
                    }
                    tasks.live.insert(id, Task::recovered(live));
                }
            }
        }
        tasks
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
        self.live.contains_key(id) || self.ended.contains(id)
    }

    pub(crate) fn launch(&mut self, id: TaskId, agent: AgentId, term: Term) {
        self.unsaved.insert(id.clone());
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
        let before = (task.accepted_in, task.launch, task.agent);
        // Without a launch these say something of its agent, or of nothing.
        if update.launch.is_some() || !matches!(update.state, TaskState::Unknown | TaskState::Unreachable) {
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
        if news || before != (task.accepted_in, task.launch, task.agent) {
            self.unsaved.insert(update.task.clone());
        }
        if news && update.state.is_terminal() {
            self.end(update);
        }
        news
    }

    /// A statement about a task that is not live: one that has ended, or one of an earlier process.
    fn take_in_unknown(&mut self, update: &TaskUpdate) -> bool {
        if !self.adopts || update.state == TaskState::Unknown || self.ended.contains(&update.task) {
            return false;
        }
        self.unsaved.insert(update.task.clone());
        if update.state.is_terminal() {
            self.unsaved.extend(self.ended.remember(update.task.clone()));
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
            self.unsaved.extend(self.ended.remember(update.task.clone()));
        }
    }

    /// Wants the task to end, from now on until it has. Says whether it is live.
    pub(crate) fn kill(&mut self, id: &TaskId, grace: Option<Duration>, now: Time) -> bool {
        let Some(task) = self.live.get_mut(id) else { return false };
        if task.kill.is_none_or(|kill| kill.grace != grace) {
            task.kill = Some(Kill { grace, wait: KILL_REPEAT_FIRST });
            self.unsaved.insert(id.clone());
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

    /// What is to be stored of a task; none when there is nothing to know.
    pub(crate) fn saved(&self, id: &TaskId) -> Option<SavedTask> {
        let live = self.live.get(id).map(|task| SavedTask::Live(task.saved()));
        live.or_else(|| self.ended.ids.get(id).map(|n| SavedTask::Ended { n: *n }))
    }

    /// What is to be stored of this one is another thing than before.
    pub(crate) fn touch(&mut self, id: TaskId) {
        self.unsaved.insert(id);
    }

    /// What is to be stored.
    pub(crate) fn take_changes(&mut self, deferred: &Deferred) -> impl Iterator<Item = StateChange> {
        std::mem::take(&mut self.unsaved).into_iter().map(|id| {
            let saved = match deferred.stored(&id) {
                Some(stored) => self.with_wish(&id, stored.clone()),
                None => self.saved(&id),
            };
            match saved {
                Some(task) => StateChange::Task { id, task },
                None => StateChange::ForgetTask { id },
            }
        })
    }

    /// `stored`, with the wish to kill that the task has now.
    fn with_wish(&self, id: &TaskId, stored: Option<SavedTask>) -> Option<SavedTask> {
        match (stored, self.live.get(id)) {
            (Some(SavedTask::Live(live)), Some(task)) => Some(SavedTask::Live(SavedLive { kill: task.saved_kill(), ..live })),
            (stored, _) => stored,
        }
    }

    pub(crate) fn check(&self) {
        self.kills.check();
        let wanted = self.live.iter().filter(|(_, task)| task.kill.is_some()).map(|(id, _)| id);
        assert!(self.kills.keys().eq(wanted), "exactly the live tasks that are to end have a kill waiting");
        assert!(self.live.values().all(|task| !task.state.is_terminal()), "no live task is in a terminal state");
        assert_eq!(self.ended.ids.len(), self.ended.order.len(), "the ended tasks and their order have the same size");
        assert!(!self.live.keys().any(|id| self.ended.contains(id)), "no task is both live and ended");
    }
}

/// The newest ended tasks.
#[derive(Debug, Default)]
struct Ended {
    ids: BTreeMap<TaskId, u64>,
    order: BTreeMap<u64, TaskId>,
}

impl Ended {
    fn contains(&self, id: &TaskId) -> bool {
        self.ids.contains_key(id)
    }

    fn insert(&mut self, id: TaskId, n: u64) {
        self.ids.insert(id.clone(), n);
        self.order.insert(n, id);
    }

    /// Remembers one; says which is forgotten for it.
    fn remember(&mut self, id: TaskId) -> Option<TaskId> {
        if !self.contains(&id) {
            let newest = self.order.last_key_value().map_or(0, |(n, _)| *n);
            self.insert(id, newest + 1);
        }
        if self.order.len() <= ENDED_MAX {
            return None;
        }
        let (_, oldest) = self.order.pop_first()?;
        self.ids.remove(&oldest);
        Some(oldest)
    }
}
