//! What a callback may do besides deciding on the offers it was lent. Everything is written down here and leaves with the
//! batch; nothing is done at once, so that a callback can't fail half-way.

use std::time::Duration;

use meros_types::{Epoch, ExplainCall, IdSource, Now, OfferId, Role, Shape, TASK_ID_BYTES_MAX, TaskId, Time, WallTime};

use crate::deadlines::Deadlines;
use crate::deferred::Deferred;
use crate::held::Held;
use crate::limits::{DEFERRED_MAX, EXPLAINS_MAX, PREFIX_BYTES_MAX, TIMER_MIN, TIMERS_MAX};
use crate::offer::Fate;
use crate::tasks::{Task, Tasks};
use crate::values::Values;
use crate::{Ack, Offer, Saved, Session, SessionError};

/// A timer that [`Context::after`] has set; unique in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u64);

/// The scheduler's surroundings: time, randomness, its own tasks, and everything it may ask for.
#[derive(Debug)]
pub struct Context {
    pub(crate) now: Now,
    pub(crate) session: Option<Session>,
    pub(crate) tasks: Tasks,
    pub(crate) held: Held,
    pub(crate) timers: Deadlines<TimerId>,
    pub(crate) wishes: Wishes,
    pub(crate) values: Values,
    pub(crate) deferred: Deferred,
    /// While the scheduler hears of a fact: what it decides on acknowledging it.
    pub(crate) fact: Option<FactTold>,
    random: IdSource,
    names: TaskNames,
    timers_set: u64,
}

/// What was asked for since the host last looked.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// To say the demand again, so that filters are forgotten.
    pub(crate) revive: bool,
    /// To ask about all live tasks.
    pub(crate) reconcile: bool,
    /// To ask why there is no more on offer.
    pub(crate) explain: Vec<ExplainCall>,
    /// To acknowledge these facts.
    pub(crate) acknowledge: Vec<Ack>,
    /// To end, and how.
    pub(crate) end: Option<End>,
}

/// A fact that the scheduler hears of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FactTold {
    /// It is acknowledged when the callback returns.
    Open,
    /// The scheduler has made this promise to acknowledge it later.
    Promised(u64),
}

/// How a scheduler wants to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Its framework and its tasks stay when somebody can come back for them.
    Stop,
    /// Its framework and its tasks end too.
    Teardown,
    /// It can't go on.
    Fail(SessionError),
}

impl Context {
    pub(crate) fn new(name: &str, keyed: bool, seed: u64) -> Self {
        let mut random = IdSource::seeded(seed);
        let names = TaskNames::new(name, random.next_u64());
        Self {
            now: Now::default(),
            session: None,
            tasks: Tasks::new(keyed),
            held: Held::default(),
            timers: Deadlines::default(),
            wishes: Wishes::default(),
            values: Values::default(),
            deferred: Deferred::default(),
            fact: None,
            random,
            names,
            timers_set: 0,
        }
    }

    /// Takes over what an earlier process of the framework knew.
    pub(crate) fn recover(&mut self, saved: Saved) {
        self.names.used = saved.framework.map(|framework| framework.epoch);
        self.tasks = Tasks::recovered(saved.tasks);
        self.values = Values::recovered(saved.values);
    }

    /// The present, for measuring how long something takes. The same throughout a callback.
    pub fn now(&self) -> Time {
        self.now.mono
    }

    /// The present by the calendar, for people and for what is stored.
    pub fn wall_time(&self) -> WallTime {
        self.now.wall
    }

    /// 64 random bits, from the seed of this process: in the simulator they are the same in every run. Not for secrets.
    pub fn random_u64(&mut self) -> u64 {
        self.random.next_u64()
    }

    /// A task id that this framework has never had: `<key, or else name>-<epoch>-<n>`.
    pub fn new_task_id(&mut self) -> TaskId {
        self.names.next(self.session.map(|session| session.epoch))
    }

    /// The session with the master; none while there is no connection.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Every live task of this framework by its id: from its launch to the update that ends it.
    ///
    /// A framework with a key and a state store has the tasks of its earlier processes here from the first callback on, also those
    /// whose launch was stored and perhaps never sent. So a new process knows what it need not launch again. With a key and no
    /// store they come one by one, each with the first update about it.
    pub fn tasks(&self) -> impl Iterator<Item = (&TaskId, &Task)> {
        self.tasks.iter()
    }

