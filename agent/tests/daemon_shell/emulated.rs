//! Emulated agents: the real core and wire, by the hundred over few connections.

use std::collections::BTreeSet;
use std::time::Duration;

use meros_agent::Error;
use meros_agent::emulated::{EmulatedOptions, run};
use meros_types::{Attributes, Resources, TaskState};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::harness::{Tests, soon};
use crate::peers::Cluster;
use crate::test;

pub(crate) fn add(tests: &mut Tests) {
    test!(tests, tasks_run_on_all_of_many);
    test!(tests, a_task_that_takes_long_is_killed);
    test!(tests, they_come_back_to_a_new_master);
}

fn start(cluster: &Cluster, agents: usize, task_duration: Duration) -> (oneshot::Sender<()>, JoinHandle<Result<(), Error>>) {
    let options = EmulatedOptions {
        master: cluster.address.to_string(),
        token_file: Some(cluster.token_file()),
        agents,
        connections: 2,
        resources: Resources::parse("cpus:1;mem:1GiB").unwrap(),
        attributes: Attributes::default(),
        task_duration,
    };
    let (stop, stopped) = oneshot::channel();
    (stop, tokio::spawn(run(options, async move { drop(stopped.await) })))
}

async fn tasks_run_on_all_of_many() {
    let cluster = Cluster::start().await;
    let (stop, ran) = start(&cluster, 100, Duration::ZERO);
    cluster.agents_connected(100).await;
    let mut framework = cluster.framework().await;
    let names: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
    let tasks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "true")).collect();
    framework.launch(&tasks, "cpus:1").await;
    let mut finished = BTreeSet::new();
    while finished.len() < tasks.len() {
        let update = framework.update().await;
        if update.state == TaskState::Finished {
            finished.insert(update.task);
        }
    }
    drop(stop);
    soon(ran).await.unwrap().unwrap();
}

async fn a_task_that_takes_long_is_killed() {
    let cluster = Cluster::start().await;
    let (_stop, _ran) = start(&cluster, 1, Duration::from_secs(3_600));
    let mut framework = cluster.framework().await;
    framework.launch(&[("t", "true")], "cpus:1").await;
    framework.until("t", TaskState::Running).await;
    framework.kill("t").await;
    framework.until("t", TaskState::Killed).await;
}

async fn they_come_back_to_a_new_master() {
    let mut cluster = Cluster::start().await;
    let (_stop, _ran) = start(&cluster, 20, Duration::ZERO);
    cluster.agents_connected(20).await;
    cluster.restart_master().await;
    cluster.agents_connected(20).await;
    assert_eq!(cluster.state().await.term.0, 2);
}
