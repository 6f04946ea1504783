//! What must outlive the process, and what waits until it does.
//!
//! Owned here: the records ([`Record`]), their numbers, how far they are safe, when the log is brought to the disk (once for each
//! batch that needs it, one at a time) and when it is replaced by a shorter one. Deliberately absent: the file.

mod record;
mod rewrite;

use meros_types::Now;

use crate::{Agent, Effect};

pub use record::Record;

/// The number of the record that begins a life. What was recovered is safe when that is: it came before in the same file.
pub(crate) const BEGAN: u64 = 1;

/// How far the log is. Numbers count the records of this life.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    /// The newest that was handed out.
    newest: u64,
    /// All up to here survive the process.
    appended: u64,
    /// All up to here survive a power loss.
    synced: u64,
    /// The newest that somebody wants on the disk.
    wanted: u64,
    /// The newest that the last `Sync` covers. Above `synced` while that has no answer.
    syncing: u64,
    /// How many records the file has.
    records: usize,
    /// Whether it can't be written.
    stalled: bool,
}

impl Log {
    /// A log whose file has this many records of earlier lives.
    pub(crate) fn with(records: usize) -> Self {
        Self { newest: 0, appended: 0, synced: 0, wanted: 0, syncing: 0, records, stalled: false }
    }

    pub(crate) fn is_appended(&self, seq: u64) -> bool {
        seq <= self.appended
    }

    pub(crate) fn is_synced(&self, seq: u64) -> bool {
        seq <= self.synced
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled
    }

    pub(crate) fn check(&self) {
        assert!(self.synced <= self.appended, "what is on the disk is in the file");
        assert!(self.appended <= self.newest, "what is in the file was appended");
    }
}

impl Agent {
    /// Appends a record; its number.
    pub(crate) fn append(&mut self, record: Record, effects: &mut Vec<Effect>) -> u64 {
        self.log.newest += 1;
        self.log.records += 1;
        effects.push(Effect::Append { seq: self.log.newest, record: Box::new(record) });
        self.log.newest
    }

    /// The same, to be on the disk soon, whether anybody waits for that or not.
    pub(crate) fn append_synced(&mut self, record: Record, effects: &mut Vec<Effect>) -> u64 {
        self.log.wanted = self.append(record, effects);
        self.log.wanted
    }

    /// All up to `seq` survives the process.
    pub(crate) fn log_appended(&mut self, now: Now, seq: u64, effects: &mut Vec<Effect>) {
        self.log.appended = self.log.appended.max(seq.min(self.log.newest));
        self.release_starts(effects);
        self.release_facts(now, effects);
    }

    /// All up to `seq` survives a power loss.
    pub(crate) fn log_synced(&mut self, now: Now, seq: u64, effects: &mut Vec<Effect>) {
        self.log.synced = self.log.synced.max(seq.min(self.log.newest));
        self.log_appended(now, seq, effects);
        if self.log.is_synced(BEGAN) {
            self.first_connect(effects);
            self.trim_ended(effects);
        }
    }

    /// Nothing more can be promised: the master is told at once that there is nothing to offer here.
    pub(crate) fn log_stalled(&mut self, reason: &str, effects: &mut Vec<Effect>) {
        if !self.log.stalled {
            self.log.stalled = true;
            tracing::error!(reason, "the agent's log can't be written; nothing is launched until it can");
            self.register_anew(effects);
        }
    }

    pub(crate) fn log_resumed(&mut self, effects: &mut Vec<Effect>) {
        if self.log.stalled {
            self.log.stalled = false;
            tracing::info!("the agent's log can be written again");
            self.register_anew(effects);
        }
    }

    /// Ends a batch: one `Sync` for all that wants one, when none is under way.
    pub(crate) fn flush_log(&mut self, effects: &mut Vec<Effect>) {
        self.rewrite_if_long(effects);
        let log = &mut self.log;
        if log.wanted > log.synced && log.syncing <= log.synced {
            log.syncing = log.newest;
            effects.push(Effect::Sync);
        }
    }
}
