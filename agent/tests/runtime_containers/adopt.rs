//! What the next agent makes of what this one left: adopted, told from its record, or destroyed.

use std::fs;

use meros_agent::runtime::{Kill, LaunchError, RuntimeError, SupervisorLost};
use meros_agent_core::Found;
use meros_types::{Command, ContainerId, Exit, IdSource};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::body;
use crate::cluster::{Cluster, Kind, ROOMY, eventually};
use crate::harness::Tests;

pub(crate) fn add(tests: &mut Tests) {
    tests.both("a_running_container_is_taken_over", body!(running));
    tests.both("an_adopted_container_is_killed_like_any_other", body!(killed));
    tests.both("what_ended_meanwhile_is_told_from_its_record", body!(ended));
    tests.both("a_shim_that_was_killed_meanwhile_is_lost_with_its_tree", body!(lost));
    tests.both("what_never_started_leaves_nothing", body!(never_started));
    tests.both("what_nobody_knows_is_destroyed", body!(strangers));
    tests.both("the_orphans_of_a_wiped_directory_are_found", body!(wiped));
    tests.both("a_stopped_shim_does_not_save_its_container", body!(stopped));
    tests.both("a_launch_that_hangs_can_be_given_up", body!(given_up));
    tests.both("no_task_takes_its_agents_locks", body!(locks));
    tests.one(Kind::Cgroup, "a_group_in_one_hierarchy_alone_is_found", body!(half_a_group));
}

/// Waits in its sandbox for a file of this name, and ends with 8.
const WAITS: &str = "while [ ! -e go ]; do sleep 0.01; done; exit 8";

fn go(cluster: &Cluster, id: ContainerId) {
    fs::write(cluster.runtime().paths(id).sandbox().join("go"), "").unwrap();
}

/// Whether any process of a container is left, its shim included. A zombie is no more.
fn lives(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}

async fn running(cluster: &mut Cluster) {
    let ids = [cluster.launch(WAITS, ROOMY).await, cluster.launch(WAITS, ROOMY).await];
    let shims = ids.map(|id| cluster.shim(id));
    let members = ids.map(|id| cluster.members(id)[0]);
    assert_eq!(cluster.relive(&ids).await, ids.map(|id| (id, Found::Running)));
    assert_eq!(shims, ids.map(|id| cluster.shim(id)), "nothing was started anew");
    assert!(members.into_iter().all(lives));
    assert!(matches!(cluster.runtime().remove(ids[0]).await, Err(RuntimeError::StillRunning { .. })));
    assert!(!cluster.runtime().usage(ids[0]).await.unwrap().wall.is_zero());
    // Those that come and those that were there do not disturb each other, in this life and in the one after.
    let third = cluster.launch(WAITS, ROOMY).await;
    assert_eq!(cluster.relive(&[ids[0], ids[1], third]).await, [ids[0], ids[1], third].map(|id| (id, Found::Running)));
    for id in [ids[0], third, ids[1]] {
        go(cluster, id);
        assert_eq!(cluster.record(id).await.exit, Exit::Code(8));
    }
    assert!(cluster.exits.try_recv().is_err(), "each end is told once");
}

async fn killed(cluster: &mut Cluster) {
    let polite = cluster.launch("trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done", ROOMY).await;
    let stubborn = cluster.launch("trap '' TERM; (setsid sleep 1000 &); echo ready; while :; do sleep 1; done", ROOMY).await;
    for id in [polite, stubborn] {
        eventually("the task is ready", || cluster.stdout(id).contains("ready").then_some(())).await;
    }
    cluster.relive(&[polite, stubborn]).await;
    for id in [polite, stubborn] {
        cluster.runtime().kill(id, Kill::Terminate).await.unwrap();
    }
    assert_eq!(cluster.record(polite).await.exit, Exit::Code(3));
    cluster.runtime().kill(stubborn, Kill::Destroy).await.unwrap();
    assert_eq!(cluster.record(stubborn).await.exit, Exit::Signal(9));
    assert_eq!(cluster.members(stubborn), Vec::<i32>::new());
}