    /// One live task.
    pub fn task(&self, id: &TaskId) -> Option<&Task> {
        self.tasks.get(id)
    }

    /// How many tasks are live.
    pub fn task_count(&self) -> usize {
        self.tasks.len()
    }

    /// Wants the task to end: SIGTERM, and after the task's own grace SIGKILL. It is repeated until the task has ended, also
    /// over lost connections. Says whether the task is live; nothing happens when it is not.
    pub fn kill(&mut self, task: &TaskId) -> bool {
        self.tasks.kill(task, None, self.now.mono)
    }

    /// Like [`Context::kill`], with this time from SIGTERM to SIGKILL. Shortens a grace that is running.
    pub fn kill_within(&mut self, task: &TaskId, grace: Duration) -> bool {
        self.tasks.kill(task, Some(grace), self.now.mono)
    }

    /// Keeps the offer beyond this callback, whole: one with launches is answered all the same. It is at
    /// [`Context::held`] until it is launched on or declined, or [`crate::Scheduler::rescinded`] says that it is no more (its
    /// lease is 30 s by default). While it is held nobody else can use the resources.
    pub fn hold(&mut self, offer: &mut Offer) {
        if offer.fate == Fate::Open {
            offer.fate = Fate::Held;
        }
    }

    /// A held offer, to launch on or to decline.
    pub fn held(&mut self, offer: OfferId) -> Option<&mut Offer> {
        self.held.lend(offer)
    }

    /// The held offers, oldest first.
    pub fn held_ids(&self) -> impl Iterator<Item = OfferId> {
        self.held.ids()
    }

    /// Calls [`crate::Scheduler::timer`] with the returned id after `wait`, connected or not. At least a millisecond.
    pub fn after(&mut self, wait: Duration) -> TimerId {
        if self.timers.len() == TIMERS_MAX {
            self.fail(SessionError::LimitExceeded { what: "timers", limit: TIMERS_MAX });
        }
        self.timers_set += 1;
        let timer = TimerId(self.timers_set);
        self.timers.set(timer, self.now.mono.after(wait.max(TIMER_MIN)));
        timer
    }

    /// The timer's moment won't come. Says whether it was still to come.
    pub fn cancel(&mut self, timer: TimerId) -> bool {
        self.timers.clear(&timer)
    }

    /// Forgets what was declined and for how long: the demand is considered anew for every agent, as if it had changed.
    pub fn revive(&mut self) {
        self.wishes.revive = true;
    }

    /// Asks the master about all live tasks. The SDK does so by itself after every reconnection; an answer that differs from
    /// [`Context::tasks`] comes as an update.
    pub fn reconcile(&mut self) {
        self.wishes.reconcile = true;
    }

    /// Asks the master why there is no more on offer in `role`, one that the framework subscribed with: for `shape`, or for each
    /// that its demand has open. The answer comes as [`crate::Scheduler::explained`]. Without a connection the question waits for
    /// one; a connection that breaks takes the answer with it.
    pub fn explain(&mut self, role: &Role, shape: Option<Shape>) {
        if self.wishes.explain.len() == EXPLAINS_MAX {
            return self.fail(SessionError::LimitExceeded { what: "questions to explain", limit: EXPLAINS_MAX });
        }
        self.wishes.explain.push(ExplainCall { role: role.clone(), shape });
    }

    /// Keeps `value` under `key`, in place of what was there: it is stored together with everything else that the callback
    /// decides, before any of it leaves, and a later process of the framework has it (see `StateStore` in the `meros` crate;
    /// without one it ends with this process). A value that is as it was costs nothing.
    ///
    /// Beyond a limit the session ends with [`SessionError::LimitExceeded`] and stores nothing of the batch: a key has at most
    /// 256 bytes, a value 1 MiB, all of them 64 MiB and 65,536 keys ([`crate::limits`]).
    pub fn save(&mut self, key: impl AsRef<str>, value: impl Into<Vec<u8>>) {
        if let Err(error) = self.values.save(key.as_ref(), value.into()) {
            self.fail(error);
        }
    }

