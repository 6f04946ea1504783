//! The thread beside the loop, with a store that takes as long as the test says.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use meros_master_core::Registry;
use meros_types::{FrameworkId, Term};

use super::*;

/// Says when a commit begins and what is in it, and waits to be told how it ends.
struct Gated {
    begun: SyncSender<Vec<Change>>,
    end: Receiver<Result<(), RegistryError>>,
}

impl RegistryStore for Gated {
    fn begin(&mut self) -> Result<(Term, Registry), RegistryError> {
        Ok((Term(1), Registry::default()))
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), RegistryError> {
        self.begun.send(changes.to_vec()).unwrap();
        self.end.recv().unwrap()
    }
}

/// Far longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Test {
    writer: RegistryWriter,
    counts: Arc<RegistryCounts>,
    begun: Receiver<Vec<Change>>,
    end: SyncSender<Result<(), RegistryError>>,
}

impl Test {
    /// What is in the commit that begins next.
    #[track_caller]
    fn next(&self) -> Vec<Change> {
        self.begun.recv_timeout(PATIENCE).unwrap()
    }
}

fn start() -> Test {
    let ((begin, begun), (end, ended), counts) = (sync_channel(8), sync_channel(8), Arc::<RegistryCounts>::default());
    let writer = RegistryWriter::start(Gated { begun: begin, end: ended }, Arc::clone(&counts)).unwrap();
    Test { writer, counts, begun, end }
}

fn change(n: u8) -> Change {
    Change::RemoveFramework(FrameworkId::from_bytes([n; 16]))
}

fn disk_full() -> RegistryError {
    RegistryError::Write { path: PathBuf::from("registry.redb"), cause: "no space".to_owned() }
}

#[tokio::test]
async fn what_comes_while_the_disk_is_busy_shares_a_write() {
    let mut test = start();
    test.writer.persist(1, vec![change(1)]);
    assert_eq!(test.next(), [change(1)]);
    test.writer.persist(2, vec![change(2)]);
    test.writer.persist(3, vec![change(3), change(4)]);
    assert_eq!((test.counts.pending(), test.counts.commits()), (3, 0));
    test.end.send(Ok(())).unwrap();
    assert_eq!(test.writer.committed().await.unwrap().unwrap(), 1);
    assert_eq!(test.next(), [change(2), change(3), change(4)]);
    assert_eq!(test.counts.pending(), 2);
    test.end.send(Ok(())).unwrap();
    assert_eq!(test.writer.committed().await.unwrap().unwrap(), 3);
    assert_eq!((test.counts.pending(), test.counts.commits()), (0, 2));
}

#[tokio::test]
async fn a_failed_write_is_told_once_and_nothing_is_written_after_it() {
    let mut test = start();
    test.writer.persist(1, vec![change(1)]);
    test.next();
    test.writer.persist(2, vec![change(2)]);
    test.end.send(Err(disk_full())).unwrap();
    assert!(matches!(test.writer.committed().await, Some(Err(RegistryError::Write { .. }))));
    assert!(test.writer.committed().await.is_none());
    assert!(test.begun.recv().is_err(), "the store is closed");
    assert_eq!(test.counts.commits(), 0);
}

#[tokio::test]
async fn a_polite_end_waits_for_what_is_on_the_desk() {
    let test = start();
    test.writer.persist(1, vec![change(1)]);
    test.writer.persist(2, vec![change(2)]);
    // As many as there may be transactions.
    test.end.send(Ok(())).unwrap();
    test.end.send(Ok(())).unwrap();
    test.writer.finish().await.unwrap();
    let written: Vec<Change> = test.begun.iter().flatten().collect();
    assert_eq!(written, [change(1), change(2)]);

    let test = start();
    test.writer.persist(1, vec![change(1)]);
    test.end.send(Err(disk_full())).unwrap();
    assert!(test.writer.finish().await.is_err());
}

#[test]
fn a_loop_that_is_gone_costs_nothing_that_was_handed_over() {
    let test = start();
    test.writer.persist(1, vec![change(1)]);
    test.end.send(Ok(())).unwrap();
    drop(test.writer);
    assert_eq!(test.begun.iter().collect::<Vec<_>>(), [vec![change(1)]]);
}
