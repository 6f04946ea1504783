//! Limits and counters. Before anything eats memory, its limit is read back.

use std::fs;
use std::time::Duration;

use meros_agent::runtime::Kill;
use meros_agent_core::shim::memory::{OutOfMemory, out_of_memory};
use meros_types::{ContainerId, Exit, Limits};

use crate::body;
use crate::cluster::{Cluster, Kind, ROOMY, Version, eventually};
use crate::harness::Tests;

pub(crate) const SMALL: Limits = Limits { memory_bytes: 32 << 20, ..ROOMY };
/// How long the CPU is kept busy to see its ceiling: many periods of the kernel's.
const BUSY_S: u64 = 2;
/// Waits for leave, then holds 200 MiB, if it gets them. A line without end is kept whole by tail.
pub(crate) const HOG: &str = "head -c 200M /dev/zero | tail";

pub(crate) fn add(tests: &mut Tests) {
    tests.only(Version::V1, "limits_are_in_force_when_the_task_starts", body!(in_force));
    tests.one(Kind::Cgroup, "a_memory_hog_is_killed_at_its_limit", body!(hog));
    tests.one(Kind::Cgroup, "an_oom_kill_of_a_child_ends_the_task", body!(hog_child));
    tests.one(Kind::Cgroup, "too_little_memory_to_execute_spares_the_shim", body!(tight));
    tests.one(Kind::Cgroup, "the_pids_limit_holds_a_fork_bomb", body!(fork_bomb));
    tests.one(Kind::Cgroup, "the_cpu_ceiling_holds_and_is_counted", body!(throttle));
    tests.one(Kind::Cgroup, "usage_can_be_read_while_it_runs", body!(usage));
    tests.only(Version::V1, "a_task_without_limits_has_none", body!(unlimited));
}

pub(crate) fn read(cluster: &Cluster, id: ContainerId, hierarchy: &str, file: &str) -> String {
    fs::read_to_string(cluster.group(hierarchy).join(id.to_string()).join(file)).unwrap().trim().to_owned()
}

async fn in_force(cluster: &mut Cluster) {
    let id =
        cluster.launch("sleep 1000", Limits { cpu_milli: 1_500, memory_bytes: (64 << 20) + 100, pids: 33, disk_bytes: 0 }).await;
    let read = |hierarchy, file| read(cluster, id, hierarchy, file);
    assert_eq!(read("cpu", "cpu.shares"), "1536");
    assert_eq!(read("cpu", "cpu.cfs_quota_us"), "150000");
    assert_eq!(read("memory", "memory.limit_in_bytes"), (64 << 20).to_string());
    assert_eq!(read("memory", "memory.memsw.limit_in_bytes"), (64 << 20).to_string());
    assert_eq!(read("pids", "pids.max"), "33");
}

/// Starts a hog that waits until its limit was seen.
pub(crate) async fn launch_hog(cluster: &mut Cluster, line: &str, limits: Limits) -> ContainerId {
    let id = cluster.launch(&format!("while [ ! -e go ]; do sleep 0.01; done; {line}"), limits).await;
    let limit = match Version::here() {
        Version::V1 => read(cluster, id, "memory", "memory.limit_in_bytes"),
        Version::V2 => read(cluster, id, "", "memory.max"),
    };
    assert_eq!(limit, limits.memory_bytes.to_string());
    fs::write(cluster.runtime().paths(id).sandbox().join("go"), "").unwrap();
    id
}

async fn hog(cluster: &mut Cluster) {
    let id = launch_hog(cluster, &format!("exec sh -c '{HOG}'"), SMALL).await;
    let record = cluster.record(id).await;
    assert!(record.usage.oom_kills > 0, "{record:?}");
    assert_eq!(out_of_memory(&record, &SMALL), Some(OutOfMemory::ContainerLimit), "{record:?}");
}

async fn hog_child(cluster: &mut Cluster) {
    // The shell reaps the killed child itself, so only the kernel's counter tells.
    let id = launch_hog(cluster, &format!("({HOG}) ; while :; do sleep 1; done"), SMALL).await;
    let record = cluster.record(id).await;
    assert_eq!(record.exit, Exit::Signal(9));
    assert!(record.usage.oom_kills > 0, "{record:?}");
    assert!(cluster.members(id).is_empty());
}

async fn tight(cluster: &mut Cluster) {
    for memory_bytes in [4 << 10, 16 << 10, 64 << 10, 128 << 10] {
        let limits = Limits { memory_bytes, ..ROOMY };
        let id = cluster.launch("true", limits).await;
        let record = cluster.record(id).await;
        assert_eq!(record.exit, Exit::Signal(9), "{memory_bytes}");
        assert_eq!(out_of_memory(&record, &limits), Some(OutOfMemory::ContainerLimit), "{memory_bytes} {record:?}");
    }
}

async fn fork_bomb(cluster: &mut Cluster) {
    // Bounded in itself too: should the limit not hold, it ends.
    let line = "for i in $(seq 60); do sleep 1000 & done; echo unlimited";
    let (id, record) = cluster.run(line, Limits { pids: 10, ..ROOMY }).await;
    assert!(record.usage.pids_refused > 0, "{record:?}");
    assert_eq!(cluster.stdout(id), "");
    assert!(cluster.members(id).is_empty());
}

async fn throttle(cluster: &mut Cluster) {
    let line = format!("timeout -s KILL {BUSY_S} sh -c 'while :; do :; done'");
    let usage = cluster.run(&line, Limits { cpu_milli: 500, ..ROOMY }).await.1.usage;
    assert!(usage.wall.as_secs() >= BUSY_S, "{usage:?}");
    // A busy or emulated machine may give it less than half a core, but none gives it much more.
    assert!(usage.cpu < usage.wall * 65 / 100, "{usage:?}");
    assert!(usage.throttled_periods > 0 && !usage.throttled.is_zero(), "{usage:?}");
}

async fn usage(cluster: &mut Cluster) {
    let id = cluster.launch("i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo ready; sleep 1000", ROOMY).await;
    eventually("it worked", || cluster.stdout(id).contains("ready").then_some(())).await;
    let usage = cluster.runtime().usage(id).await.unwrap();
    assert!(usage.cpu > Duration::from_millis(1) && usage.wall >= usage.cpu / 2, "{usage:?}");
    assert!(usage.memory_peak_bytes > 0, "{usage:?}");
    cluster.runtime().kill(id, Kill::Destroy).await.unwrap();
    let last = cluster.record(id).await.usage;
    assert!(last.cpu >= usage.cpu && last.wall >= usage.wall, "{last:?}");
}

async fn unlimited(cluster: &mut Cluster) {
    let id = cluster.launch("sleep 1000", Limits { cpu_milli: 0, memory_bytes: 0, pids: 5, disk_bytes: 0 }).await;
    assert_eq!(read(cluster, id, "cpu", "cpu.cfs_quota_us"), "-1");
    assert_eq!(read(cluster, id, "cpu", "cpu.shares"), "2");
    assert!(read(cluster, id, "memory", "memory.limit_in_bytes").parse::<u64>().unwrap() > 1 << 60);
}
