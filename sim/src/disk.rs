//! Simulated disks: what survives a process, and what survives a power loss. Owned: the page cache in front of each file and what
//! a machine without power forgets of it. Absent: what is in the files, which is their processes'; torn and corrupt
//! records, which the real readers are tested with.

use std::collections::VecDeque;
use std::fmt;

use meros_agent_core::log::Record;
use meros_master_core::registry::{Change, Registry};
use meros_session::{Saved, StateChange};
use meros_types::Role;

use crate::Random;

/// What is in a file, and how it changes.
pub(crate) trait Stored: Clone + Default + fmt::Debug {
    /// One change, whole or not at all.
    type Write: Clone + fmt::Debug;

    /// Makes a change.
    fn apply(&mut self, write: &Self::Write);
}

/// The registry's tables; a write is a transaction.
impl Stored for Registry {
    type Write = Vec<Change>;

    fn apply(&mut self, write: &Vec<Change>) {
        for change in write {
            match change {
                Change::Agent(record) => {
                    self.agents.retain(|agent| agent.id != record.id);
                    self.agents.push(record.clone());
                }
                Change::ForgetAgent(id) => self.agents.retain(|agent| agent.id != *id),
                Change::Framework(record) => {
                    self.frameworks.retain(|framework| framework.id != record.id);
                    self.frameworks.push(record.clone());
                }
                Change::RemoveFramework(id) => {
                    self.frameworks.retain(|framework| framework.id != *id);
                    self.removed.retain(|removed| removed != id);
                    self.removed.push(*id);
                }
                Change::ForgetRemoved(id) => self.removed.retain(|removed| removed != id),
                Change::Roles { set, forgotten } => {
                    let changes = |role: &Role| forgotten.contains(role) || set.iter().any(|record| record.role == *role);
                    self.roles.retain(|record| !changes(&record.role));
                    self.roles.extend(set.iter().cloned());
                }
                Change::Windows { set, removed } => {
                    let changes = |id: &String| removed.contains(id) || set.iter().any(|window| window.id == *id);
                    self.windows.retain(|window| !changes(&window.id));
                    self.windows.extend(set.iter().cloned());
                }
            }
        }
    }
}

/// A framework's state; a write is a transaction.
impl Stored for Saved {
    type Write = Vec<StateChange>;

    fn apply(&mut self, write: &Vec<StateChange>) {
        Saved::apply(self, write.iter().cloned());
    }
}

/// An agent's log.
#[derive(Clone, Debug, Default)]
pub(crate) struct AgentLog(pub(crate) Vec<Record>);

/// A change to an agent's log.
#[derive(Clone, Debug)]
pub(crate) enum LogWrite {
    /// One record more.
    Append(Box<Record>),
    /// These take the place of all.
    Rewrite(Vec<Record>),
}

impl Stored for AgentLog {
    type Write = LogWrite;

    fn apply(&mut self, write: &LogWrite) {
        match write {
            LogWrite::Append(record) => self.0.push((**record).clone()),
            LogWrite::Rewrite(records) => self.0.clone_from(records),
        }
    }
}

/// A file on a disk that keeps what was synced, and of the rest some first part.
#[derive(Debug)]
pub(crate) struct Disk<S: Stored> {
    /// What a process reads: survives every process.
    written: S,
    /// What survives a power loss.
    kept: S,
    /// Written and not yet kept, in order.
    cached: VecDeque<S::Write>,
    /// How many writes were kept or lost before `cached`.
    settled: u64,
}

impl<S: Stored> Default for Disk<S> {
    fn default() -> Self {
        Self { written: S::default(), kept: S::default(), cached: VecDeque::new(), settled: 0 }
    }
}

impl<S: Stored> Disk<S> {
    /// What a process reads.
    pub(crate) fn read(&self) -> &S {
        &self.written
    }

    /// What is there whatever happens.
    pub(crate) fn kept(&self) -> &S {
        &self.kept
    }

    /// Changes the file. A process may die right after; a machine that loses power forgets it unless it was synced.
    pub(crate) fn write(&mut self, write: S::Write) {
        self.written.apply(&write);
        self.cached.push_back(write);
    }

    /// A mark of all that was written so far, for [`Disk::sync`].
    pub(crate) fn mark(&self) -> u64 {
        self.settled + self.cached.len() as u64
    }

    /// Keeps what was written until the mark was taken. Returns what was not kept before.
    pub(crate) fn sync(&mut self, mark: u64) -> Vec<S::Write> {
        let count = mark.saturating_sub(self.settled).min(self.cached.len() as u64);
        let writes: Vec<S::Write> = self.cached.drain(..count as usize).collect();
        writes.iter().for_each(|write| self.kept.apply(write));
        self.settled += count;
        writes
    }

    /// The machine loses power: what was not synced is lost, but for a first part of it that the kernel had written anyway.
    /// Returns what was kept by that.
    pub(crate) fn lose_power(&mut self, random: &mut Random) -> Vec<S::Write> {
        let lucky = random.range(0, self.cached.len() as u64);
        let kept = self.sync(self.settled + lucky);
        self.settled += self.cached.len() as u64;
        self.cached.clear();
        self.written = self.kept.clone();
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Stored for Vec<u32> {
        type Write = u32;
        fn apply(&mut self, write: &u32) {
            self.push(*write);
        }
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_does_in_part() {
        let mut random = Random::seeded(1);
        let mut lengths = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let mut disk: Disk<Vec<u32>> = Disk::default();
            disk.write(1);
            disk.write(2);
            let mark = disk.mark();
            disk.write(3);
            disk.sync(mark);
            assert_eq!((disk.read().as_slice(), disk.kept().as_slice()), ([1, 2, 3].as_slice(), [1, 2].as_slice()));
            disk.lose_power(&mut random);
            assert!(disk.read().starts_with(&[1, 2]));
            assert_eq!(disk.read(), disk.kept());
            lengths.insert(disk.read().len());
            let mark = disk.mark();
            disk.sync(mark);
            disk.write(9);
            assert_eq!(disk.read().last(), Some(&9));
        }
        assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [2, 3]);
    }
}
