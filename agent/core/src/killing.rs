//! Ending a container: a request, a grace, then the end of every process; and the start that takes too long.

use std::time::Duration;

use meros_types::{ContainerId, KILL_GRACE_DEFAULT, KillOrder, Limitation, Now, Reason, TaskState, TaskUpdate, Time, show_bytes};

use crate::containers::Phase;
use crate::facts::Statement;
use crate::{Agent, Effect};

/// How long after one attempt to destroy a container the next comes: it may be stuck in the kernel.
const DESTROY_RETRY: Duration = Duration::from_secs(5);

/// Why a container is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its framework or an operator asked.
    Asked,
    /// Its agent ends, and its containers with it.
    AgentEnds,
    /// Its sandbox is too large.
    Disk(Limitation),
    /// It did not start in time.
    Late,
    /// The log lost its launch, so that nobody knows what it holds.
    Unrecorded,
}

impl Why {
    /// Whether the task is asked to end before it is made to. Otherwise there is no grace, and what the task made of being asked
    /// would pass for an end of its own.
    fn asks_first(&self) -> bool {
        matches!(self, Why::Asked | Why::AgentEnds)
    }

    /// What is said of a task that is to end for this; none when nothing is said before it has.
    fn statement(&self) -> Option<Statement> {
        let killing = |reason, message: &str| Some(Statement::new(TaskState::Killing, reason, message));
        match self {
            Why::Asked => killing(Reason::KillRequested, "it was asked to end"),
            Why::AgentEnds => killing(Reason::KillRequested, "its agent ends, and its tasks with it"),
            Why::Disk(limitation) => Some(Statement { state: TaskState::Killing, ..over_disk(limitation) }),
            Why::Late | Why::Unrecorded => None,
        }
    }
}

/// The end of a task whose sandbox was too large.
pub(crate) fn over_disk(limitation: &Limitation) -> Statement {
    let (limit, measured) = (show_bytes(limitation.limit), show_bytes(limitation.measured));
    let message = format!("the files in its sandbox are larger than its limit of {limit} (measured {measured})");
    Statement { limitation: Some(limitation.clone()), ..Statement::new(TaskState::Failed, Reason::DiskLimit, message) }
}

/// A kill that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kill {
    /// The first cause; later ones only hurry it.
    pub(crate) why: Why,
    /// From the first signal to the last.
    grace: Duration,
    /// When every process is to be killed.
    deadline: Time,
}

impl Kill {
    /// The kill that this fact tells of, when it does: the life that stated it has ended, and its clock with it.
    pub(crate) fn remembered(update: &TaskUpdate) -> Option<Self> {
        let why = match (update.reason, &update.limitation) {
            _ if update.state != TaskState::Killing => return None,
            (Reason::DiskLimit, Some(limitation)) => Why::Disk(limitation.clone()),
            _ => Why::Asked,
        };
        Some(Self { why, grace: Duration::ZERO, deadline: Time::default() })
    }
}

impl Agent {
    /// Asks a container's task to end, and destroys the container when the grace is over. Asked again, a shorter grace counts.
    pub(crate) fn kill(&mut self, now: Now, order: &KillOrder, effects: &mut Vec<Effect>) {
        let Some(id) = self.by_launch.get(&order.launch).copied() else { return };
        self.end(now, id, Why::Asked, order.grace, effects);
    }

    /// A container's sandbox is too large. One that has ended meanwhile has ended as it did.
    pub(crate) fn disk_exceeded(&mut self, now: Now, id: ContainerId, limit: u64, measured: u64, effects: &mut Vec<Effect>) {
        let limitation = Limitation { resource: "disk".to_owned(), limit, measured };
        self.end(now, id, Why::Disk(limitation), Some(Duration::ZERO), effects);
    }

    /// Destroys everything, and starts nothing more. What is being made is given up at once.
    pub(crate) fn destroy_asked(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.is_ending = true;
        let all: Vec<ContainerId> = self.by_launch.values().copied().collect();
        for id in all {
            self.end(now, id, Why::AgentEnds, Some(Duration::ZERO), effects);
            if self.containers.get(&id).is_some_and(|container| container.phase == Phase::Starting) {
                effects.push(Effect::Destroy(id));
            }
        }
    }

