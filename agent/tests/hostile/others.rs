//! Attacks on other tasks and on the cgroups that keep tasks apart.

use std::fs;
use std::path::PathBuf;

use meros_types::{Command, ContainerId};

use crate::attack::{launch, refused};
use crate::body;
use crate::cluster::{Cluster, Kind, ROOMY, Version, eventually};
use crate::harness::Tests;

pub(crate) fn add(tests: &mut Tests) {
    tests.one(Kind::Cgroup, "a_task_does_not_leave_its_cgroups", body!(leave));
    tests.one(Kind::Cgroup, "a_task_does_not_touch_another", body!(other_task));
    tests.one(Kind::Cgroup, "a_task_does_not_reach_another_ones_files", body!(other_files));
}

/// A task that does no harm, and its process.
async fn victim(cluster: &mut Cluster) -> (ContainerId, i32) {
    let mut command = Command::shell("echo secret > secret; exec sleep 1000");
    command.environment.insert("SECRET".into(), "hush".into());
    let id = cluster.try_launch(command, ROOMY).await.unwrap();
    let sandbox = cluster.runtime().paths(id).sandbox();
    eventually("the victim has its file", || sandbox.join("secret").exists().then_some(())).await;
    let pid = eventually("the victim runs", || cluster.members(id).first().copied()).await;
    (id, pid)
}

fn text(path: PathBuf) -> String {
    path.to_str().unwrap().to_owned()
}

async fn leave(cluster: &mut Cluster) {
    let (sibling, _) = victim(cluster).await;
    let mut groups = Vec::new();
    for hierarchy in Version::here().hierarchies() {
        let own = cluster.group(hierarchy);
        groups.extend([own.parent().unwrap().parent().unwrap().to_owned(), own.parent().unwrap().to_owned(), own.clone()]);
        groups.extend([own.join("shims"), own.join(sibling.to_string())]);
    }
    let groups: Vec<String> = groups.into_iter().filter(|group| group.exists()).map(text).collect();
    let attempts = refused(cluster, "leave", &groups).await;
    for group in &groups {
        assert!(attempts.iter().any(|attempt| attempt.starts_with(&format!("write 0 to {group}/cgroup.procs"))), "{group}");
    }
    // From within, at the end of all attempts.
    let line = format!("for group in {}; do echo 0 > $group/cgroup.procs; done; cat /proc/self/cgroup", groups.join(" "));
    let (id, record) = cluster.run(&line, ROOMY).await;
    assert!(record.exit.success());
    let (name, own) = (&cluster.name, cluster.stdout(id));
    let still_there = own.lines().filter(|line| line.ends_with(&format!("/meros/{name}/{id}"))).count();
    assert!(
        still_there >= Version::here().hierarchies().len() || own.contains(&format!("cpu,cpuacct:/meros/{name}/{id}")),
        "{own}"
    );
}

async fn other_task(cluster: &mut Cluster) {
    let (victim, pid) = victim(cluster).await;
    let attempts = refused(cluster, "process", &[pid.to_string()]).await;
    for tried in [format!("send SIGKILL to {pid}"), format!("trace {pid}"), format!("read /proc/{pid}/environ")] {
        assert!(attempts.iter().any(|attempt| attempt.starts_with(&tried)), "{tried} is not among {attempts:#?}");
    }
    // To all that it may signal: that is itself.
    let (_, record) = cluster.run("kill -s KILL -- -1; kill -s KILL $$", ROOMY).await;
    assert!(!record.exit.success());
    assert_eq!(cluster.members(victim), [pid]);
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("TracerPid:\t0") && status.contains("State:\tS"), "{status}");
}

async fn other_files(cluster: &mut Cluster) {
    let (victim, _) = victim(cluster).await;
    let paths = cluster.runtime().paths(victim);
    let root = paths.root().to_owned();
    let inside = ["", "sandbox", "sandbox/secret", "logs", "logs/stdout", "state", "state/lock", "state/record"];
    let targets: Vec<String> = inside.iter().map(|name| text(root.join(name))).collect();
    let attempts = refused(cluster, "file", &targets).await;
    assert!(attempts.iter().any(|attempt| attempt.starts_with(&format!("open {}", targets[2]))), "{attempts:#?}");
    assert_eq!(fs::read_to_string(paths.sandbox().join("secret")).unwrap(), "secret\n");
    let id = launch(cluster, "file", &targets[2..3]).await;
    cluster.record(id).await;
}
