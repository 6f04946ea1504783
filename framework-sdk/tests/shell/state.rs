//! A scheduler and its store, over a real connection.

use std::sync::mpsc as blocking;

use meros::{
    Command, Context, Error, FileStore, Framework, MemoryStore, Offer, Resources, Saved, SavedTask, Scheduler, Session,
    SessionError, SessionKind, StateChange, StateError, StateStore, TaskSpec, TaskUpdate,
};

use crate::master::{Answer, Master};

/// Launches one task in the life of its framework, counts what it hears, and stops when the task has ended.
#[derive(Debug, Default)]
struct Counting {
    kind: Option<SessionKind>,
    saves: usize,
}

impl Scheduler for Counting {
    fn offers(&mut self, offers: &mut [Offer], cx: &mut Context) {
        if cx.saved("launched").is_none() {
            cx.save("launched", "yes");
            let task = TaskSpec::new(cx.new_task_id(), Command::shell("true"), Resources::none().with_cpu_milli(1_000));
            offers[0].launch(task).unwrap();
        }
    }

    fn update(&mut self, update: &TaskUpdate, cx: &mut Context) {
        cx.save(format!("heard/{}", update.state), vec![1; 1 + self.saves]);
        if update.state.is_terminal() {
            cx.stop();
        }
    }

    fn registered(&mut self, session: &Session, cx: &mut Context) {
        self.kind = Some(session.kind);
        if cx.saved("heard/FINISHED").is_some() {
            cx.stop();
        }
    }
}

fn framework(master: &Master, store: impl StateStore) -> Framework {
    master.framework().key("k").state(store)
}

#[tokio::test]
async fn a_state_in_a_file_is_there_for_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let master = Master::start(Answer::Serve).await;
    let first = framework(&master, FileStore::open(&path).unwrap()).run(Counting::default()).await.unwrap();
    assert_eq!(first.kind, Some(SessionKind::New));
    let saved = FileStore::open(&path).unwrap().load().unwrap();
    assert_eq!(saved.values.keys().collect::<Vec<_>>(), ["heard/FINISHED", "heard/RUNNING", "launched"]);
    assert!(matches!(saved.tasks.values().collect::<Vec<_>>()[..], [SavedTask::Ended { n: 1 }]), "{saved:?}");
    let second = framework(&master, FileStore::open(&path).unwrap()).run(Counting::default()).await.unwrap();
    assert_eq!(second.kind, Some(SessionKind::TakenOver));
    assert_eq!(master.said().await, ["SUBSCRIBE", "DEMAND", "ACCEPT", "ACKNOWLEDGE", "ACKNOWLEDGE", "SUBSCRIBE", "DEMAND"]);
}

#[tokio::test]
async fn a_state_in_memory_is_shared_by_its_clones() {
    let store = MemoryStore::new();
    let master = Master::start(Answer::Serve).await;
    framework(&master, store.clone()).run(Counting::default()).await.unwrap();
    assert_eq!(store.saved().values["launched"], b"yes");
    assert_eq!(framework(&master, store).run(Counting::default()).await.unwrap().kind, Some(SessionKind::TakenOver));
}

#[tokio::test]
async fn the_state_of_another_key_is_refused() {
    let store = MemoryStore::new();
    let master = Master::start(Answer::Serve).await;
    framework(&master, store.clone()).run(Counting::default()).await.unwrap();
    let error = master.framework().key("other").state(store).run(Counting::default()).await.unwrap_err();
    assert!(matches!(error, Error::Session(SessionError::ForeignState { .. })), "{error}");
}

/// A store that waits for the test before each transaction, and does with it what the test says.
struct Held {
    asked: blocking::SyncSender<Vec<StateChange>>,
    verdicts: blocking::Receiver<Result<(), StateError>>,
}

/// The test's side of it.
struct Holder {
    asked: blocking::Receiver<Vec<StateChange>>,
    verdicts: blocking::SyncSender<Result<(), StateError>>,
}

fn held() -> (Held, Holder) {
    let (ask, asked) = blocking::sync_channel(16);
    let (decide, verdicts) = blocking::sync_channel(16);
    (Held { asked: ask, verdicts }, Holder { asked, verdicts: decide })
}

impl Holder {
    /// The next transaction, without holding up the runtime.
    fn asked(&self) -> Vec<StateChange> {
        tokio::task::block_in_place(|| self.asked.recv().unwrap())
    }
}

impl StateStore for Held {
    fn load(&mut self) -> Result<Saved, StateError> {
        Ok(Saved::default())
    }

