//! The store in a file: what it keeps, and what it says of files that something else has changed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use meros_master_core::{AgentRecord, AgentStanding, Change, FrameworkRecord, Registry, RoleRecord};
use meros_types::{
    AgentId, AgentSecret, Bounds, Drain, Duty, Epoch, FrameworkId, Resources, Role, RoleSettings, Term, Unavailability, WallTime,
    Window,
};
use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase, StorageBackend, TableDefinition};
use tempfile::TempDir;

use super::file::{FILE, open_checked};
use super::load::{AGENTS, META, ROLES, Records, VERSION_KEY, WINDOWS, load};
use super::{RegistryError, RegistryFile, RegistryStore, inspect};

fn agent(n: u8) -> AgentRecord {
    let (id, secret) = (AgentId::from_bytes([n; 16]), AgentSecret::from_bytes([n; 16]));
    let drain = Drain { deadline: WallTime(99), max_grace: Some(Duration::from_millis(1_500)), mark_gone: true };
    let (state, duty) = (AgentStanding::Unreachable { since: WallTime(7) }, Duty::Draining(drain));
    AgentRecord { id, secret, hostname: format!("host-{n}"), state, duty }
}

fn framework(n: u8) -> FrameworkRecord {
    FrameworkRecord {
        id: FrameworkId::from_bytes([n; 16]),
        name: "batch".to_owned(),
        key: Some(format!("key-{n}")),
        principal: "operator".to_owned(),
        epoch: Epoch(3),
        failover_timeout: Duration::from_millis(1_500),
        deadline: Some(WallTime(u64::MAX)),
    }
}

fn removed(n: u8) -> FrameworkId {
    FrameworkId::from_bytes([n; 16])
}

fn role(name: &str) -> Role {
    Role::new(name).unwrap()
}

fn limited(name: &str, limit: &str) -> RoleRecord {
    let (limit, guarantee) = (Bounds::parse(limit).unwrap(), Resources::parse("cpus:0.5;licences:2").unwrap());
    RoleRecord { role: role(name), settings: RoleSettings { weight: 3, limit, guarantee } }
}

fn window(id: &str, n: u8) -> Window {
    let unavailability = Unavailability { start: WallTime(5), duration: Duration::from_millis(1_500) };
    Window { id: id.to_owned(), agents: vec![agent(n).id, agent(9).id], unavailability }
}

/// A registry with something in every table, closed.
fn some_registry() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut store = RegistryFile::open(folder.path()).unwrap();
    store.begin().unwrap();
    store.commit(&[Change::Agent(agent(1)), Change::Agent(agent(2)), Change::Framework(framework(3))]).unwrap();
    store.commit(&[Change::RemoveFramework(removed(9)), Change::RemoveFramework(removed(8))]).unwrap();
    store.commit(&[roles_change(), windows_change()]).unwrap();
    folder
}

fn roles_change() -> Change {
    Change::Roles { set: vec![limited("*", "cpus:4;mem:1GiB"), limited("eng/backend", "cpus:0")], forgotten: Vec::new() }
}

fn windows_change() -> Change {
    Change::Windows { set: vec![window("racks a/b", 1), window("ü", 2)], removed: Vec::new() }
}

/// What a master that starts here is told.
fn begin(folder: &Path) -> Result<(Term, Registry), RegistryError> {
    RegistryFile::open(folder)?.begin()
}

/// An error that names the file, and all of these.
#[track_caller]
fn refused(folder: &Path, words: &[&str]) {
    let error = begin(folder).unwrap_err().to_string();
    for word in [FILE].iter().chain(words) {
        assert!(error.contains(word), "no {word:?} in: {error}");
    }
    assert_eq!(error.lines().count(), 1, "{error}");
}

/// Writes into a closed registry as something else than a master would.
fn tamper<V: redb::Value + 'static>(folder: &Path, table: TableDefinition<&'static str, V>, key: &str, value: V::SelfType<'_>) {
    let database = Database::open(folder.join(FILE)).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(table).unwrap().insert(key, value).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn what_is_committed_is_there_at_the_next_start_and_the_term_rises() {
    let folder = some_registry();
    let (term, registry) = begin(folder.path()).unwrap();
    assert_eq!(term, Term(2));
    let wanted = Registry {
        agents: vec![agent(1), agent(2)],
        frameworks: vec![framework(3)],
        // In the order of their removal, which is not that of their ids.
        removed: vec![removed(9), removed(8)],
        roles: vec![limited("*", "cpus:4;mem:1GiB"), limited("eng/backend", "cpus:0")],
        windows: vec![window("racks a/b", 1), window("ü", 2)],
    };
    assert_eq!(registry, wanted);
    let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the file itself");
}

