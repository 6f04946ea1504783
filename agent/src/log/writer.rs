//! The threads beside the loop: one writes what waits in one call, one syncs what was written.
//!
//! Deliberately absent: giving up. A write that fails is tried again until it succeeds; a sync that fails is the end, since nobody
//! knows what it left on the disk.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use meros_agent_core::Event;
use serde::Serialize;

use super::LogError;
use super::file::{LogFile, NAME};
use super::format::encode;

/// How long after a write that failed the next is tried.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What the threads have to tell.
#[derive(Debug)]
pub(crate) enum Report {
    /// For the core.
    Event(Event),
    /// The log is lost: what was called durable before may not be, and the process has to end.
    Lost(LogError),
}

/// The loop's end: takes orders and never waits.
#[derive(Debug)]
pub(crate) struct Writer {
    /// Given since the last [`Writer::submit`].
    orders: Vec<Order>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    Append { seq: u64, lines: Vec<u8> },
    Sync,
    Rewrite { seq: u64, lines: Vec<u8> },
}

/// What the loop and both threads share.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Bounded by the core, which starts nothing while they wait, and keeps every fact itself.
    orders: VecDeque<Order>,
    /// The newest file that is to be synced, up to which number.
    unsynced: Option<(u64, Arc<File>)>,
    closed: bool,
}

impl Writer {
    /// Starts the threads, which tell `report` what has come of the orders.
    pub(crate) fn start(file: LogFile, report: impl Fn(Report) + Clone + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (for_writes, for_syncs) = (Arc::clone(&shared), Arc::clone(&shared));
        let reporting = report.clone();
        let syncs = thread::Builder::new().name("log-sync".to_owned()).spawn(move || sync_all(&for_syncs, &reporting))?;
        let writing = Writing { file, seq: 0, shared: for_writes, report };
        let writes = thread::Builder::new().name("log-write".to_owned()).spawn(move || writing.run())?;
        Ok(Self { orders: Vec::new(), shared, threads: vec![writes, syncs] })
    }

    /// Appends a record.
    pub(crate) fn append(&mut self, seq: u64, record: &impl Serialize) {
        self.orders.push(Order::Append { seq, lines: encode(record) });
    }

    /// Syncs all that was appended before.
    pub(crate) fn sync(&mut self) {
        self.orders.push(Order::Sync);
    }

    /// Puts these records in the place of all others.
    pub(crate) fn rewrite(&mut self, seq: u64, records: &[impl Serialize]) {
        self.orders.push(Order::Rewrite { seq, lines: records.iter().flat_map(encode).collect() });
    }

    /// Hands the orders of a batch to the threads, all at once.
    pub(crate) fn submit(&mut self) {
        if !self.orders.is_empty() {
            self.shared.lock().orders.extend(self.orders.drain(..));
            self.shared.changed.notify_all();
        }
    }
}

