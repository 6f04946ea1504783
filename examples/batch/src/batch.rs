//! The scheduler itself.

mod resume;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meros::{
    Command, Context, Demand, LaunchError, Offer, Role, SHAPES_MAX, Scheduler, Session, Shape, TaskId, TaskSpec, TaskState,
    TaskUpdate, TimerId,
};

use crate::{Item, Progress, Record, Status};

/// How often an attempt may be lost without a fault of its own before its command counts as failed: something must be wrong.
pub const LOSSES_MAX: u32 = 100;
/// How long a task may be unknown to the master before it counts as lost. An agent that lives finds a new master sooner.
const UNKNOWN_MAX: Duration = Duration::from_secs(60);
/// How often a command of [`Batch::new`] is tried again.
const TRIVIAL_RETRIES: u32 = 3;

/// Runs a list of commands to their ends, then stops.
#[derive(Debug)]
pub struct Batch {
    /// How many commands exited with code 0.
    pub done: usize,
    /// How many failed for good.
    pub failed: usize,
    /// How many were killed.
    pub killed: usize,
    items: Vec<Item>,
    records: Vec<Record>,
    kinds: Vec<Kind>,
    /// The newest attempts that are launched, and whose they are.
    live: BTreeMap<TaskId, usize>,
    kill_timers: BTreeMap<TimerId, TaskId>,
    /// The attempts that the master doesn't know, and when they count as lost.
    unknown: BTreeMap<TaskId, TimerId>,
    parallel: usize,
    /// Whether it saves how far it is, and whether it has taken up what was saved.
    resumable: bool,
    resumed: bool,
}

/// The waiting commands that need the same, first come first served.
#[derive(Debug)]
struct Kind {
    shape: Shape,
    waiting: VecDeque<usize>,
}

impl Batch {
    /// `count` times `true`: the least that a cluster can be asked to do.
    pub fn new(count: usize) -> Self {
        let item = |n| Item { retries: TRIVIAL_RETRIES, ..Item::new(format!("true-{n}"), Command::words(["true"])) };
        Self::from_items((1..=count).map(item).collect())
    }

    /// These shell lines, each with what [`Item::new`] says.
    pub fn from_commands<C: AsRef<str>>(commands: impl IntoIterator<Item = C>) -> Self {
        Self::from_items(commands.into_iter().map(|line| Item::shell(line.as_ref())).collect())
    }

    /// These commands.
    pub fn from_items(items: Vec<Item>) -> Self {
        let records = items.iter().map(|item| Record::new(item.name.clone())).collect();
        let mut batch = Self {
            done: 0,
            failed: 0,
            killed: 0,
            items,
            records,
            kinds: Vec::new(),
            live: BTreeMap::new(),
            kill_timers: BTreeMap::new(),
            unknown: BTreeMap::new(),
            parallel: usize::MAX,
            resumable: false,
            resumed: false,
        };
        (0..batch.items.len()).for_each(|index| batch.enqueue(index));
        batch
    }

    /// Never more than `parallel` commands at once.
    #[must_use]
    pub fn parallel(mut self, parallel: usize) -> Self {
        self.parallel = parallel.max(1);
        self
    }