#[test]
fn every_change_does_what_it_says() {
    let folder = some_registry();
    let mut store = RegistryFile::open(folder.path()).unwrap();
    store.begin().unwrap();
    let moved = AgentRecord { state: AgentStanding::Gone, ..agent(1) };
    let changes = [
        Change::Agent(moved.clone()),
        Change::ForgetAgent(agent(2).id),
        Change::RemoveFramework(framework(3).id),
        Change::ForgetRemoved(removed(9)),
        // Of those that are not there, nothing is left either.
        Change::ForgetAgent(agent(7).id),
        Change::ForgetRemoved(removed(7)),
        Change::Roles { set: vec![limited("*", "")], forgotten: vec![role("eng/backend"), role("x")] },
        Change::Windows { set: vec![window("ü", 1)], removed: vec!["racks a/b".to_owned(), "x".to_owned()] },
    ];
    store.commit(&changes).unwrap();
    drop(store);
    let (_, registry) = begin(folder.path()).unwrap();
    let wanted = Registry {
        agents: vec![moved],
        frameworks: Vec::new(),
        removed: vec![removed(8), removed(3)],
        roles: vec![limited("*", "")],
        windows: vec![window("ü", 1)],
    };
    assert_eq!(registry, wanted);
}

/// As the program before wrote it: no duties, no tables of roles and windows.
#[test]
fn a_file_of_the_version_before_is_read_and_made_one_of_today() {
    let folder = some_registry();
    let key = agent(1).id.to_string();
    let old = format!(r#"{{"v":1,"id":"{key}","secret":"{}","hostname":"host-1","state":"Admitted"}}"#, "01".repeat(16));
    tamper(folder.path(), AGENTS, &key, old.as_bytes());
    tamper(folder.path(), META, VERSION_KEY, 1);
    let database = Database::open(folder.path().join(FILE)).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.delete_table(ROLES).unwrap();
    transaction.delete_table(WINDOWS).unwrap();
    transaction.commit().unwrap();
    drop(database);

    assert_eq!(inspect(folder.path()).unwrap().roles, []);
    let mut store = RegistryFile::open(folder.path()).unwrap();
    let (_, registry) = store.begin().unwrap();
    assert_eq!((registry.agents[0].duty, registry.agents.len()), (Duty::Active, 2));
    assert_eq!((registry.roles.len(), registry.windows.len()), (0, 0));
    store.commit(&[roles_change(), windows_change()]).unwrap();
    drop(store);
    let (_, registry) = begin(folder.path()).unwrap();
    assert_eq!((registry.roles.len(), registry.windows.len()), (2, 2));
    // From now on the program before must not touch it.
    let version = Database::open(folder.path().join(FILE)).unwrap().begin_read().unwrap().open_table(META).unwrap();
    assert_eq!(version.get(VERSION_KEY).unwrap().unwrap().value(), 2);
}

#[test]
fn a_look_shows_all_but_secrets_and_changes_nothing() {
    let folder = some_registry();
    let before = fs::read(folder.path().join(FILE)).unwrap();
    let stored = inspect(folder.path()).unwrap();
    assert_eq!((stored.term, stored.agents.len(), stored.frameworks.len(), stored.removed.len()), (Term(1), 2, 1, 2));
    assert!(stored.damaged.is_empty());
    let json = serde_json::to_string(&stored).unwrap();
    assert!(json.contains("host-1") && json.contains("key-3"), "{json}");
    assert!(!json.contains("secret") && !json.contains(&String::from(agent(1).secret)), "{json}");
    assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), before);
}

#[test]
fn what_a_kill_leaves_behind_is_read_to_its_last_commit() {
    let folder = some_registry();
    let mut store = RegistryFile::open(folder.path()).unwrap();
    store.begin().unwrap();
    store.commit(&[Change::Agent(agent(5))]).unwrap();
    // What is in the file at this moment is what a SIGKILL leaves.
    let killed = tempfile::tempdir().unwrap();
    fs::copy(folder.path().join(FILE), killed.path().join(FILE)).unwrap();
    let stored = inspect(killed.path()).unwrap();
    assert_eq!((stored.term, stored.agents.len()), (Term(2), 3));
    assert_eq!(begin(killed.path()).unwrap().0, Term(3));
}

#[test]
fn an_open_registry_is_for_one_program() {
    let folder = some_registry();
    let _open = RegistryFile::open(folder.path()).unwrap();
    for error in [begin(folder.path()).unwrap_err(), inspect(folder.path()).unwrap_err()] {
        assert!(matches!(error, RegistryError::InUse { .. }) && error.to_string().contains("meros status"), "{error}");
    }
}

#[test]
fn there_must_be_a_registry_to_look_at() {
    let folder = tempfile::tempdir().unwrap();
    let error = inspect(folder.path()).unwrap_err();
    assert!(matches!(error, RegistryError::Missing { .. }) && error.to_string().contains("--work-dir"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_half_made_registry_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("registry.redb.new"), "half").unwrap();
    assert_eq!(begin(folder.path()).unwrap().0, Term(1));
}

#[test]
fn foreign_files_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    fs::write(&path, "a letter to a friend, and rather longer than the header of a database would be".repeat(100)).unwrap();
    refused(folder.path(), &["is not a registry"]);
    assert!(fs::read_to_string(&path).unwrap().starts_with("a letter"));
    fs::remove_file(&path).unwrap();

    // Another program's database.
    tamper_new(&path, TableDefinition::<&str, u64>::new("cats"), "tom");
    refused(folder.path(), &["is not a registry", "meta"]);
    fs::remove_file(&path).unwrap();
    tamper_new(&path, TableDefinition::<&str, &str>::new("meta"), "tom");
    refused(folder.path(), &["is not a registry", "meta"]);
}

