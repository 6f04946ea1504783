//! The store in a file, by itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use meros::{
    AgentId, Epoch, FactId, FileStore, FrameworkId, Incarnation, LaunchId, Saved, SavedFramework, SavedKill, SavedLive, SavedTask,
    StateChange, StateError, StateStore, TaskId, TaskState, Term,
};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    (folder, path)
}

fn live() -> SavedTask {
    let incarnation = |n| Incarnation::from_bytes([n; 16]);
    SavedTask::Live(SavedLive {
        state: TaskState::Running,
        agent: Some(AgentId::from_bytes([1; 16])),
        launch: Some(LaunchId { term: Term(2), n: 3 }),
        accepted_in: Some(Term(2)),
        fact: Some(FactId { incarnation: incarnation(4), n: 5 }),
        lives: vec![incarnation(6), incarnation(7)],
        kill: Some(SavedKill { grace: Some(Duration::from_millis(1_500)) }),
    })
}

/// One of every kind.
fn changes() -> Vec<StateChange> {
    let id = |text: &str| TaskId::new(text).unwrap();
    let put = |key: &str, value: &[u8]| StateChange::Put { key: key.into(), value: value.into() };
    vec![
        StateChange::Framework(SavedFramework { id: FrameworkId::from_bytes([8; 16]), epoch: Epoch(9), key: Some("k".into()) }),
        StateChange::Task { id: id("live"), task: live() },
        StateChange::Task { id: id("ended"), task: SavedTask::Ended { n: 10 } },
        StateChange::Task { id: id("forgotten"), task: live() },
        StateChange::ForgetTask { id: id("forgotten") },
        StateChange::ForgetTask { id: id("never-there") },
        put("bytes", &[0, 255, 7]),
        put("", b"an empty key is a key"),
        put("gone", b"1"),
        StateChange::Delete { key: "gone".into() },
    ]
}

#[test]
fn what_is_stored_comes_back() {
    let (_folder, path) = place();
    let mut expected = Saved::default();
    expected.apply(changes());
    let mut store = FileStore::open(&path).unwrap();
    assert_eq!(store.load().unwrap(), Saved::default());
    store.commit(&changes()).unwrap();
    drop(store);
    let mut store = FileStore::open(&path).unwrap();
    assert_eq!(store.load().unwrap(), expected);
    store.forget_framework().unwrap();
    assert_eq!(store.load().unwrap(), Saved { values: expected.values, ..Saved::default() });
}

#[test]
fn it_is_its_owners_alone() {
    let (folder, path) = place();
    drop(FileStore::open(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Runs as itself and, told by the variable which file, as the other process.
#[test]
fn another_process_is_kept_out() {
    const VARIABLE: &str = "MEROS_TEST_OTHER_PROCESS";
    if let Some(path) = std::env::var_os(VARIABLE) {
        println!("{}", FileStore::open(path).unwrap_err());
        return;
    }
    let (_folder, path) = place();
    let store = FileStore::open(&path).unwrap();
    let mut other = Command::new(std::env::current_exe().unwrap());
    let name = std::thread::current().name().unwrap().to_owned();
    let output = other.args(["--exact", &name, "--nocapture"]).env(VARIABLE, &path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("is in use by another process") && said.contains(path.to_str().unwrap()), "{said}");
    assert!(matches!(FileStore::open(&path), Err(StateError::InUse { .. })));
    drop(store);
    FileStore::open(&path).unwrap();
}

#[test]
fn a_process_that_died_while_making_it_leaves_no_trouble() {
    let (folder, path) = place();
    fs::write(folder.path().join("state.new"), "half a file").unwrap();
    FileStore::open(&path).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_is_damaged_is_told_and_not_used() {
    let (_folder, path) = place();
    let mut store = FileStore::open(&path).unwrap();
    store.commit(&changes()).unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    let at = whole.windows(5).rposition(|bytes| bytes == b"\"live").expect("the record is in the file as text");
    let mut flipped = whole.clone();
    flipped[at + 2] ^= 1;
    for (what, bytes) in [("empty", Vec::new()), ("text", b"not a state file".repeat(999)), ("flipped", flipped)] {
        fs::write(&path, bytes).unwrap();
        let error = FileStore::open(&path).err().unwrap_or_else(|| panic!("{what} is taken for whole"));
        assert!(matches!(error, StateError::Damaged { .. }), "{what}: {error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    fs::write(&path, whole).unwrap();
    FileStore::open(&path).unwrap();
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let error = FileStore::open("/nowhere/state").unwrap_err();
    assert!(matches!(error, StateError::Open { .. }) && error.to_string().contains("/nowhere/state"), "{error}");
}