    /// What was last saved under `key`, by this process or an earlier one.
    pub fn saved(&self, key: &str) -> Option<&[u8]> {
        self.values.get(key)
    }

    /// The keys that begin with `prefix` and have a value, in order; all with an empty one.
    pub fn saved_keys<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.values.keys(prefix)
    }

    /// Removes what was saved under `key`. Says whether there was anything.
    pub fn forget(&mut self, key: &str) -> bool {
        self.values.forget(key)
    }

    /// Inside [`crate::Scheduler::update`]: the fact is not acknowledged when the callback returns but with
    /// [`Context::acknowledge`]. For schedulers with a database of their own, which first store what they were told. None for
    /// a view of the master, which nobody acknowledges.
    ///
    /// Until then later facts about the same task are told and wait behind it, the fact is not told again to this process, and
    /// everything since it is told again to the next one. So such a scheduler must expect repetitions after a restart.
    pub fn defer_ack(&mut self) -> Option<Ack> {
        if self.fact != Some(FactTold::Open) {
            return None;
        }
        if self.deferred.len() == DEFERRED_MAX {
            self.fail(SessionError::LimitExceeded { what: "facts to acknowledge", limit: DEFERRED_MAX });
            return None;
        }
        let (ack, promise) = self.deferred.promise();
        self.fact = Some(FactTold::Promised(promise));
        Some(ack)
    }

    /// Acknowledges a fact that [`Context::defer_ack`] put off.
    pub fn acknowledge(&mut self, ack: Ack) {
        self.wishes.acknowledge.push(ack);
    }

    /// Ends this scheduler when the callback has returned. What it decided leaves first. A framework with a key, and its
    /// tasks, stay for its next process until the failover timeout; without a key nobody could come back, so that the
    /// framework is torn down at once.
    pub fn stop(&mut self) {
        self.wishes.end.get_or_insert(End::Stop);
    }

    /// Ends this scheduler, its framework for ever, and every task of it.
    pub fn teardown(&mut self) {
        if self.wishes.end.as_ref().is_none_or(|end| *end == End::Stop) {
            self.wishes.end = Some(End::Teardown);
        }
    }

    pub(crate) fn fail(&mut self, error: SessionError) {
        self.wishes.end = Some(End::Fail(error));
    }

    pub(crate) fn check(&self) {
        self.tasks.check();
        self.held.check();
        self.timers.check();
        self.values.check();
        self.deferred.check();
        assert!(self.session.is_some() || self.held.len() == 0, "offers are held only in a session");
    }
}

/// Where task ids come from.
#[derive(Debug)]
struct TaskNames {
    prefix: String,
    /// Stands for the epoch in ids that are made before there is one: two processes must not make the same.
    process: u64,
    /// The epoch of an earlier process: a master that has forgotten the framework may give it again.
    used: Option<Epoch>,
    epoch: Option<Epoch>,
    made: u64,
}

impl TaskNames {
    fn new(name: &str, process: u64) -> Self {
        let allowed = |c: char| if c.is_ascii_graphic() && c != '/' { c } else { '_' };
        let mut prefix: String = name.chars().map(allowed).collect();
        prefix.truncate(PREFIX_BYTES_MAX);
        Self { prefix, process, used: None, epoch: None, made: 0 }
    }

    fn next(&mut self, epoch: Option<Epoch>) -> TaskId {
        const { assert!(PREFIX_BYTES_MAX + 42 <= TASK_ID_BYTES_MAX, "a prefix, two numbers of 64 bits and two dashes fit") }
        self.epoch = epoch.filter(|epoch| Some(*epoch) > self.used).or(self.epoch);
        self.made += 1;
        let (prefix, made) = (&self.prefix, self.made);
        let text = match self.epoch {
            Some(epoch) => format!("{prefix}-{epoch}-{made}"),
            None => format!("{prefix}-x{:016x}-{made}", self.process),
        };
        TaskId::new(text).expect("a cleaned prefix, numbers and dashes are a task id")
    }
}