async fn ended(cluster: &mut Cluster) {
    let id = cluster.launch(WAITS, ROOMY).await;
    let (paths, shim) = (cluster.runtime().paths(id), cluster.shim(id));
    drop(cluster.runtime.take());
    fs::write(paths.sandbox().join("go"), "").unwrap();
    // Not reaped yet, as under a first process that does not care: it has released its lock all the same.
    eventually("the shim is dead", || (!lives(shim)).then_some(())).await;
    let found = cluster.relive(&[id]).await;
    assert!(matches!(found[..], [(_, Found::Ended(record))] if record.exit == Exit::Code(8)), "{found:?}");
    assert_eq!(cluster.groups(id), Vec::<std::path::PathBuf>::new());
    assert!(paths.stdout().exists(), "its output stays until it is removed");
    waitpid(Pid::from_raw(shim), None).unwrap();
    cluster.runtime().remove(id).await.unwrap();
    assert!(!paths.root().exists());
}

async fn lost(cluster: &mut Cluster) {
    let id = cluster.launch("setsid sh -c '(setsid sleep 1000 &); sleep 1000' & sleep 1000", ROOMY).await;
    eventually("the whole tree runs", || (cluster.members(id).len() >= 4).then_some(())).await;
    let shim = cluster.shim(id);
    drop(cluster.runtime.take());
    kill(Pid::from_raw(shim), Signal::SIGKILL).unwrap();
    eventually("the shim is dead", || (!lives(shim)).then_some(())).await;
    assert_eq!(cluster.relive(&[id]).await, [(id, Found::Lost)]);
    assert_eq!(cluster.members(id), Vec::<i32>::new());
    assert_eq!(cluster.groups(id), Vec::<std::path::PathBuf>::new());
    waitpid(Pid::from_raw(shim), None).unwrap();
}

async fn never_started(cluster: &mut Cluster) {
    let spec = cluster.spec(Command::shell("true"), ROOMY);
    let without_anything = spec.id;
    let with_a_directory = cluster.spec(Command::shell("true"), ROOMY).id;
    let root = cluster.runtime().paths(with_a_directory).root().to_owned();
    fs::create_dir_all(root.join("state")).unwrap();
    // As a shim leaves it that was killed before it wrote its record.
    fs::write(root.join("state/lock"), "").unwrap();
    let known = [without_anything, with_a_directory];
    assert_eq!(cluster.relive(&known).await, known.map(|id| (id, Found::NeverStarted)));
    assert!(!root.exists());
    // A program that can't be executed was none either, whoever heard of it.
    let (failed, shims) = (cluster.try_launch(Command::words(["no-such-program"]), ROOMY).await, cluster.launchers());
    assert!(matches!(failed, Err(LaunchError::Task(_))) && shims.len() == 1);
}

async fn strangers(cluster: &mut Cluster) {
    let known = cluster.launch(WAITS, ROOMY).await;
    let stranger = cluster.launch("trap '' TERM; (setsid sleep 1000 &); sleep 1000", ROOMY).await;
    eventually("the whole tree runs", || (cluster.members(stranger).len() >= 3).then_some(())).await;
    let (shim, paths) = (cluster.shim(stranger), cluster.runtime().paths(stranger));
    let containers = paths.root().parent().unwrap().to_owned();
    fs::write(containers.join("a-file"), "").unwrap();
    fs::create_dir(containers.join("a-directory")).unwrap();
    assert_eq!(cluster.relive(&[known]).await, [(known, Found::Running)]);
    assert_eq!(cluster.members(stranger), Vec::<i32>::new());
    assert!(!lives(shim));
    assert_eq!(cluster.groups(stranger), Vec::<std::path::PathBuf>::new());
    let left: Vec<_> = fs::read_dir(&containers).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, [known.to_string().as_str()]);
    go(cluster, known);
    assert_eq!(cluster.record(known).await.exit, Exit::Code(8));
    waitpid(Pid::from_raw(shim), None).unwrap();
}

async fn wiped(cluster: &mut Cluster) {
    let id = cluster.launch("(setsid sleep 1000 &); sleep 1000", ROOMY).await;
    let members = || fs::read_dir("/proc").unwrap().flatten().filter(|process| is_of(&process.path(), id)).count();
    eventually("the whole tree runs", || (members() >= 3).then_some(())).await;
    let (shim, containers) = (cluster.shim(id), cluster.work.path().join("containers"));
    drop(cluster.runtime.take());
    fs::remove_dir_all(&containers).unwrap();
    assert_eq!(cluster.relive(&[]).await, []);
    assert_eq!(members(), 0);
    eventually("the shim is dead", || (!lives(shim)).then_some(())).await;
    assert_eq!(cluster.groups(id), Vec::<std::path::PathBuf>::new());
    waitpid(Pid::from_raw(shim), None).unwrap();
}

