//! The HTTP pages.

use std::collections::BTreeSet;

use meros_proto::v1;
use meros_types::ClusterState;

use crate::harness::master;

#[tokio::test]
async fn the_state_page_is_the_cluster() {
    let (master, _folder) = master().await;
    let mut agent = master.agent().await;
    let id = agent.register("cpus:4;mem:8GiB").await;
    let authorization = format!("Authorization: {}\r\n", master.token.authorization());
    let (status, page) = master.get("/state", "localhost", &authorization).await;
    assert_eq!(status, 200, "{page}");
    let body = page.split_once("\r\n\r\n").unwrap().1;
    let state: ClusterState = serde_json::from_str(&body[body.find('{').unwrap()..=body.rfind('}').unwrap()]).unwrap();
    assert_eq!((state.term, state.agents.len(), state.agents[0].id), (master.term, 1, id));
    let told = master.admin().await.get_state(master.call(v1::GetStateRequest {})).await.unwrap().into_inner();
    assert_eq!(ClusterState::try_from(told).unwrap(), state);
}

#[tokio::test]
async fn the_metrics_page_is_what_prometheus_reads() {
    let (master, _folder) = master().await;
    let mut agent = master.agent().await;
    agent.register("cpus:4").await;
    let (status, page) = master.get("/metrics", "localhost", "").await;
    assert_eq!(status, 200);
    assert!(page.contains("content-type: text/plain; version=0.0.4"), "{page}");
    assert!(page.contains("\nmeros_master_agents_connected 1.0\n") && page.contains("\nprocess_cpu_seconds_total "), "{page}");
    let helped: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
    let samples = page.lines().filter(|line| line.starts_with("meros_") || line.starts_with("process_"));
    assert!(samples.map(|line| line.split([' ', '{']).next().unwrap()).all(|name| helped.contains(name)));
}

#[tokio::test]
async fn other_paths_and_services_say_so() {
    let (master, _folder) = master().await;
    let (status, page) = master.get("/", "localhost", "").await;
    assert!(status == 404 && page.contains("/healthz"), "{page}");
    assert_eq!(master.http("POST /state HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.0, 405);
}
