//! Ending containers.

use meros_agent::runtime::{Kill, RuntimeError};
use meros_types::{Command, Exit};

use crate::body;
use crate::cluster::{Cluster, ROOMY, Version, eventually};
use crate::harness::Tests;

/// Ignores SIGTERM and has descendants in sessions of their own whose parents are gone.
const STUBBORN: &str = "trap '' TERM
    setsid sh -c 'trap \"\" TERM; (setsid sleep 1000 &); while :; do sleep 1; done' &
    (setsid sleep 1000 & )
    echo ready
    while :; do sleep 1; done";

pub(crate) fn add(tests: &mut Tests) {
    tests.both("terminate_lets_the_task_end_itself", body!(terminate));
    tests.both("terminate_reaches_the_whole_process_group", body!(terminate_group));
    tests.both("terminate_wakes_a_stopped_task", body!(terminate_stopped));
    tests.both("destroy_leaves_nothing_of_a_stubborn_tree", body!(destroy));
    tests.both("the_end_of_the_task_ends_its_descendants", body!(descendants));
    tests.both("a_container_can_be_killed_while_it_starts", body!(while_starting));
    tests.both("an_ended_container_is_not_running", body!(ended));
    tests.only(Version::V1, "destroy_works_on_frozen_processes", body!(frozen));
}

pub(crate) async fn ready(cluster: &Cluster, id: meros_types::ContainerId) {
    eventually("the task is ready", || cluster.stdout(id).contains("ready").then_some(())).await;
}

async fn terminate(cluster: &mut Cluster) {
    let id = cluster.launch("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done", ROOMY).await;
    ready(cluster, id).await;
    cluster.runtime().kill(id, Kill::Terminate).await.unwrap();
    assert_eq!(cluster.record(id).await.exit, Exit::Code(3));
    assert_eq!(cluster.stdout(id), "ready\nbye\n");
}

async fn terminate_group(cluster: &mut Cluster) {
    // The shell would wait for ever if SIGTERM did not reach what it waits for.
    let id = cluster.launch("trap 'echo told' TERM; echo ready; sleep 1000; exit 5", ROOMY).await;
    ready(cluster, id).await;
    // Not just forked: until the shell's child is sleep, it takes the signal for the shell.
    let is_sleep = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n");
    eventually("sleep runs", || cluster.members(id).iter().any(is_sleep).then_some(())).await;
    cluster.runtime().kill(id, Kill::Terminate).await.unwrap();
    assert_eq!(cluster.record(id).await.exit, Exit::Code(5));
    assert!(cluster.stdout(id).contains("told"));
}

async fn terminate_stopped(cluster: &mut Cluster) {
    let id = cluster.launch("echo ready; kill -STOP $$", ROOMY).await;
    ready(cluster, id).await;
    cluster.runtime().kill(id, Kill::Terminate).await.unwrap();
    assert_eq!(cluster.record(id).await.exit, Exit::Signal(15));
}

async fn destroy(cluster: &mut Cluster) {
    let id = cluster.launch(STUBBORN, ROOMY).await;
    ready(cluster, id).await;
    eventually("the whole tree runs", || (cluster.members(id).len() >= 5).then_some(())).await;
    cluster.runtime().kill(id, Kill::Terminate).await.unwrap();
    assert!(cluster.exits.try_recv().is_err(), "the task ignores SIGTERM");
    cluster.runtime().kill(id, Kill::Destroy).await.unwrap();
    assert_eq!(cluster.record(id).await.exit, Exit::Signal(9));
    assert_eq!(cluster.members(id), Vec::<i32>::new());
}

async fn descendants(cluster: &mut Cluster) {
    let (id, record) = cluster.run("(setsid sleep 1000 &); setsid sleep 1000 & exit 6", ROOMY).await;
    assert_eq!(record.exit, Exit::Code(6));
    assert_eq!(cluster.members(id), Vec::<i32>::new());
}

async fn while_starting(cluster: &mut Cluster) {
    for _ in 0..5 {
        let spec = cluster.spec(Command::shell("sleep 1000"), ROOMY);
        let id = spec.id;
        let (launched, killed) = tokio::join!(cluster.runtime().launch(spec), cluster.runtime().kill(id, Kill::Destroy));
        killed.unwrap();
        // It is given up, unless its task was faster.
        match launched {
            Ok(()) => assert_eq!(cluster.record(id).await.exit, Exit::Signal(9)),
            Err(_) => assert!(cluster.groups(id).is_empty() && !cluster.runtime().paths(id).root().exists()),
        }
    }
}

async fn ended(cluster: &mut Cluster) {
    let (id, _) = cluster.run("true", ROOMY).await;
    for how in [Kill::Terminate, Kill::Destroy] {
        assert!(matches!(cluster.runtime().kill(id, how).await, Err(RuntimeError::NotRunning { .. })));
    }
    assert!(matches!(cluster.runtime().usage(id).await, Err(RuntimeError::NotRunning { .. })));
}

/// As an agent leaves them that is killed in the middle of a kill.
async fn frozen(cluster: &mut Cluster) {
    let id = cluster.launch("echo ready; sleep 1000", ROOMY).await;
    ready(cluster, id).await;
    let state = cluster.group("freezer").join(id.to_string()).join("freezer.state");
    std::fs::write(&state, "FROZEN").unwrap();
    eventually("it is frozen", || (std::fs::read_to_string(&state).unwrap().trim() == "FROZEN").then_some(())).await;
    cluster.runtime().kill(id, Kill::Destroy).await.unwrap();
    assert_eq!(cluster.record(id).await.exit, Exit::Signal(9));
}
