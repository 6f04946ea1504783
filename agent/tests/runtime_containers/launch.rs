//! Starting: what runs, what does not, and what is then left.

use meros_agent::runtime::{Kill, LaunchError, RuntimeError};
use meros_types::{Command, Exit};

use crate::body;
use crate::cluster::{Cluster, Kind, ROOMY, eventually};
use crate::harness::Tests;

pub(crate) fn add(tests: &mut Tests) {
    tests.both("exits_are_told_as_they_were", body!(exits));
    tests.both("a_missing_program_is_the_tasks_fault", body!(missing_program));
    tests.both("a_file_that_is_no_program_is_the_tasks_fault", body!(no_program));
    tests.both("a_command_too_large_is_the_tasks_fault", body!(too_large));
    tests.both("no_task_runs_as_root", body!(no_root));
    tests.both("two_containers_do_not_share_a_user", body!(own_user));
    tests.both("many_containers_end_once_each", body!(many));
    tests.both("the_directory_goes_without_following_symlinks", body!(remove));
    tests.both("everything_can_be_destroyed", body!(destroy_all));
    tests.one(Kind::Cgroup, "a_name_belongs_to_one_agent", body!(name_taken));
}

async fn exits(cluster: &mut Cluster) {
    // 34 is a real-time signal, which some libraries cannot name.
    let lines =
        [("true", Exit::Code(0)), ("exit 7", Exit::Code(7)), ("kill -9 $$", Exit::Signal(9)), ("kill -34 $$", Exit::Signal(34))];
    for (line, exit) in lines {
        let (_, record) = cluster.run(line, ROOMY).await;
        assert_eq!(record.exit, exit, "{line}");
        assert!(!record.usage.wall.is_zero());
    }
    let id = cluster.try_launch(Command::words(["true"]), ROOMY).await.unwrap();
    assert_eq!(cluster.record(id).await.exit, Exit::Code(0));
}

/// Launches what can't be, and sees that nothing is left.
async fn fault(cluster: &mut Cluster, command: Command) -> String {
    let spec = cluster.spec(command, ROOMY);
    let id = spec.id;
    let error = cluster.runtime().launch(spec).await.unwrap_err();
    let LaunchError::Task(fault) = error else { panic!("not the task's fault: {error}") };
    assert!(cluster.groups(id).is_empty());
    assert!(!cluster.runtime().paths(id).root().exists());
    assert!(matches!(cluster.runtime().kill(id, Kill::Destroy).await, Err(RuntimeError::NotRunning { .. })));
    fault.to_string()
}

async fn missing_program(cluster: &mut Cluster) {
    let message = fault(cluster, Command::words(["no-such-program-here"])).await;
    assert_eq!(message, "cannot execute \"no-such-program-here\": there is no such program in PATH");
    let message = fault(cluster, Command::words(["./missing", "x"])).await;
    assert_eq!(message, "cannot execute \"./missing\": there is no such program");
}

async fn no_program(cluster: &mut Cluster) {
    assert!(fault(cluster, Command::words(["/etc/passwd"])).await.contains("Permission denied"));
    assert!(fault(cluster, Command::words(["/etc"])).await.contains("Permission denied"));
}

async fn too_large(cluster: &mut Cluster) {
    let message = fault(cluster, Command::words(["echo".to_owned(), "x".repeat(200_000)])).await;
    assert!(message.contains("pass large data in a file"), "{message}");
    // What is just within the limit arrives whole.
    let id = cluster.try_launch(Command::words(["echo".to_owned(), "x".repeat(100_000)]), ROOMY).await.unwrap();
    cluster.record(id).await;
    assert_eq!(cluster.stdout(id).len(), 100_001);
}

async fn no_root(cluster: &mut Cluster) {
    for uid in [Some(0), Some(u32::MAX)] {
        let mut spec = cluster.spec(Command::words(["true"]), ROOMY);
        spec.uid = uid;
        let error = cluster.runtime().launch(spec).await.unwrap_err();
        assert!(error.to_string().contains("would run as root"), "{error}");
    }
}

async fn own_user(cluster: &mut Cluster) {
    let mut first = cluster.spec(Command::shell("sleep 1000"), ROOMY);
    first.uid = first.uid.or(Some(nix::unistd::geteuid().as_raw()));
    let mut second = cluster.spec(Command::words(["true"]), ROOMY);
    second.uid = first.uid;
    let (id, uid) = (first.id, first.uid);
    if cluster.runtime().launch(first).await.is_ok() {
        let error = cluster.runtime().launch(second.clone()).await.unwrap_err();
        assert!(matches!(error, LaunchError::Agent(RuntimeError::UidTaken { uid: taken, .. }) if Some(taken) == uid), "{error}");
        cluster.runtime().kill(id, Kill::Destroy).await.unwrap();
        cluster.record(id).await;
        // The end of the first frees its user.
        cluster.runtime().launch(second.clone()).await.unwrap();
        cluster.record(second.id).await;
    }
}

async fn many(cluster: &mut Cluster) {
    let mut ids = Vec::new();
    for number in 0..40 {
        ids.push((cluster.launch(&format!("exit {number}"), ROOMY).await, number));
    }
    for (id, number) in ids {
        assert_eq!(cluster.record(id).await.exit, Exit::Code(number));
    }
}

async fn remove(cluster: &mut Cluster) {
    let victim = cluster.work.path().join("victim");
    std::fs::create_dir(&victim).unwrap();
    std::fs::write(victim.join("file"), "precious").unwrap();
    let line = format!("ln -s {} link; mkdir d; chmod 0 d; sleep 1000", victim.display());
    let id = cluster.launch(&line, ROOMY).await;
    let paths = cluster.runtime().paths(id);
    eventually("the task made its files", || paths.sandbox().join("d").exists().then_some(())).await;
    assert!(matches!(cluster.runtime().remove(id).await, Err(RuntimeError::StillRunning { .. })));
    cluster.runtime().kill(id, Kill::Destroy).await.unwrap();
    cluster.record(id).await;
    assert!(paths.stdout().exists(), "the directory stays until it is removed");
    cluster.runtime().remove(id).await.unwrap();
    assert!(!paths.root().exists());
    assert!(victim.join("file").exists());
    cluster.runtime().remove(id).await.unwrap();
}

async fn destroy_all(cluster: &mut Cluster) {
    let ids = [cluster.launch("sleep 1000", ROOMY).await, cluster.launch("setsid sleep 1000 & exec sleep 1000", ROOMY).await];
    cluster.runtime().destroy_all().await.unwrap();
    for id in ids {
        assert_eq!(cluster.record(id).await.exit, Exit::Signal(9));
        assert!(cluster.members(id).is_empty());
    }
    let error = cluster.try_launch(Command::words(["true"]), ROOMY).await.unwrap_err();
    assert!(matches!(error, LaunchError::Agent(RuntimeError::Closed)), "{error}");
}

async fn name_taken(cluster: &mut Cluster) {
    let options = meros_agent::runtime::RuntimeOptions::new(&cluster.name, cluster.work.path());
    let (sender, _exits) = tokio::sync::mpsc::channel(1);
    let error = meros_agent::runtime::cgroup(options, sender).map(drop).unwrap_err();
    assert!(matches!(error, RuntimeError::NameTaken { .. }), "{error}");
}
