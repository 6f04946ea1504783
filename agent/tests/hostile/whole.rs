//! Attacks on a whole agent, with a master and a framework: what only the agent and its core see to.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use meros_types::{Call, Command, KillCall, Limitation, Reason, Resources, TaskId, TaskState};

use crate::attack::{check_refused, command};
use crate::body;
use crate::cluster::{Cluster as Runtime, Kind};
use crate::harness::{Tests, until};
use crate::peers::{Cluster, Framework, RunningAgent};

/// How large the sandbox of a task may become that asks for no disk.
const DISK_DEFAULT: u64 = 12 << 20;

pub(crate) fn add(tests: &mut Tests) {
    tests.one(Kind::Cgroup, "a_task_that_fills_its_sandbox_is_ended", body!(fill_disk));
    tests.one(Kind::Cgroup, "a_task_that_ignores_sigterm_is_killed_after_its_grace", body!(ignore));
    tests.one(Kind::Cgroup, "a_task_does_not_reach_token_log_and_state", body!(files));
}

async fn start() -> (Cluster, RunningAgent, Framework) {
    let cluster = Cluster::start().await;
    let mut options = cluster.agent_options("agent");
    options.resources = Some(Resources::parse("cpus:4;mem:1GiB;disk:1GiB").unwrap());
    options.task_disk_max = DISK_DEFAULT;
    options.destroy_on_exit = true;
    let agent = cluster.agent(options).await;
    let framework = cluster.framework().await;
    (cluster, agent, framework)
}

/// Grows by a few MiB at a time, so that it is seen before it is many times too large; and ends by itself if it is not.
async fn fill_disk(_: &mut Runtime) {
    let (_cluster, agent, mut framework) = start().await;
    let fillers = [
        (
            "file",
            "cpus:0.5;mem:64MiB;disk:20MiB",
            20 << 20,
            "for n in $(seq 200); do head -c 1M /dev/zero >> big; sleep 0.05; done",
        ),
        (
            "default",
            "cpus:0.5;mem:64MiB",
            DISK_DEFAULT,
            "mkdir -p a/b; for n in $(seq 200); do head -c 1M /dev/zero >> a/b/big; sleep 0.05; done",
        ),
        ("inodes", "cpus:0.5;mem:64MiB", DISK_DEFAULT, "n=0; while [ $n -lt 200000 ]; do : > $n; n=$((n+1)); done"),
        (
            "removed",
            "cpus:0.5;mem:64MiB",
            DISK_DEFAULT,
            "exec 3> big; rm big; for n in $(seq 200); do head -c 1M /dev/zero >&3; sleep 0.05; done",
        ),
    ];
    for (task, each, limit, line) in fillers {
        framework.launch(&[(task, line)], each).await;
        let update = framework.until(task, TaskState::Failed).await;
        assert_eq!(update.reason, Reason::DiskLimit, "{update:?}");
        let Some(Limitation { resource, limit: told, measured }) = update.limitation else { panic!("no limitation") };
        assert_eq!((resource.as_str(), told), ("disk", limit));
        assert!(measured > limit && measured < 100 << 20, "{task}: {measured}");
    }
    // One within its limit is left alone, however much of others it points at.
    framework.launch(&[("small", "ln -s / root; head -c 10M /dev/zero > a; ln a b; sleep 1")], "cpus:0.5;mem:64MiB").await;
    framework.until("small", TaskState::Finished).await;
    agent.stop().await.unwrap();
}

async fn ignore(_: &mut Runtime) {
    let (_cluster, agent, mut framework) = start().await;
    let line = "trap 'echo no >> told' TERM; trap '' INT HUP; touch ready; while :; do sleep 0.01; done";
    framework.launch(&[("t", line)], "cpus:0.5;mem:64MiB").await;
    framework.until("t", TaskState::Running).await;
    let sandbox = sandbox(&agent.work_dir);
    until("the task is ready", || sandbox.join("ready").exists()).await;
    let grace = Some(Duration::from_millis(300));
    framework.say(vec![Call::Kill(KillCall { task: TaskId::new("t").unwrap(), grace })]).await;
    let update = framework.until("t", TaskState::Killed).await;
    assert_eq!(update.exit, Some(meros_types::Exit::Signal(9)));
    assert!(sandbox.join("told").exists(), "it was asked first");
    agent.stop().await.unwrap();
}

/// The sandbox of the only container.
fn sandbox(work_dir: &Path) -> PathBuf {
    let containers = fs::read_dir(work_dir.join("containers")).unwrap();
    containers.map(|entry| entry.unwrap().path()).next().unwrap().join("sandbox")
}

/// Everything in a directory, but for what belongs to tasks.
fn everything(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        found.push(entry.path().to_str().unwrap().to_owned());
        if entry.file_type().unwrap().is_dir() && entry.file_name() != "sandbox" {
            everything(&entry.path(), found);
        }
    }
}

async fn files(_: &mut Runtime) {
    let (cluster, agent, mut framework) = start().await;
    // Another container's files are among them.
    framework.launch(&[("other", "sleep 1000")], "cpus:0.5;mem:64MiB").await;
    framework.until("other", TaskState::Running).await;
    let mut targets = vec![cluster.folder.path().to_str().unwrap().to_owned()];
    everything(cluster.folder.path(), &mut targets);
    for name in ["token", "log"] {
        assert!(targets.iter().any(|path| path.ends_with(name)), "no {name} in {targets:#?}");
    }
    let attack: Command = command(cluster.folder.path(), "file", &targets);
    framework.launch_commands(&[("t", attack)], "cpus:1;mem:256MiB").await;
    framework.until("t", TaskState::Finished).await;
    let mut log = cluster.read_log("t", true).await;
    let mut said = Vec::new();
    while let Some(chunk) = crate::harness::soon(log.message()).await.unwrap() {
        said.extend_from_slice(&chunk.data);
    }
    let attempts = check_refused(&String::from_utf8(said).unwrap());
    assert!(attempts.len() >= 9 * targets.len(), "{} attempts at {} files", attempts.len(), targets.len());
    agent.stop().await.unwrap();
}
