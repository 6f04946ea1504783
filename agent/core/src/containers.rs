//! Containers: what is known of each, what they hold, and what remains of one that is over.

use std::time::Duration;

use meros_types::{
    ContainerId, ContainerSnapshot, Epoch, FrameworkId, LaunchId, Limits, Now, Resources, Role, TaskId, TaskSnapshot, TaskState,
    TaskUpdate, Time,
};

use crate::facts::Statement;
use crate::killing::Kill;
use crate::{Agent, Effect, Record};

/// How far a container is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Of an earlier life; what became of it is not known yet.
    Remembered,
    /// Its launch is being recorded, under this number; nothing of it was made.
    Recording(u64),
    /// Being made.
    Starting,
    /// Its program was executed.
    Running,
    /// It holds nothing any more; facts about it remain, or its directory.
    Over,
}

#[derive(Clone, Debug)]
pub(crate) struct Container {
    pub(crate) framework: FrameworkId,
    pub(crate) epoch: Epoch,
    pub(crate) role: Role,
    pub(crate) launch: LaunchId,
    pub(crate) task: TaskId,
    pub(crate) name: String,
    /// What it holds, or held.
    pub(crate) resources: Resources,
    pub(crate) limits: Limits,
    pub(crate) kill_grace: Option<Duration>,
    pub(crate) uid: Option<u32>,
    pub(crate) phase: Phase,
    /// Whether the log has its launch. Without it nobody knows what it holds.
    pub(crate) is_recorded: bool,
    /// Whether there is, or may be, a directory of it. For as long its user is taken.
    pub(crate) has_directory: bool,
    /// The newest that was stated of its task.
    pub(crate) state: TaskState,
    /// The place of that fact, and the number of its record.
    pub(crate) newest_fact: u64,
    pub(crate) newest_seq: u64,
    /// That fact, once it is acknowledged.
    pub(crate) acknowledged: Option<TaskUpdate>,
    /// The newest whose fact is safe: others may hear of it. With the fact's place.
    pub(crate) told: TaskState,
    pub(crate) told_fact: u64,
    /// How many of its facts wait for an acknowledgement.
    pub(crate) facts_waiting: u32,
    pub(crate) kill: Option<Kill>,
    /// When something is to be done about it: give its start up, or destroy it.
    pub(crate) deadline: Option<Time>,
}

impl Agent {
    /// How much disk the task of this container asked for, in bytes; zero when it asked for none, or there is no such container.
    pub fn disk_asked(&self, container: ContainerId) -> u64 {
        self.containers.get(&container).map_or(0, |container| container.limits.disk_bytes)
    }
}

impl Container {
    /// One of which no more is known than whose it is.
    pub(crate) fn unknown(framework: FrameworkId, launch: LaunchId, task: TaskId) -> Self {
        Self {
            framework,
            epoch: Epoch::default(),
            role: Role::default(),
            launch,
            name: task.to_string(),
            task,
            resources: Resources::none(),
            limits: Limits { cpu_milli: 0, memory_bytes: 0, pids: 0, disk_bytes: 0 },
            kill_grace: None,
            uid: None,
            phase: Phase::Remembered,
            is_recorded: false,
            has_directory: true,
            state: TaskState::Staging,
            newest_fact: 0,
            newest_seq: 0,
            acknowledged: None,
            told: TaskState::Staging,
            told_fact: 0,
            facts_waiting: 0,
            kill: None,
            deadline: None,
        }
    }

    /// What others may hear of it. A container whose end is not safe yet still holds what it did: a crash could forget the end.
    pub(crate) fn snapshot(&self, container: ContainerId) -> ContainerSnapshot {
        let held = if self.told.is_terminal() { Resources::none() } else { self.resources.clone() };
        let task = TaskSnapshot { task: self.task.clone(), name: self.name.clone(), state: self.told };
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

    /// Whether the master hears of it: it holds something, or facts of it wait.
    pub(crate) fn is_shown(&self) -> bool {
        self.phase != Phase::Over || self.facts_waiting > 0
    }

    /// The record of its launch; none when the log lost it.
    pub(crate) fn record(&self, container: ContainerId) -> Option<Record> {
        self.is_recorded.then(|| Record::Launch {
            container,
            framework: self.framework,
            epoch: self.epoch,
            role: self.role.clone(),
            launch: self.launch,
            task: self.task.clone(),
            name: self.name.clone(),
            resources: self.resources.clone(),
            limits: self.limits,
            kill_grace: self.kill_grace,
            uid: self.uid,
        })
    }
}

impl Agent {
    /// Sets when something is to be done about a container.
    pub(crate) fn set_deadline(&mut self, id: ContainerId, deadline: Option<Time>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        if let Some(at) = std::mem::replace(&mut container.deadline, deadline) {
            self.deadlines.remove(&(at, id));
        }
        self.deadlines.extend(deadline.map(|at| (at, id)));
    }

    /// A container is over: what it held is free, and its task's last fact is stated. Its directory stays until enough others
    /// are over.
    pub(crate) fn release(&mut self, now: Now, id: ContainerId, last: Statement, effects: &mut Vec<Effect>) {
        self.set_deadline(id, None);
        let Some(container) = self.containers.get_mut(&id) else { return };
        let held = !matches!(container.phase, Phase::Remembered | Phase::Over);
        container.phase = Phase::Over;
        container.kill = None;
        if held {
            self.used = self.used.saturating_sub(&container.resources);
        }
        self.fact(now, id, last, effects);
    }

    /// The same for a container of which nothing was ever made.
    pub(crate) fn release_unmade(&mut self, now: Now, id: ContainerId, last: Statement, effects: &mut Vec<Effect>) {
        self.without_directory(id);
        self.release(now, id, last, effects);
        self.append(Record::Removed { container: id }, effects);
    }

    /// Removes directories until no more are kept than may be. One whose end is not on the disk stays: it has the exit record.
    pub(crate) fn trim_ended(&mut self, effects: &mut Vec<Effect>) {
        while self.ended.len() > self.config.ended_kept && self.remove_oldest_ended(effects) {}
    }

    /// Removes the directory of the container that has been over for the longest, and frees its user. Says whether there was one.
    pub(crate) fn remove_oldest_ended(&mut self, effects: &mut Vec<Effect>) -> bool {
        let Some(id) = self.ended.first_key_value().map(|(_, id)| *id) else { return false };
        if !self.containers.get(&id).is_some_and(|container| self.log.is_synced(container.newest_seq)) {
            return false;
        }
        self.append(Record::Removed { container: id }, effects);
        self.without_directory(id);
        self.forget_if_done(id);
        effects.push(Effect::Remove(id));
        true
    }

    /// A container has no directory, or never will: its user is free.
    pub(crate) fn without_directory(&mut self, id: ContainerId) {
        // Asked twice, the user may be somebody else's by then.
        let Some(container) = self.containers.get_mut(&id).filter(|container| container.has_directory) else { return };
        container.has_directory = false;
        self.ended.remove(&container.newest_fact);
        if let (Some(uids), Some(uid)) = (&mut self.uids, container.uid) {
            uids.give_back(uid);
        }
    }

    /// Forgets a container that is over once nobody waits for news of it and nothing of it is left.
    pub(crate) fn forget_if_done(&mut self, id: ContainerId) {
        let is_done =
            |container: &&Container| container.phase == Phase::Over && container.facts_waiting == 0 && !container.has_directory;
        if let Some(launch) = self.containers.get(&id).filter(is_done).map(|container| container.launch) {
            self.containers.remove(&id);
            self.by_launch.remove(&launch);
        }
    }
}