/// Whether a process has, or had, its working directory in this container.
fn is_of(process: &std::path::Path, id: ContainerId) -> bool {
    fs::read_link(process.join("cwd")).is_ok_and(|directory| directory.to_string_lossy().contains(&id.to_string()))
}

async fn stopped(cluster: &mut Cluster) {
    let id = cluster.launch("(setsid sleep 1000 &); sleep 1000", ROOMY).await;
    let shim = Pid::from_raw(cluster.shim(id));
    kill(shim, Signal::SIGSTOP).unwrap();
    assert_eq!(cluster.relive(&[id]).await, [(id, Found::Running)]);
    while cluster.runtime().kill(id, Kill::Destroy).await.is_ok() {}
    assert_eq!(cluster.outcome(id).await, Err(SupervisorLost));
    assert_eq!(cluster.members(id), Vec::<i32>::new());
    waitpid(shim, None).unwrap();
}

async fn given_up(cluster: &mut Cluster) {
    let launcher = eventually("the launcher runs", || cluster.launchers().first().copied()).await;
    kill(Pid::from_raw(launcher), Signal::SIGSTOP).unwrap();
    let spec = cluster.spec(Command::shell("sleep 1000"), ROOMY);
    let id = spec.id;
    let giving_up = async {
        eventually("the launch waits for its shim", || a_thread_reads_a_pipe().then_some(())).await;
        cluster.runtime().kill(id, Kill::Destroy).await
    };
    let (launched, asked) = tokio::join!(cluster.runtime().launch(spec), giving_up);
    asked.unwrap();
    assert!(launched.is_err(), "{launched:?}");
    assert!(!cluster.runtime().paths(id).root().exists());
    assert_eq!(cluster.groups(id), Vec::<std::path::PathBuf>::new());
    // And the next has a launcher that works.
    let (_, record) = cluster.run("exit 4", ROOMY).await;
    assert_eq!(record.exit, Exit::Code(4));
}

/// A lock that a task could take while no agent lives would keep the next from starting.
async fn locks(cluster: &mut Cluster) {
    if !nix::unistd::geteuid().is_root() {
        // Tasks have the agent's own user then, and may do to it what they like.
        return;
    }
    let id = cluster
        .launch("while [ ! -e go ]; do sleep 0.01; done; for f in $(cat files); do flock -n $f true && echo $f; done", ROOMY)
        .await;
    let groups = cluster.groups(id);
    let work = cluster.work.path();
    let files = [work.join("launcher.lock"), work.join("lock"), groups.first().map_or(work.join("lock"), |group| group.join(".."))];
    fs::write(work.join("lock"), "").unwrap();
    fs::set_permissions(work.join("lock"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let list = files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join("\n");
    let sandbox = cluster.runtime().paths(id).sandbox();
    fs::write(sandbox.join("files"), list).unwrap();
    // The agent's own locks are let go, as by its death.
    drop(cluster.runtime.take());
    fs::write(sandbox.join("go"), "").unwrap();
    let found = cluster.relive(&[id]).await;
    if found == [(id, Found::Running)] {
        cluster.record(id).await;
    }
    assert_eq!(cluster.stdout(id), "", "{}", cluster.stderr(id));
    assert!(cluster.stderr(id).contains("denied"), "{}", cluster.stderr(id));
}

/// Whether a thread of this process waits in the kernel for something to come through a pipe.
fn a_thread_reads_a_pipe() -> bool {
    let mut threads = fs::read_dir("/proc/self/task").unwrap().flatten();
    threads.any(|thread| fs::read_to_string(thread.path().join("wchan")).is_ok_and(|place| place.contains("pipe_read")))
}

async fn half_a_group(cluster: &mut Cluster) {
    let id = IdSource::seeded(7).container();
    let known = cluster.launch(WAITS, ROOMY).await;
    // As an agent leaves them that dies in the middle of removing groups.
    let last = cluster.groups(known).pop().unwrap();
    let half = last.with_file_name(id.to_string());
    fs::create_dir(&half).unwrap();
    assert_eq!(cluster.relive(&[known]).await, [(known, Found::Running)]);
    assert!(!half.exists() && last.exists());
    go(cluster, known);
    assert_eq!(cluster.record(known).await.exit, Exit::Code(8));
}