fn tamper_new<V: redb::Value + 'static>(path: &Path, table: TableDefinition<&'static str, V>, key: &str)
where
    for<'a> V::SelfType<'a>: Default,
{
    let database = Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(table).unwrap().insert(key, V::SelfType::default()).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn a_record_that_cannot_be_read_is_named_with_its_table() {
    let key = agent(1).id.to_string();
    let cases: [(&str, &[u8], &str); 4] = [
        (&key, b"{\"v\":1,\"id\":\"0101", "EOF"),
        (&key, b"\xff\xfe\x00", "expected value"),
        ("somebody", br#"{"v":1,"id":"02020202-0202-0202-0202-020202020202","secret":"02020202020202020202020202020202","hostname":"a","state":"Gone"}"#, "another key"),
        (&key, br#"{"v":2,"anything":[]}"#, "later meros"),
    ];
    for (key, value, cause) in cases {
        let folder = some_registry();
        tamper(folder.path(), AGENTS, key, value);
        refused(folder.path(), &[key, "table agents", cause]);
        // A look goes on to the others.
        let stored = inspect(folder.path()).unwrap();
        assert_eq!((stored.damaged.len(), stored.frameworks.len()), (1, 1), "{stored:?}");
    }
}

#[test]
fn a_later_file_is_left_to_the_later_program() {
    let folder = some_registry();
    tamper(folder.path(), META, VERSION_KEY, 3);
    refused(folder.path(), &["later meros", "version 3", "up to 2"]);
}

#[test]
fn all_damage_is_listed() {
    let folder = some_registry();
    let removed: Records = TableDefinition::new("removed");
    tamper(folder.path(), AGENTS, "x", b"x".as_slice());
    tamper(folder.path(), ROLES, "x", br#"{"v":1,"role":"eng","settings":{"weight":1,"limit":"","guarantee":""}}"#.as_slice());
    tamper(folder.path(), WINDOWS, "x", b"x".as_slice());
    tamper(folder.path(), removed, "y", br#"{"v":1,"n":3}"#.as_slice());
    let damaged: Vec<String> = inspect(folder.path()).unwrap().damaged.iter().map(ToString::to_string).collect();
    assert_eq!(damaged.len(), 4);
    for (line, place) in damaged.iter().zip(["x/agents", "y/removed", "x/roles", "x/windows"]) {
        let (key, table) = place.split_once('/').unwrap();
        assert!(line.contains(&format!("{key:?} in the table {table}")), "{line}");
    }
}

#[test]
fn a_file_that_was_cut_is_refused_at_every_length() {
    let folder = some_registry();
    let path = folder.path().join(FILE);
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 9, 320, 4_095, 4_096, whole.len() / 2, whole.len() - 4_096, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = begin(folder.path()).unwrap_err();
        let told = matches!(error, RegistryError::Damaged { .. } | RegistryError::Foreign { .. });
        assert!(told && error.to_string().contains(FILE), "{length}: {error}");
    }
}

/// What a file of these bytes is read as.
fn read(bytes: &[u8]) -> Result<(Term, Registry), RegistryError> {
    let backend = InMemoryBackend::new();
    backend.set_len(bytes.len() as u64).unwrap();
    backend.write(0, bytes).unwrap();
    let path = Path::new(FILE);
    let loaded = load(path, &open_checked(path, backend)?)?;
    assert!(loaded.damaged.is_empty(), "the file's own checks come first");
    Ok((loaded.term, loaded.registry))
}

/// Where redb says which of its two newest states counts: the one bit of the file that nothing guards.
const NEWEST_AT: usize = 9;
/// The bytes of the file's head, of which each is tried; of the pages after it, one in so many.
const HEAD_BYTES: usize = 320;
const STEP: usize = 13;

#[test]
fn a_flipped_byte_is_noticed_or_changes_nothing() {
    let folder = some_registry();
    let mut store = RegistryFile::open(folder.path()).unwrap();
    store.begin().unwrap();
    store.commit(&[Change::Agent(agent(5))]).unwrap();
    // As a SIGKILL leaves it: the state before the last commit is still there, and must not come back.
    let mut bytes = fs::read(folder.path().join(FILE)).unwrap();
    let whole = read(&bytes).unwrap();
    let mut noticed = 0;
    for at in (0..HEAD_BYTES).filter(|at| *at != NEWEST_AT).chain((HEAD_BYTES..bytes.len()).step_by(STEP)) {
        bytes[at] ^= 0x01;
        match read(&bytes) {
            Ok(found) => assert_eq!(found, whole, "byte {at} has brought back something else"),
            Err(RegistryError::Damaged { .. } | RegistryError::Foreign { .. }) => noticed += 1,
            Err(other) => panic!("byte {at}: {other}"),
        }
        bytes[at] ^= 0x01;
    }
    assert!(noticed > 100, "only {noticed} were noticed");
}
