//! SIGKILL at each fail-point: what was launched ran once or not at all, its end is told, and nothing unknown is left.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use meros_agent::FAIL_POINTS;
use meros_types::Exit;

use crate::harness::{Tests, until};
use crate::peers::Cluster;
use crate::test;

pub(crate) fn add(tests: &mut Tests) {
    test!(tests, with_cgroups);
    test!(tests, plain);
}

async fn with_cgroups() {
    every_fail_point("auto").await;
}

async fn plain() {
    every_fail_point("plain").await;
}

async fn every_fail_point(isolation: &str) {
    for fail_point in FAIL_POINTS {
        let cluster = Cluster::start().await;
        println!("{isolation}: {fail_point}");
        survives(&cluster, isolation, fail_point).await;
    }
}

async fn survives(cluster: &Cluster, isolation: &str, fail_point: &str) {
    let name = format!("test-{}-{fail_point}", std::process::id());
    let mut agent = cluster.agent_process(fail_point, isolation);
    // With two users the third container takes the place of the first, whose directory then goes.
    agent.set("name", &name).set("task-users", 2).start_to_die(fail_point);
    let next_life = async {
        agent.dead().await;
        agent.start();
    };
    tokio::join!(next_life, three_tasks(cluster));
    until("no container is left that runs", || groups(&name).is_empty()).await;
}

/// Runs three tasks, one after the other, each to its end.
async fn three_tasks(cluster: &Cluster) {
    let mut framework = cluster.framework().await;
    for task in ["t1", "t2", "t3"] {
        let mark = cluster.folder.path().join(task);
        fs::write(&mark, "").unwrap();
        fs::set_permissions(&mark, fs::Permissions::from_mode(0o666)).unwrap();
        framework.launch(&[(task, &format!("echo once >> {}; exit 7", mark.display()))], "cpus:1;mem:64MiB").await;
        let end = framework.end_of(task).await;
        let runs = fs::read_to_string(mark).unwrap().lines().count();
        assert_eq!(runs, usize::from(end.exit == Some(Exit::Code(7))), "{end:?}");
    }
}

/// The groups of containers of this agent.
fn groups(name: &str) -> Vec<String> {
    // Version 1 has them under each controller, version 2 at the top.
    let tops = ["/sys/fs/cgroup/freezer/meros", "/sys/fs/cgroup/meros"];
    let groups = tops.iter().flat_map(|top| fs::read_dir(Path::new(top).join(name)).into_iter().flatten().flatten());
    let names = groups.filter(|group| group.path().is_dir()).map(|group| group.file_name().into_string().unwrap());
    names.filter(|name| name != "shims").collect()
}
