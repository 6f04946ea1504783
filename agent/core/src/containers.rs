//! Containers, and killing them: a request, a grace, then the end of every process.

use std::time::Duration;

use meros_types::{
    ContainerId, ContainerSnapshot, Epoch, FrameworkId, KILL_GRACE_DEFAULT, KillOrder, LaunchId, Limits, Now, Reason, Resources,
    Role, TaskId, TaskSnapshot, TaskState, Time,
};

use crate::facts::Statement;
use crate::{Agent, Effect};

/// How long after one attempt to destroy a container the next comes: it may be stuck in the kernel.
const DESTROY_RETRY: Duration = Duration::from_secs(5);

/// How far a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Being made.
    Starting,
    /// Its program was executed.
    Running,
    /// It holds nothing any more; facts about it remain.
    Over,
}

/// A kill that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kill {
    /// From the first signal to the last.
    grace: Duration,
    /// When every process is to be killed.
    pub(crate) deadline: Time,
}

#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) framework: FrameworkId,
    pub(crate) epoch: Epoch,
    pub(crate) role: Role,
    pub(crate) launch: LaunchId,
    pub(crate) task: TaskId,
    pub(crate) name: String,
    pub(crate) resources: Resources,
    pub(crate) limits: Limits,
    pub(crate) kill_grace: Option<Duration>,
    pub(crate) uid: Option<u32>,
    pub(crate) phase: Phase,
    pub(crate) state: TaskState,
    pub(crate) kill: Option<Kill>,
    /// How many of its facts wait for an acknowledgement.
    pub(crate) facts_waiting: u32,
}

impl Container {
    pub(crate) fn snapshot(&self, container: ContainerId) -> ContainerSnapshot {
        let held = if self.phase == Phase::Over { Resources::none() } else { self.resources.clone() };
        let task = TaskSnapshot { task: self.task.clone(), name: self.name.clone(), state: self.state };
        ContainerSnapshot {
            container,
            framework: self.framework,
            epoch: self.epoch,
            role: self.role.clone(),
            launch: self.launch,
            resources: held,
            tasks: vec![task],
        }
    }
}

impl Agent {
    /// Asks a container's task to end, and destroys the container when the grace is over. Asked again, a shorter grace counts.
    pub(crate) fn kill(&mut self, now: Now, order: &KillOrder, effects: &mut Vec<Effect>) {
        let Some(id) = self.by_launch.get(&order.launch).copied() else { return };
        let Some(container) = self.containers.get_mut(&id).filter(|container| container.phase != Phase::Over) else { return };
        let grace = order.grace.or(container.kill_grace).unwrap_or(KILL_GRACE_DEFAULT);
        let deadline = now.mono.after(grace);
        let earlier = container.kill;
        if earlier.is_some_and(|kill| kill.deadline <= deadline) {
            return;
        }
        container.kill = Some(Kill { grace, deadline });
        if let Some(kill) = earlier {
            self.deadlines.remove(&(kill.deadline, id));
        }
        if container.phase == Phase::Running {
            self.deadlines.insert((deadline, id));
            if earlier.is_none() {
                self.begin_kill(now, id, effects);
            }
        }
    }

    /// Says KILLING and sends the first signal.
    fn begin_kill(&mut self, now: Now, id: ContainerId, effects: &mut Vec<Effect>) {
        let message = "it was asked to end".to_owned();
        self.fact(now, id, Statement::new(TaskState::Killing, Reason::KillRequested, message), effects);
        effects.push(Effect::Terminate(id));
    }

    /// A container whose end was asked for while it was being made runs now: its grace counts from here.
    pub(crate) fn kill_started(&mut self, now: Now, id: ContainerId, effects: &mut Vec<Effect>) {
        let Some(kill) = self.containers.get_mut(&id).and_then(|container| container.kill.as_mut()) else { return };
        kill.deadline = now.mono.after(kill.grace);
        self.deadlines.insert((kill.deadline, id));
        self.begin_kill(now, id, effects);
    }

    /// Destroys what had its grace.
    pub(crate) fn kills_due(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some((at, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now.mono) {
            self.deadlines.remove(&(at, id));
            let Some(container) = self.containers.get_mut(&id).filter(|container| container.phase == Phase::Running) else {
                continue;
            };
            let deadline = now.mono.after(DESTROY_RETRY);
            container.kill = Some(Kill { grace: DESTROY_RETRY, deadline });
            self.deadlines.insert((deadline, id));
            effects.push(Effect::Destroy(id));
        }
    }

    /// A container is over: what it held is free. Its directory stays until enough others are over.
    pub(crate) fn release(&mut self, id: ContainerId, effects: &mut Vec<Effect>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        container.phase = Phase::Over;
        self.used = self.used.saturating_sub(&container.resources);
        if let Some(kill) = container.kill.take() {
            self.deadlines.remove(&(kill.deadline, id));
        }
        self.ended.push_back((container.launch, id, container.uid));
        while self.ended.len() > self.config.ended_kept {
            self.remove_oldest_ended(effects);
        }
    }

    /// Removes the directory of the container that has been over for the longest, and frees its user. Says whether there was one.
    pub(crate) fn remove_oldest_ended(&mut self, effects: &mut Vec<Effect>) -> bool {
        let Some((launch, id, uid)) = self.ended.pop_front() else { return false };
        self.by_launch.remove(&launch);
        if let (Some(uids), Some(uid)) = (&mut self.uids, uid) {
            uids.give_back(uid);
        }
        effects.push(Effect::Remove(id));
        true
    }

    /// Forgets a container that is over once nobody waits for news of it.
    pub(crate) fn forget_if_done(&mut self, id: ContainerId) {
        let done = self.containers.get(&id).is_some_and(|container| container.phase == Phase::Over && container.facts_waiting == 0);
        if done {
            self.containers.remove(&id);
        }
    }
}
