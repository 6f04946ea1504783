//! What is special about cgroup v2: its files, its one hierarchy, the part of it that an agent without root was given, and whose
//! memory ran out. Deliberately absent: what both versions must do, which the other files ask of whatever this machine has.

use std::fs;
use std::path::Path;

use meros_agent::runtime::Kill;
use meros_agent_core::shim::memory::{OutOfMemory, out_of_memory};
use meros_types::{Command, ContainerId, Exit, Limits};
use nix::unistd::geteuid;

use crate::body;
use crate::cluster::{Cluster, ROOMY, Version, eventually};
use crate::harness::Tests;
use crate::kill::ready;
use crate::limits::{HOG, SMALL, launch_hog};

/// How far a peak may be above a limit: some charges the kernel makes whatever the limit, a few pages for each processor.
const FORCED_BYTES_MAX: u64 = 1 << 20;
/// The limit of a group around the containers, and that of a container which can't be reached before it.
const LOW: u64 = 48 << 20;
const HIGH: Limits = Limits { memory_bytes: 1 << 30, ..ROOMY };

pub(crate) fn add(tests: &mut Tests) {
    tests.only(Version::V2, "v2_limits_are_in_force_when_the_task_starts", body!(in_force));
    tests.only(Version::V2, "v2_a_task_without_limits_has_none", body!(unlimited));
    tests.only(Version::V2, "v2_the_task_is_in_its_group", body!(group));
    tests.only(Version::V2, "v2_the_agent_makes_way_for_its_groups", body!(make_way));
    tests.only(Version::V2, "v2_a_memory_hog_gets_no_swap", body!(no_swap));
    tests.only(Version::V2, "v2_a_limit_above_is_not_the_tasks_own", body!(limit_above));
    tests.only(Version::V2, "v2_an_oom_kill_takes_the_whole_group_at_once", body!(together));
    tests.only(Version::V2, "v2_destroy_works_on_frozen_processes", body!(frozen));
    if !geteuid().is_root() {
        tests.only(Version::V2, "v2_a_task_that_leaves_its_group_is_destroyed", body!(leaves));
        tests.only(Version::V2, "v2_groups_that_a_task_made_go_with_its_own", body!(nested));
    }
}

fn read(cluster: &Cluster, id: ContainerId, file: &str) -> String {
    crate::limits::read(cluster, id, "", file)
}

async fn in_force(cluster: &mut Cluster) {
    let limits = Limits { cpu_milli: 1_500, memory_bytes: (64 << 20) + 100, pids: 33, disk_bytes: 0 };
    let id = cluster.launch("sleep 1000", limits).await;
    assert_eq!(read(cluster, id, "cpu.weight"), "150");
    assert_eq!(read(cluster, id, "cpu.max"), "150000 100000");
    assert_eq!(read(cluster, id, "memory.max"), (64 << 20).to_string());
    assert_eq!(read(cluster, id, "memory.swap.max"), "0");
    assert_eq!(read(cluster, id, "memory.oom.group"), "1");
    assert_eq!(read(cluster, id, "pids.max"), "33");
}

async fn unlimited(cluster: &mut Cluster) {
    let id = cluster.launch("sleep 1000", Limits { cpu_milli: 0, memory_bytes: 0, pids: 5, disk_bytes: 0 }).await;
    assert_eq!(read(cluster, id, "cpu.weight"), "1");
    assert_eq!(read(cluster, id, "cpu.max"), "max 100000");
    assert_eq!(read(cluster, id, "memory.max"), "max");
    assert_eq!(read(cluster, id, "memory.swap.max"), "0");
}

async fn group(cluster: &mut Cluster) {
    let id = cluster.try_launch(Command::words(["cat", "/proc/self/cgroup"]), ROOMY).await.unwrap();
    let group = cluster.group("").join(id.to_string());
    cluster.record(id).await;
    let inside = group.strip_prefix("/sys/fs/cgroup").unwrap();
    assert_eq!(cluster.stdout(id), format!("0::/{}\n", inside.display()));
}

async fn make_way(cluster: &mut Cluster) {
    let agents = cluster.group("");
    for group in agents.ancestors().take(3) {
        let handed_down = fs::read_to_string(group.join("cgroup.subtree_control")).unwrap();
        for controller in ["cpu", "memory", "pids"] {
            assert!(handed_down.split_whitespace().any(|name| name == controller), "{controller} of {}", group.display());
        }
    }
    // Only the root of the hierarchy has no type, and only it may have processes beside groups.
    let top = agents.ancestors().nth(2).unwrap();
    // Whoever delegated a group says which.
    let delegated = std::env::var_os("DELEGATED_GROUP").unwrap_or_else(|| "/sys/fs/cgroup".into());
    assert_eq!(top, Path::new(&delegated));
    if top.join("cgroup.type").exists() {
        assert_eq!(fs::read_to_string(top.join("cgroup.procs")).unwrap(), "");
        let leaf = fs::read_to_string(top.join("agent/cgroup.procs")).unwrap();
        assert!(leaf.lines().any(|pid| pid == std::process::id().to_string()), "{leaf}");
    }
}

