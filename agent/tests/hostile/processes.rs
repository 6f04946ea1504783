//! Attacks by many processes, and by such as hide from their own end.

use meros_agent::runtime::Kill;
use meros_types::{Exit, Limits};

use crate::body;
use crate::cluster::{Cluster, Kind, ROOMY, eventually};
use crate::harness::Tests;

pub(crate) fn add(tests: &mut Tests) {
    tests.one(Kind::Cgroup, "a_fork_bomb_keeps_no_other_task_from_running_and_dies_whole", body!(fork_bomb));
    tests.one(Kind::Cgroup, "no_way_to_fork_outlives_the_task", body!(runaways));
    tests.one(Kind::Cgroup, "ignored_and_stopped_signals_delay_no_end", body!(stubborn));
}

async fn fork_bomb(cluster: &mut Cluster) {
    // Each says that it lives, forks and goes on.
    let bomb = cluster
        .launch("trap '' TERM; sh -c 'b() { b | b & b; }; b' 2>/dev/null & exec sleep 1000", Limits { pids: 40, ..ROOMY })
        .await;
    let refused = async |cluster: &Cluster| cluster.runtime().usage(bomb).await.unwrap().pids_refused;
    while refused(cluster).await == 0 {
        tokio::task::yield_now().await;
    }
    let (id, record) = cluster.run("for n in 1 2 3; do sh -c 'echo fine'; done", ROOMY).await;
    assert!(record.exit.success());
    assert_eq!(cluster.stdout(id), "fine\nfine\nfine\n");
    cluster.runtime().kill(bomb, Kill::Destroy).await.unwrap();
    cluster.record(bomb).await;
    assert_eq!(cluster.members(bomb), Vec::<i32>::new());
}

async fn runaways(cluster: &mut Cluster) {
    // Forked twice into a session of its own; the same in a process namespace of its own, if this kernel lets users have one.
    let line = "(setsid sh -c '(setsid sleep 1000 &)' &)
        (setsid unshare -Ufp sh -c 'setsid sleep 1000 & sleep 1000' 2>/dev/null &)
        trap '' HUP TERM; (nohup setsid sleep 1000 >/dev/null 2>&1 &)
        while [ ! -e go ]; do sleep 0.01; done; exit 5";
    let id = cluster.launch(line, ROOMY).await;
    let is_sleep = |pid: &i32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line == b"sleep\x001000\0");
    let fled = eventually("they run", || {
        let fled: Vec<i32> = cluster.members(id).into_iter().filter(is_sleep).collect();
        (fled.len() >= 2).then_some(fled)
    })
    .await;
    std::fs::write(cluster.runtime().paths(id).sandbox().join("go"), "").unwrap();
    assert_eq!(cluster.record(id).await.exit, Exit::Code(5));
    assert_eq!(cluster.members(id), Vec::<i32>::new());
    assert!(!fled.iter().any(is_sleep), "{fled:?}");
}

async fn stubborn(cluster: &mut Cluster) {
    let line = "trap '' TERM INT HUP QUIT USR1 CONT; (trap '' TERM; kill -s STOP 0) & echo ready; while :; do sleep 1; done";
    let id = cluster.launch(line, ROOMY).await;
    eventually("it is ready", || cluster.stdout(id).contains("ready").then_some(())).await;
    cluster.runtime().kill(id, Kill::Terminate).await.unwrap();
    assert!(cluster.exits.try_recv().is_err(), "it ignores SIGTERM");
    cluster.runtime().kill(id, Kill::Destroy).await.unwrap();
    assert_eq!(cluster.record(id).await.exit, Exit::Signal(9));
    assert_eq!(cluster.members(id), Vec::<i32>::new());
}