impl Drop for Writer {
    /// What was submitted is still tried once. Blocks until that is done, so that the next writer finds a whole file.
    fn drop(&mut self) {
        self.submit();
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A panic in it was printed, and there is nobody to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is one statement, so that a panic elsewhere leaves it as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to do. None when nothing is left and nothing more will come.
    fn wait<T>(&self, mut take: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(taken) = take(&mut state) {
                return Some(taken);
            }
            if state.closed {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits before the next attempt. False when there is to be none.
    fn wait_to_retry(&self) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), RETRY_INTERVAL, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

/// The thread that writes.
struct Writing<R> {
    file: LogFile,
    /// The newest record that was written.
    seq: u64,
    shared: Arc<Shared>,
    report: R,
}

impl<R: Fn(Report)> Writing<R> {
    fn run(mut self) {
        while let Some(orders) = self.shared.wait(|state| (!state.orders.is_empty()).then(|| std::mem::take(&mut state.orders))) {
            if !self.perform(orders) {
                return;
            }
        }
    }

    /// False when the log is closed and something could not be written.
    fn perform(&mut self, orders: VecDeque<Order>) -> bool {
        let mut lines = Vec::new();
        let mut newest = self.seq;
        for order in orders {
            match order {
                Order::Append { seq, lines: more } => {
                    newest = seq;
                    lines.extend(more);
                }
                Order::Sync => {
                    if !self.append(newest, &mut lines) {
                        return false;
                    }
                    self.shared.lock().unsynced = Some((self.seq, self.file.handle()));
                    self.shared.changed.notify_all();
                }
                Order::Rewrite { seq, lines: all } => {
                    // What waits would be replaced at once.
                    lines.clear();
                    newest = seq;
                    if !self.persist(|file| file.rewrite(&all)) {
                        return false;
                    }
                    self.written(seq);
                    (self.report)(Report::Event(Event::Synced { seq }));
                }
            }
        }
        self.append(newest, &mut lines)
    }

    fn append(&mut self, newest: u64, lines: &mut Vec<u8>) -> bool {
        if lines.is_empty() {
            return true;
        }
        let done = self.persist(|file| file.append(lines));
        lines.clear();
        if done {
            self.written(newest);
        }
        done
    }

    fn written(&mut self, seq: u64) {
        self.seq = seq;
        (self.report)(Report::Event(Event::Appended { seq }));
    }

    /// Tries until it succeeds, and says when it begins to fail and when it no longer does. False when the log is closed first.
    fn persist(&mut self, mut attempt: impl FnMut(&mut LogFile) -> io::Result<()>) -> bool {
        let Err(error) = attempt(&mut self.file) else { return true };
        let reason = format!("can't write the agent's log {NAME}: {error}");
        (self.report)(Report::Event(Event::LogStalled { reason }));
        while self.shared.wait_to_retry() {
            if attempt(&mut self.file).is_ok() {
                (self.report)(Report::Event(Event::LogResumed));
                return true;
            }
        }
        false
    }
}

/// The thread that syncs. All that is written while it does waits for its next turn together.
fn sync_all(shared: &Shared, report: &impl Fn(Report)) {
    while let Some((seq, file)) = shared.wait(|state| state.unsynced.take()) {
        match file.sync_data() {
            Ok(()) => report(Report::Event(Event::Synced { seq })),
            // What the kernel failed to write it may have dropped, and would call synced the next time.
            Err(error) => return report(Report::Lost(LogError::file("sync", NAME.as_ref())(error))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::mpsc::{Receiver, sync_channel};

    use super::super::file::Opened;
    use super::*;

    /// Far longer than anything here takes.
    const PATIENCE: Duration = Duration::from_secs(30);

    fn start(directory: &Path) -> (Writer, Receiver<Report>) {
        let (reports, received) = sync_channel(100);
        let Opened { file, .. } = LogFile::open::<String>(directory).unwrap();
        (Writer::start(file, move |report| reports.send(report).unwrap()).unwrap(), received)
    }

    fn next(reports: &Receiver<Report>) -> String {
        match reports.recv_timeout(PATIENCE).unwrap() {
            Report::Event(event) => format!("{event:?}"),
            Report::Lost(error) => panic!("{error}"),
        }
    }

    fn records(directory: &Path) -> Vec<String> {
        let opened = LogFile::open(directory).unwrap();
        assert_eq!(opened.damage, []);
        opened.records
    }

    #[test]
    fn a_batch_is_reported_by_its_last_record_and_synced_on_demand() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, reports) = start(folder.path());
        for (seq, record) in [(1, "a"), (2, "b"), (3, "c")] {
            writer.append(seq, &record);
        }
        writer.submit();
        assert_eq!(next(&reports), "Appended { seq: 3 }");
        assert_eq!(records(folder.path()), ["a", "b", "c"]);
        writer.append(4, &"d");
        writer.sync();
        writer.append(5, &"e");
        writer.submit();
        let mut next_three = [next(&reports), next(&reports), next(&reports)];
        next_three.sort();
        assert_eq!(next_three, ["Appended { seq: 4 }", "Appended { seq: 5 }", "Synced { seq: 4 }"]);
    }

    #[test]
    fn a_rewrite_takes_the_place_of_what_was_before_it_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, reports) = start(folder.path());
        writer.append(1, &"old");
        writer.rewrite(2, &["all"]);
        writer.append(3, &"new");
        writer.submit();
        assert_eq!([next(&reports), next(&reports)], ["Appended { seq: 2 }", "Synced { seq: 2 }"]);
        assert_eq!(next(&reports), "Appended { seq: 3 }");
        assert_eq!(records(folder.path()), ["all", "new"]);
    }

    #[test]
    fn what_cannot_be_written_waits_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, reports) = start(folder.path());
        // A new file can't be made under the name of a directory.
        let in_the_way = folder.path().join("agent.log.new");
        fs::create_dir(&in_the_way).unwrap();
        writer.rewrite(1, &["all"]);
        writer.submit();
        assert!(next(&reports).starts_with("LogStalled"));
        writer.append(2, &"next");
        writer.submit();
        fs::remove_dir(&in_the_way).unwrap();
        assert_eq!([next(&reports), next(&reports)], ["LogResumed", "Appended { seq: 1 }"]);
        assert_eq!([next(&reports), next(&reports)], ["Synced { seq: 1 }", "Appended { seq: 2 }"]);
        assert_eq!(records(folder.path()), ["all", "next"]);
    }

    #[test]
    fn what_was_submitted_is_written_before_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _reports) = start(folder.path());
        writer.append(1, &"last");
        drop(writer);
        assert_eq!(records(folder.path()), ["last"]);
    }
}