async fn no_swap(cluster: &mut Cluster) {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let swap = meminfo.lines().find_map(|line| line.strip_prefix("SwapTotal:")).unwrap();
    let swap_kib: u64 = swap.trim().trim_end_matches(" kB").parse().unwrap();
    // With this much, the hog would live on if it got any.
    assert!(swap_kib << 10 > 3 * SMALL.memory_bytes, "this machine has no swap to speak of: {swap}");
    let id = launch_hog(cluster, &format!("exec sh -c '{HOG}'"), SMALL).await;
    let record = cluster.record(id).await;
    assert!(record.usage.oom_kills > 0, "{record:?}");
    assert!(record.usage.memory_peak_bytes <= SMALL.memory_bytes + FORCED_BYTES_MAX, "{record:?}");
    assert_eq!(out_of_memory(&record, &SMALL), Some(OutOfMemory::ContainerLimit), "{record:?}");
}

async fn limit_above(cluster: &mut Cluster) {
    // Set on the group of all of this agent's containers, and read back before anything eats memory.
    for (file, value) in [("memory.max", LOW.to_string()), ("memory.swap.max", "0".to_owned())] {
        let path = cluster.group("").join(file);
        fs::write(&path, &value).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), value);
    }
    let id = launch_hog(cluster, &format!("exec sh -c '{HOG}'"), HIGH).await;
    let record = cluster.record(id).await;
    assert!(record.usage.oom_kills > 0, "{record:?}");
    assert!(record.usage.memory_peak_bytes <= LOW + FORCED_BYTES_MAX, "{record:?}");
    assert_eq!(out_of_memory(&record, &HIGH), Some(OutOfMemory::Agent), "{record:?}");
}

async fn together(cluster: &mut Cluster) {
    // A bystander in a session of its own, which the kernel alone would have no reason to choose.
    let id = launch_hog(cluster, &format!("setsid sleep 1000 & ({HOG}); while :; do sleep 1; done"), SMALL).await;
    let record = cluster.record(id).await;
    assert_eq!(record.exit, Exit::Signal(9));
    assert!(record.usage.oom_kills >= 3, "{record:?}");
    assert!(cluster.members(id).is_empty());
}

async fn frozen(cluster: &mut Cluster) {
    let id = cluster.launch("echo ready; sleep 1000", ROOMY).await;
    ready(cluster, id).await;
    let group = cluster.group("").join(id.to_string());
    fs::write(group.join("cgroup.freeze"), "1").unwrap();
    let is_frozen = || fs::read_to_string(group.join("cgroup.events")).unwrap().contains("frozen 1");
    eventually("it is frozen", || is_frozen().then_some(())).await;
    cluster.runtime().kill(id, Kill::Destroy).await.unwrap();
    assert_eq!(cluster.record(id).await.exit, Exit::Signal(9));
}

/// Without root the task has the agent's own user, whose groups it may enter.
async fn leaves(cluster: &mut Cluster) {
    let elsewhere = cluster.group("").join("shims").join("cgroup.procs");
    let line = format!("setsid sh -c 'echo 0 > {}; echo ready; sleep 1000' & sleep 1000", elsewhere.display());
    let id = cluster.launch(&line, ROOMY).await;
    ready(cluster, id).await;
    assert_eq!(cluster.stderr(id), "");
    cluster.runtime().kill(id, Kill::Destroy).await.unwrap();
    cluster.record(id).await;
    assert_eq!(cluster.members(id), Vec::<i32>::new());
}

async fn nested(cluster: &mut Cluster) {
    let line = "own=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
        mkdir -p $own/a/b $own/c && (echo 0 > $own/a/b/cgroup.procs; exec sleep 1000) & echo ready; sleep 1000";
    let id = cluster.launch(line, ROOMY).await;
    let inside = cluster.group("").join(id.to_string()).join("a/b/cgroup.procs");
    eventually("a process is in the inner group", || fs::read_to_string(&inside).ok().filter(|text| !text.is_empty())).await;
    cluster.runtime().kill(id, Kill::Destroy).await.unwrap();
    assert_eq!(cluster.record(id).await.exit, Exit::Signal(9));
}
