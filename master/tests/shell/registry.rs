//! What a master remembers over its own end.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::Command;

use meros_master::registry::{AgentStanding, inspect};
use meros_master::{Error, Master};
use meros_proto::v1;
use meros_types::{
    AgentId, AgentOrder, AgentSecret, Call, Epoch, FrameworkEvent, FrameworkId, Incarnation, Register, SessionEndKind, Subscribe,
    SubscribeMode,
};
use tempfile::TempDir;
use tonic::Code;

use crate::child::Killable;
use crate::harness::{Framework, Reach, Running, master, options, register, soon, start, subscribe};

const KEYS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A new scheduler for this key: who it is, and in which epoch. Its stream stays open as long as the first value lives.
async fn scheduler(master: &Reach, key: &str) -> (Framework, FrameworkId, Epoch) {
    let mut framework = master.framework().await;
    let subscribed = framework.try_subscribe(subscribe(Some(key))).await.unwrap();
    (framework, subscribed.framework, subscribed.epoch)
}

/// The next life of the agent that was given this id.
fn again(agent: AgentId) -> Register {
    Register { agent: Some(agent), incarnation: Incarnation::from_bytes([2; 16]), ..register("cpus:1") }
}

#[tokio::test]
async fn a_killed_master_forgets_nothing_that_it_has_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let first = Killable::start(folder.path());
    let agent = first.agent().await.register("cpus:1").await;
    let mut ids = Vec::new();
    for key in KEYS {
        ids.push(scheduler(&first, key).await.1);
    }
    let term = first.term;
    first.kill();

    let second = Killable::start(folder.path());
    assert_eq!(second.term, term + 1);
    for (key, id) in KEYS.into_iter().zip(ids) {
        let (_, found, epoch) = scheduler(&second, key).await;
        assert_eq!((found, epoch), (id, Epoch(2)), "{key}");
    }
    // An impostor comes before the agent itself, and takes nothing from it.
    let impostor = Register { secret: AgentSecret::from_bytes([6; 16]), ..again(agent) };
    let AgentOrder::Refused(refusal) = second.agent().await.answer_to(impostor).await else { panic!("the impostor is in") };
    assert!(!refusal.retry, "{}", refusal.message);
    let answer = second.agent().await.answer_to(again(agent)).await;
    assert!(matches!(&answer, AgentOrder::Registered(registered) if registered.agent == agent), "{answer:?}");
}

#[tokio::test]
async fn a_scheduler_resumes_at_the_next_master_and_its_predecessor_is_fenced() {
    let folder = tempfile::tempdir().unwrap();
    let first = Killable::start(folder.path());
    let (_old, id, old_epoch) = scheduler(&first, "k").await;
    let (_new, _, epoch) = scheduler(&first, "k").await;
    first.kill();

    let second = Killable::start(folder.path());
    let resume = |epoch| Subscribe { framework: Some(id), mode: SubscribeMode::Resume(epoch), ..subscribe(Some("k")) };
    let end = second.framework().await.try_subscribe(resume(old_epoch)).await.unwrap_err();
    assert_eq!(end.kind, SessionEndKind::Fenced, "{}", end.message);
    let resumed = second.framework().await.try_subscribe(resume(epoch)).await.unwrap();
    assert_eq!((resumed.framework, resumed.epoch), (id, epoch));
}

/// Otherwise a master that is started again and again, and that nobody comes to, would wait for ever.
#[tokio::test]
async fn a_framework_that_does_not_come_back_has_its_deadline_from_the_start_of_the_next_master() {
    let folder = tempfile::tempdir().unwrap();
    let first = Killable::start(folder.path());
    let (_framework, id, _) = scheduler(&first, "k").await;
    first.kill();
    let deadline = || {
        let stored = inspect(&folder.path().join("master")).unwrap().frameworks;
        assert_eq!((stored.len(), stored[0].id), (1, id));
        stored[0].deadline
    };
    assert_eq!(deadline(), None);
    start(options(folder.path())).await.stop().await.unwrap();
    let second = deadline();
    assert!(second.is_some());
    start(options(folder.path())).await.stop().await.unwrap();
    assert!(deadline() <= second, "a start gives no more time");
}

#[tokio::test]
async fn a_framework_that_was_torn_down_never_returns() {
    let folder = tempfile::tempdir().unwrap();
    let first = Killable::start(folder.path());
    let (mut framework, id, _) = scheduler(&first, "k").await;
    let mut admin = first.admin().await;
    let teardown = || v1::TeardownRequest { framework: id.as_bytes().to_vec() };
    soon(admin.teardown(first.call(teardown()))).await.unwrap();
    first.kill();
    assert!(framework.hear().await.is_err() || framework.hear().await.is_err(), "its session is over");
    let stored = inspect(&folder.path().join("master")).unwrap();
    assert_eq!((stored.frameworks.len(), stored.removed), (0, vec![id]));

    let second = Killable::start(folder.path());
    let claim = Subscribe { framework: Some(id), ..subscribe(None) };
    let end = second.framework().await.try_subscribe(claim).await.unwrap_err();
    assert_eq!(end.kind, SessionEndKind::Removed, "{}", end.message);
    let unknown = second.admin().await.teardown(second.call(teardown())).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound, "{unknown}");
    // Its key is free, for a framework of another id.
    let (_, other, epoch) = scheduler(&second, "k").await;
    assert!(other != id && epoch == Epoch(1));
}