    fn commit(&mut self, changes: &[StateChange]) -> Result<(), StateError> {
        self.asked.send(changes.to_vec()).unwrap();
        self.verdicts.recv().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_store_holds_up_what_rests_on_it_and_nothing_else() {
    let (store, holder) = held();
    let master = Master::start(Answer::Serve).await;
    let (handle, running) = framework(&master, store).spawn(Counting::default()).unwrap();
    assert!(matches!(&holder.asked()[..], [StateChange::Framework(_)]));
    // The scheduler answers while its store is busy.
    assert_eq!(handle.call(|counting, _| counting.kind).await.unwrap(), Some(SessionKind::New));
    holder.verdicts.send(Ok(())).unwrap();
    assert!(matches!(&holder.asked()[..], [StateChange::Task { .. }, StateChange::Put { .. }]));
    handle.call(|_, cx| assert_eq!(cx.task_count(), 1)).await.unwrap();
    holder.verdicts.send(Ok(())).unwrap();
    let ends = |changes: &[StateChange]| {
        changes.iter().any(|change| matches!(change, StateChange::Task { task: SavedTask::Ended { .. }, .. }))
    };
    loop {
        let last = ends(&holder.asked());
        holder.verdicts.send(Ok(())).unwrap();
        if last {
            break;
        }
    }
    running.await.unwrap();
    let said = master.said().await;
    assert_eq!(said, ["SUBSCRIBE", "DEMAND", "ACCEPT", "ACKNOWLEDGE", "ACKNOWLEDGE"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_ends_the_scheduler_and_nothing_leaves() {
    let (store, holder) = held();
    let master = Master::start(Answer::Serve).await;
    let (_, running) = framework(&master, store).spawn(Counting::default()).unwrap();
    holder.verdicts.send(Ok(())).unwrap();
    holder.verdicts.send(Err(StateError::Store("the moon is full".into()))).unwrap();
    let error = running.await.unwrap_err();
    assert!(matches!(error, Error::Session(SessionError::NotSaved(_))));
    assert!(error.to_string().contains("the state store failed: the moon is full"), "{error}");
    assert_eq!(master.said().await, ["SUBSCRIBE", "DEMAND"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_panics_is_the_end_and_no_hang() {
    let (store, holder) = held();
    let master = Master::start(Answer::Serve).await;
    let (_, running) = framework(&master, store).spawn(Counting::default()).unwrap();
    drop(holder);
    let error = running.await.unwrap_err();
    assert!(error.to_string().contains("its thread has ended"), "{error}");
}

#[tokio::test]
async fn a_state_that_can_not_be_read_is_told() {
    struct Unreadable;
    impl StateStore for Unreadable {
        fn load(&mut self) -> Result<Saved, StateError> {
            Err(StateError::Store("the moon is full".into()))
        }
        fn commit(&mut self, _: &[StateChange]) -> Result<(), StateError> {
            unreachable!("nothing was loaded")
        }
    }
    let master = Master::start(Answer::Serve).await;
    let error = framework(&master, Unreadable).run(Counting::default()).await.unwrap_err();
    assert!(matches!(error, Error::State(StateError::Store(_))), "{error}");
}

mod full_disk {
    //! The disk is full, and then it is not.

    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// A file system of its own with 4 MiB, gone with this. Needs root, as the tests of limits do.
    struct SmallDisk(tempfile::TempDir);

    impl SmallDisk {
        fn mount() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mounted =
                Command::new("mount").args(["-t", "tmpfs", "-o", "size=4M", "tmpfs"]).arg(folder.path()).output().unwrap();
            assert!(mounted.status.success(), "{}", String::from_utf8_lossy(&mounted.stderr));
            Self(folder)
        }

        fn path(&self) -> &Path {
            self.0.path()
        }

        /// Fills all but this much.
        fn fill(&self, left_bytes: u64) {
            let mut block = 1 << 20;
            let mut filler = fs::File::create(self.path().join("filler")).unwrap();
            while block > 0 {
                if std::io::Write::write_all(&mut filler, &vec![0; block]).is_err() {
                    block /= 2;
                }
            }
            filler.set_len(filler.metadata().unwrap().len() - left_bytes).unwrap();
        }

        fn make_room(&self) {
            fs::remove_file(self.path().join("filler")).unwrap();
        }
    }

    impl Drop for SmallDisk {
        fn drop(&mut self) {
            let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
            assert!(unmounted.is_ok_and(|status| status.success()), "the small disk can't be unmounted");
        }
    }

    fn put(n: u32) -> StateChange {
        StateChange::Put { key: format!("value/{n:04}"), value: vec![n as u8; 100_000] }
    }

    #[test]
    fn what_was_stored_survives_it() {
        let disk = SmallDisk::mount();
        let path = disk.path().join("state");
        let mut store = FileStore::open(&path).unwrap();
        store.commit(&[put(0)]).unwrap();
        disk.fill(0);
        let mut stored = 1;
        let error = loop {
            match store.commit(&[put(stored)]) {
                Ok(()) => stored += 1,
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        assert!(store.commit(&[put(9_999)]).is_err(), "a store that has failed stores nothing more");
        drop(store);
        disk.make_room();
        let mut store = FileStore::open(&path).unwrap();
        let saved = store.load().unwrap();
        // What failed may be there or not: that is why it ends the scheduler.
        assert!((0..stored).all(|n| saved.values[&format!("value/{n:04}")] == vec![n as u8; 100_000]), "{stored}");
        assert!(saved.values.len() <= stored as usize + 1);
        store.commit(&[put(stored)]).unwrap();
    }

    #[tokio::test]
    async fn a_scheduler_ends_and_goes_on_when_there_is_room_again() {
        let disk = SmallDisk::mount();
        let path = disk.path().join("state");
        let master = Master::start(Answer::Serve).await;
        let store = FileStore::open(&path).unwrap();
        // Enough for the launch, and not for what comes of it.
        disk.fill(500_000);
        let large = || Counting { saves: 1_000_000, ..Counting::default() };
        let error = framework(&master, store).run(large()).await.unwrap_err();
        assert!(matches!(error, Error::Session(SessionError::NotSaved(_))), "{error}");
        assert!(error.to_string().contains("No space left on device"), "{error}");
        disk.make_room();
        let mut store = FileStore::open(&path).unwrap();
        let before = store.load().unwrap();
        assert_eq!(before.values.keys().collect::<Vec<_>>(), ["launched"]);
        assert_eq!(before.tasks.len(), 1);
        let again = framework(&master, store).run(large()).await.unwrap();
        assert_eq!(again.kind, Some(SessionKind::TakenOver));
        let after = FileStore::open(&path).unwrap().load().unwrap();
        assert_eq!(after.values["heard/FINISHED"].len(), 1_000_001);
        let accepts = master.said().await.iter().filter(|call| **call == "ACCEPT").count();
        assert_eq!(accepts, 1, "the task was launched once");
    }
}