    /// What is known of each command, in the order of the list.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        let (items, live, done, failed, killed) = (self.items.len(), self.live.len(), self.done, self.failed, self.killed);
        Progress { items, waiting: items - live - done - failed - killed, live, done, failed, killed }
    }

    /// Whether every command has come to its end.
    pub fn is_over(&self) -> bool {
        self.done + self.failed + self.killed == self.items.len()
    }

    fn enqueue(&mut self, index: usize) {
        let shape = self.items[index].shape();
        match self.kinds.iter_mut().find(|kind| kind.shape == shape) {
            Some(kind) => kind.waiting.push_back(index),
            None => self.kinds.push(Kind { shape, waiting: VecDeque::from([index]) }),
        }
    }

    fn free_slots(&self) -> usize {
        self.parallel.saturating_sub(self.live.len())
    }

    /// The next command that fits on what is left of `offer`.
    fn take_fitting(&mut self, offer: &Offer) -> Option<usize> {
        let mut kinds = self.kinds.iter_mut().filter(|kind| !kind.waiting.is_empty());
        kinds.find(|kind| offer.suits(&kind.shape))?.waiting.pop_front()
    }

    /// Launches what fits. Stops early when the offer takes no more.
    fn use_offer(&mut self, offer: &mut Offer, cx: &mut Context) {
        while self.free_slots() > 0
            && let Some(index) = self.take_fitting(offer)
        {
            let item = &self.items[index];
            let id = cx.new_task_id();
            let mut task = TaskSpec::new(id.clone(), item.command.clone(), item.resources.clone()).named(item.name.clone());
            task.pids_limit = item.pids_limit;
            match offer.launch(task) {
                Ok(()) => {
                    self.records[index].begin(id.clone(), offer.hostname());
                    self.live.insert(id, index);
                    self.save(index, cx);
                }
                Err(LaunchError::Invalid { reason, .. }) => {
                    self.records[index].message = reason.to_owned();
                    self.settle(index, Status::Failed, cx);
                }
                Err(_) => {
                    self.enqueue(index);
                    return;
                }
            }
        }
    }

    /// The command has come to its end.
    fn settle(&mut self, index: usize, status: Status, cx: &mut Context) {
        self.records[index].status = status;
        match status {
            Status::Done => self.done += 1,
            Status::Failed => self.failed += 1,
            Status::Killed => self.killed += 1,
            Status::Waiting | Status::Live => unreachable!("these are no ends"),
        }
        self.save(index, cx);
        if self.is_over() {
            self.end(cx);
        }
    }

    fn end(&self, cx: &mut Context) {
        // With a key it would stay otherwise, for a process that has nothing to do.
        if self.resumable { cx.teardown() } else { cx.stop() }
    }

    /// The command waits again, unless that has happened too often.
    fn try_again(&mut self, index: usize, may: bool, cx: &mut Context) {
        if !may {
            return self.settle(index, Status::Failed, cx);
        }
        self.records[index].status = Status::Waiting;
        self.save(index, cx);
        self.enqueue(index);
    }

    /// Keeps the time of a task that is to be killed, or that nobody knows.
    fn set_timers(&mut self, index: usize, update: &TaskUpdate, cx: &mut Context) {
        let first = self.records[index].started.is_none();
        if update.state == TaskState::Running
            && let Some(after) = self.items[index].kill_after.filter(|_| first)
        {
            self.kill_timers.insert(cx.after(after), update.task.clone());
        }
        if let Some(timer) = self.unknown.remove(&update.task) {
            cx.cancel(timer);
        }
        if update.state == TaskState::Unknown {
            self.unknown.insert(update.task.clone(), cx.after(UNKNOWN_MAX));
        }
    }

    /// The attempt is over, whether or not its task is: what comes of it still is of no interest.
    fn end_attempt(&mut self, index: usize, task: &TaskId, state: TaskState, cx: &mut Context) {
        self.live.remove(task);
        // In case it comes back; of no effect when it has ended.
        cx.kill(task);
        let record = &mut self.records[index];
        match state {
            TaskState::Finished => self.settle(index, Status::Done, cx),
            TaskState::Killed => self.settle(index, Status::Killed, cx),
            TaskState::Failed => {
                record.failures += 1;
                let may = record.failures <= self.items[index].retries;
                self.try_again(index, may, cx);
            }
            // A specification that was refused once is refused again.
            TaskState::Error => self.settle(index, Status::Failed, cx),
            _ => {
                record.losses += 1;
                let may = record.losses < LOSSES_MAX;
                self.try_again(index, may, cx);
            }
        }
    }
}

/// Whether a task in this state is given up though it may not have ended.
fn is_lost(state: TaskState) -> bool {
    matches!(state, TaskState::Dropped | TaskState::Gone | TaskState::GoneByOperator | TaskState::Unreachable)
}

impl Scheduler for Batch {
    fn demand(&self, _: &Role) -> Demand {
        let mut slots = self.free_slots() as u64;
        let mut shapes = Vec::new();
        // Further kinds of commands wait for the first ones.
        for kind in self.kinds.iter().filter(|kind| !kind.waiting.is_empty()).take(SHAPES_MAX) {
            let copies = slots.min(kind.waiting.len() as u64);
            slots -= copies;
            if copies > 0 {
                shapes.push(kind.shape.clone().copies(copies));
            }
        }
        Demand { shapes }
    }

    fn offers(&mut self, offers: &mut [Offer], cx: &mut Context) {
        for offer in offers {
            self.use_offer(offer, cx);
        }
    }

    fn update(&mut self, update: &TaskUpdate, cx: &mut Context) {
        // Of an attempt that was given up, maybe by an earlier process, nothing matters but that it ends.
        let Some(&index) = self.live.get(&update.task) else {
            cx.kill(&update.task);
            return;
        };
        self.set_timers(index, update, cx);
        self.records[index].take_in(update);
        self.save(index, cx);
        if update.state.is_terminal() || is_lost(update.state) {
            self.end_attempt(index, &update.task, update.state, cx);
        }
    }

    fn timer(&mut self, timer: TimerId, cx: &mut Context) {
        if let Some(task) = self.kill_timers.remove(&timer) {
            cx.kill(&task);
        }
        let unknown = self.unknown.iter().find(|(_, at)| **at == timer).map(|(task, _)| task.clone());
        if let Some(task) = unknown {
            self.unknown.remove(&task);
            let index = self.live[&task];
            self.end_attempt(index, &task, TaskState::Unknown, cx);
        }
    }

    fn registered(&mut self, _: &Session, cx: &mut Context) {
        self.resume(cx);
        if self.is_over() {
            self.end(cx); // There is nothing to do.
        }
    }
}