#[tokio::test]
async fn a_stopped_masters_registry_can_be_looked_at() {
    let (master, folder) = master().await;
    let agent = master.agent().await.register("cpus:1").await;
    let (_framework, id, _) = scheduler(&master, "k").await;
    let work_dir = folder.path().join("master");
    assert!(inspect(&work_dir).unwrap_err().to_string().contains("in use"));
    master.stop().await.unwrap();
    let stored = inspect(&work_dir).unwrap();
    assert_eq!((stored.term.0, stored.agents[0].id, stored.agents[0].state), (1, agent, AgentStanding::Admitted));
    assert_eq!((stored.frameworks[0].id, stored.frameworks[0].key.as_deref()), (id, Some("k")));
}

#[tokio::test]
async fn writes_are_counted() {
    let (master, _folder) = master().await;
    master.agent().await.register("cpus:1").await;
    let (_, page) = master.get("/metrics", "localhost", "").await;
    let value = |name: &str| {
        let line = page.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in: {page}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert!(value("meros_master_registry_commits_total ") >= 1.0);
    assert!(value("meros_master_registry_commit_seconds_total ") > 0.0);
    assert_eq!(value("meros_master_registry_writes_pending "), 0.0);
}

#[tokio::test]
async fn a_master_does_not_start_on_a_damaged_registry() {
    let (first, folder) = master().await;
    first.stop().await.unwrap();
    let path = folder.path().join("master/registry.redb");
    let mut bytes = fs::read(&path).unwrap();
    // Nothing listens, nothing is overwritten, and the way out is told.
    for damage in [b"no registry at all".to_vec(), bytes[..bytes.len() / 2].to_vec(), Vec::new()] {
        fs::write(&path, &damage).unwrap();
        let error = Master::bind(options(folder.path())).await.err().unwrap();
        let said = error.to_string();
        assert!(matches!(error, Error::Registry(_)) && said.contains("registry.redb") && said.contains("--work-dir"), "{said}");
        assert_eq!(fs::read(&path).unwrap(), damage);
    }
    bytes.iter_mut().skip(4_096).for_each(|byte| *byte ^= 0xff);
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(Master::bind(options(folder.path())).await, Err(Error::Registry(_))));
}

/// A file system of its own, so small that a test can fill it.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// None without the right to mount, which root has.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.path()).output().unwrap();
        let is_mounted = mounted.status.success();
        assert!(is_mounted || !nix::unistd::geteuid().is_root(), "{}", String::from_utf8_lossy(&mounted.stderr));
        is_mounted.then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut file = File::create(self.path().join("filler")).unwrap();
        let (mut size, block) = (4_096, [1; 4_096]);
        while size > 0 {
            match file.write(&block[..size]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => size /= 2,
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn free(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// Subscribes frameworks, each with a key of its own, until the master has no answer any more. The ids that it has acknowledged.
async fn subscribe_until_it_ends(master: &Running) -> Vec<FrameworkId> {
    let mut ids = Vec::new();
    // A stream that ended would be a reason to write, too.
    let mut open = Vec::new();
    loop {
        let mut framework = master.framework().await;
        framework.say(vec![Call::Subscribe(subscribe(Some(&ids.len().to_string())))]).await;
        match framework.hear().await {
            Ok(FrameworkEvent::Subscribed(subscribed)) => ids.push(subscribed.framework),
            Ok(other) => panic!("{other:?}"),
            Err(_) => return ids,
        }
        open.push(framework);
    }
}

#[tokio::test]
async fn a_full_disk_ends_the_master_and_loses_nothing() {
    let Some(disk) = SmallDisk::mount() else { return };
    let first = start(options(disk.path())).await;
    // A few have room.
    let (_framework, id, _) = scheduler(&first, "first").await;
    disk.fill();
    let ids = subscribe_until_it_ends(&first).await;
    let error = first.stop().await.unwrap_err();
    let said = error.to_string();
    assert!(matches!(error, Error::Registry(_)), "{said}");
    for word in ["registry.redb", "No space left on device", "start the master again"] {
        assert!(said.contains(word), "no {word:?} in: {said}");
    }
    assert_eq!(said.lines().count(), 1);
    // It does not start without room either, and says the same.
    let refused = Master::bind(options(disk.path())).await.err().map(|error| error.to_string());
    assert!(refused.is_none_or(|said| said.contains("No space left on device")));

    disk.free();
    let second = start(options(disk.path())).await;
    assert_eq!(scheduler(&second, "first").await.1, id);
    for (n, id) in ids.into_iter().enumerate() {
        assert_eq!(scheduler(&second, &n.to_string()).await.1, id, "number {n}");
    }
    second.stop().await.unwrap();
}
