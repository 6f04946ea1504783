//! Where output goes.

use std::time::Duration;

use crate::body;
use crate::cluster::{Cluster, ROOMY};
use crate::harness::Tests;

/// How long an idle shim is watched.
const WATCHED: Duration = Duration::from_millis(300);

pub(crate) fn add(tests: &mut Tests) {
    tests.both("output_is_in_the_logs", body!(logs));
    tests.both("dev_stdout_can_be_opened", body!(dev_stdout));
    tests.both("much_output_is_whole", body!(much));
    tests.both("a_pipe_that_others_hold_open_delays_nothing", body!(held_open));
    tests.both("closed_output_harms_nobody", body!(closed));
}

async fn logs(cluster: &mut Cluster) {
    let (id, _) = cluster.run("echo out; echo err >&2; echo more", ROOMY).await;
    assert_eq!(cluster.stdout(id), "out\nmore\n");
    assert_eq!(cluster.stderr(id), "err\n");
}

async fn dev_stdout(cluster: &mut Cluster) {
    let (id, record) = cluster.run("echo one > /dev/stdout; echo two > /dev/stderr; echo three > /proc/self/fd/1", ROOMY).await;
    assert!(record.exit.success(), "{}", cluster.stderr(id));
    assert_eq!(cluster.stdout(id), "one\nthree\n");
    assert_eq!(cluster.stderr(id), "two\n");
}

async fn much(cluster: &mut Cluster) {
    let (id, record) = cluster.run("seq 300000; seq 200000 >&2", ROOMY).await;
    assert!(record.exit.success());
    assert_eq!(cluster.stdout(id).lines().count(), 300_000);
    assert_eq!(cluster.stderr(id).lines().last(), Some("200000"));
}

async fn held_open(cluster: &mut Cluster) {
    // The end of the task is the end of what it started, though that writes for ever.
    let (id, record) = cluster.run("setsid sh -c 'while :; do echo noise; done' & exec 1>&2; echo last >&2", ROOMY).await;
    assert!(record.exit.success());
    assert!(cluster.stderr(id).contains("last"));
    assert!(cluster.members(id).is_empty());
}

async fn closed(cluster: &mut Cluster) {
    let id = cluster.launch("exec >&- 2>&-; while [ ! -e go ]; do sleep 0.01; done; exit 4", ROOMY).await;
    // A closed pipe is always ready, so a shim that still waits for it never sleeps.
    let shim = cluster.shim(id);
    let busy = || {
        let schedstat = std::fs::read_to_string(format!("/proc/{shim}/schedstat")).unwrap();
        Duration::from_nanos(schedstat.split(' ').next().unwrap().parse().unwrap())
    };
    // What its start took is not asked for: on an emulated machine that is much.
    let (before, from) = (busy(), cluster.runtime().usage(id).await.unwrap().wall);
    while cluster.runtime().usage(id).await.unwrap().wall - from < WATCHED {
        tokio::task::yield_now().await;
    }
    let busy = busy() - before;
    assert!(busy < WATCHED / 10, "the shim was busy for {busy:?} of {WATCHED:?}");
    std::fs::write(cluster.runtime().paths(id).sandbox().join("go"), "").unwrap();
    assert_eq!(cluster.record(id).await.exit.shell_code(), 4);
    assert_eq!(cluster.stdout(id), "");
}
