//! Attacks on the agent, its launcher and its shims, and on what they keep.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::attack::{launch, refused};
use crate::body;
use crate::cluster::{Cluster, Kind, ROOMY};
use crate::harness::Tests;

pub(crate) fn add(tests: &mut Tests) {
    tests.one(Kind::Cgroup, "a_task_does_not_touch_agent_launcher_and_shims", body!(processes));
    tests.one(Kind::Cgroup, "a_task_does_not_reach_its_shims_files", body!(shims_files));
    tests.one(Kind::Cgroup, "a_sandbox_is_removed_however_deep_it_is", body!(deep));
}

async fn processes(cluster: &mut Cluster) {
    let other = cluster.launch("exec sleep 1000", ROOMY).await;
    let (shim, launcher) = (cluster.shim(other), cluster.launchers()[0]);
    let agent = i32::try_from(std::process::id()).unwrap();
    let targets = [agent, launcher, shim].map(|pid| pid.to_string());
    let attempts = refused(cluster, "process", &targets).await;
    for pid in &targets {
        // What the launcher's socket is would be seen there.
        assert!(attempts.iter().any(|attempt| attempt.starts_with(&format!("list /proc/{pid}/fd"))), "{attempts:#?}");
    }
    // Its own shim too, which is its parent.
    let (id, record) = cluster.run("kill -s KILL $PPID; kill -s USR1 $PPID || exit 3", ROOMY).await;
    assert_eq!(record.exit.shell_code(), 3, "{}", cluster.stderr(id));
    assert_eq!(cluster.stderr(id).matches("not permitted").count(), 2, "{}", cluster.stderr(id));
    assert!(!cluster.members(other).is_empty());
}

async fn shims_files(cluster: &mut Cluster) {
    // As an agent's log and a master's token are.
    for name in ["log", "token"] {
        let path = cluster.work.path().join(name);
        fs::write(&path, "secret").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let containers = cluster.work.path().join("containers");
    let mut targets = vec!["../state", "../state/lock", "../state/record", "../state/exit.unfinished", "..", "../../"];
    let (work, log, token) = (cluster.work.path().to_owned(), cluster.work.path().join("log"), cluster.work.path().join("token"));
    targets.extend([&work, &log, &token, &containers].map(|path| path.to_str().unwrap()));
    let targets: Vec<String> = targets.into_iter().map(str::to_owned).collect();
    let id = launch(cluster, "file", &targets).await;
    assert!(cluster.record(id).await.exit.success());
    let attempts = crate::attack::check_refused(&cluster.stdout(id));
    assert!(attempts.len() >= 9 * targets.len(), "{attempts:#?}");
    assert_eq!(fs::read_to_string(token).unwrap(), "secret");
}

/// Deeper than any path can name, and than a process could open at one time.
async fn deep(cluster: &mut Cluster) {
    let id = launch(cluster, "deep", &[]).await;
    assert!(cluster.record(id).await.exit.success() && cluster.stdout(id) == "deep\n", "{}", cluster.stderr(id));
    let root = cluster.runtime().paths(id).root().to_owned();
    cluster.runtime().remove(id).await.unwrap();
    assert!(!root.exists());
}
