//! The log's file, in memory: what a crash of the process leaves of it, and what a power loss leaves.

use std::collections::{BTreeSet, VecDeque};

use meros_agent_core::{Effect, Event, Record};
use meros_types::FactId;

/// What of the log is left unanswered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nothing: every effect is answered at once.
    #[default]
    Nothing,
    /// What was appended does not reach the disk.
    Syncs,
    /// Nothing is even written.
    All,
}

#[derive(Debug, Default)]
pub(crate) struct TestLog {
    pub(crate) hold: Hold,
    /// What survives a crash of the process.
    pub(crate) file: Vec<Record>,
    /// How many records of it survive a power loss.
    on_disk: usize,
    queue: VecDeque<(u64, Write)>,
    appended: u64,
    sync_asked: bool,
    /// Every fact that ever was in the file, or on the disk.
    pub(crate) facts_in_file: BTreeSet<FactId>,
    pub(crate) facts_on_disk: BTreeSet<FactId>,
    pub(crate) rewrites: usize,
}

#[derive(Clone, Debug)]
enum Write {
    Append(Box<Record>),
    Rewrite(Vec<Record>),
}

fn facts(records: &[Record]) -> impl Iterator<Item = FactId> {
    records.iter().filter_map(|record| match record {
        Record::Fact { update, .. } => update.fact,
        _ => None,
    })
}

impl TestLog {
    /// Takes an effect in that is the log's.
    pub(super) fn take(&mut self, effect: &Effect) {
        match effect {
            Effect::Append { seq, record } => self.push(*seq, Write::Append(record.clone())),
            Effect::Rewrite { seq, records } => {
                self.rewrites += 1;
                self.push(*seq, Write::Rewrite(records.clone()));
            }
            Effect::Sync => {
                assert!(!self.sync_asked, "two syncs are under way");
                self.sync_asked = true;
            }
            _ => {}
        }
    }

    fn push(&mut self, seq: u64, write: Write) {
        let before = self.queue.back().map_or(self.appended, |(seq, _)| *seq);
        assert_eq!(seq, before + 1, "the numbers of records rise by one");
        self.queue.push_back((seq, write));
    }

    /// What the file would hold if all were written.
    pub(super) fn all(&self) -> Vec<Record> {
        let mut all = self.file.clone();
        for (_, write) in &self.queue {
            match write {
                Write::Append(record) => all.push((**record).clone()),
                Write::Rewrite(records) => all = records.clone(),
            }
        }
        all
    }

    /// The next answer, unless it is held back.
    pub(super) fn answer(&mut self) -> Option<Event> {
        if self.hold != Hold::All && !self.queue.is_empty() {
            for (seq, write) in std::mem::take(&mut self.queue) {
                self.appended = seq;
                self.write(write);
            }
            return Some(Event::Appended { seq: self.appended });
        }
        if self.hold == Hold::Nothing && self.sync_asked {
            self.sync_asked = false;
            self.facts_on_disk.extend(facts(&self.file[self.on_disk..]));
            self.on_disk = self.file.len();
            return Some(Event::Synced { seq: self.appended });
        }
        None
    }

    fn write(&mut self, write: Write) {
        match write {
            Write::Append(record) => {
                self.facts_in_file.extend(facts(std::slice::from_ref(&*record)));
                self.file.push(*record);
            }
            Write::Rewrite(records) => {
                self.file = records;
                self.facts_on_disk.extend(facts(&self.file));
                self.on_disk = self.file.len();
            }
        }
    }

    /// Puts a record onto the disk that was never appended.
    pub(super) fn plant(&mut self, record: Record) {
        self.facts_on_disk.extend(facts(std::slice::from_ref(&record)));
        self.write(Write::Append(Box::new(record)));
        self.on_disk = self.file.len();
    }

    /// The process has ended, and with `power_lost` the machine too; what the next life reads.
    pub(super) fn crash(&mut self, power_lost: bool) -> Vec<Record> {
        if power_lost {
            self.file.truncate(self.on_disk);
            self.facts_in_file = self.facts_on_disk.clone();
        }
        self.queue.clear();
        self.appended = 0;
        self.sync_asked = false;
        self.file.clone()
    }
}