    /// Ends a container for this reason, unless there is an earlier one; without a grace the task's own counts.
    pub(crate) fn end(&mut self, now: Now, id: ContainerId, why: Why, grace: Option<Duration>, effects: &mut Vec<Effect>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        let phase = container.phase;
        match phase {
            Phase::Over | Phase::Remembered => return,
            Phase::Recording(seq) => return self.give_up_recording(now, id, seq, never_started(), effects),
            Phase::Starting | Phase::Running => {}
        }
        let grace = grace.or(container.kill_grace).unwrap_or(KILL_GRACE_DEFAULT);
        let deadline = now.mono.after(grace);
        let is_first = container.kill.is_none();
        if container.kill.as_ref().is_some_and(|kill| kill.deadline <= deadline) {
            return;
        }
        let why = container.kill.take().map_or(why, |kill| kill.why);
        container.kill = Some(Kill { why, grace, deadline });
        if phase == Phase::Running {
            self.set_deadline(id, Some(deadline));
            if is_first {
                self.begin_kill(now, id, effects);
            }
        }
    }

    /// Nothing of a container was made, and nothing will be.
    fn give_up_recording(&mut self, now: Now, id: ContainerId, seq: u64, last: Statement, effects: &mut Vec<Effect>) {
        self.starts.remove(&seq);
        self.release_unmade(now, id, last, effects);
    }

    /// Says KILLING and sends the first signal.
    fn begin_kill(&mut self, now: Now, id: ContainerId, effects: &mut Vec<Effect>) {
        let kill = self.containers.get(&id).and_then(|container| container.kill.as_ref());
        let asks_first = kill.is_some_and(|kill| kill.why.asks_first());
        if let Some(statement) = kill.and_then(|kill| kill.why.statement()) {
            self.fact(now, id, statement, effects);
        }
        if asks_first {
            effects.push(Effect::Terminate(id));
        }
    }

    /// A container whose end was asked for while it was being made runs now: its grace counts from here.
    pub(crate) fn kill_started(&mut self, now: Now, id: ContainerId, effects: &mut Vec<Effect>) {
        let Some(kill) = self.containers.get_mut(&id).and_then(|container| container.kill.as_mut()) else { return };
        kill.deadline = now.mono.after(kill.grace);
        let deadline = kill.deadline;
        self.set_deadline(id, Some(deadline));
        self.begin_kill(now, id, effects);
    }

    /// An adopted container was being killed when the life before ended: its grace begins anew. KILLING was said. The order's own
    /// grace is not known any more; whoever asked repeats it until the task has ended.
    pub(crate) fn resume_kill(&mut self, now: Now, id: ContainerId, why: Why, effects: &mut Vec<Effect>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        let grace = match why {
            Why::Asked | Why::AgentEnds => container.kill_grace.unwrap_or(KILL_GRACE_DEFAULT),
            Why::Disk(_) | Why::Late | Why::Unrecorded => Duration::ZERO,
        };
        let deadline = now.mono.after(grace);
        let asks_first = why.asks_first();
        container.kill = Some(Kill { why, grace, deadline });
        self.set_deadline(id, Some(deadline));
        if asks_first {
            effects.push(Effect::Terminate(id));
        }
    }

    /// Destroys what had its grace, and what did not start in time.
    pub(crate) fn deadlines_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now.mono) {
            let deadline = now.mono.after(DESTROY_RETRY);
            self.set_deadline(id, Some(deadline));
            let Some(container) = self.containers.get_mut(&id) else { continue };
            if let Phase::Recording(seq) = container.phase {
                let last = unrecorded(self.config.start_max);
                self.give_up_recording(now, id, seq, last, effects);
                continue;
            }
            container.kill.get_or_insert(Kill { why: Why::Late, grace: Duration::ZERO, deadline: now.mono });
            effects.push(Effect::Destroy(id));
        }
    }
}

/// The end of a task that was killed before anything of it was made.
pub(crate) fn never_started() -> Statement {
    Statement::new(TaskState::Killed, Reason::KillRequested, "it was asked to end before it had started")
}

/// The end of a task whose launch could not be recorded.
fn unrecorded(start_max: Duration) -> Statement {
    let message = format!("it did not start within {start_max:?}: the agent's log could not be written");
    Statement::new(TaskState::Failed, Reason::ContainerFailed, message)
}
