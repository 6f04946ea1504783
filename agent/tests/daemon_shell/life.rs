//! An agent's start and end: its directory, its port, its token, its parent.

use std::fs;
use std::os::fd::OwnedFd;

use meros_agent::{Agent, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Tests, soon};
use crate::peers::Cluster;
use crate::test;

pub(crate) fn add(tests: &mut Tests) {
    test!(tests, what_cannot_be_meant_is_refused_at_once);
    test!(tests, a_directory_in_use_is_named);
    test!(tests, a_port_in_use_is_named);
    test!(tests, it_waits_for_a_token_that_is_right);
    test!(tests, its_pages_are_for_our_own_names_and_need_no_token);
    test!(tests, an_ephemeral_agent_ends_with_its_parent_and_leaves_nothing);
    test!(tests, it_has_what_the_machine_has);
}

async fn what_cannot_be_meant_is_refused_at_once() {
    let cluster = Cluster::start().await;
    let mut options = cluster.agent_options("a");
    options.master = "https://example:5050".to_owned();
    assert!(matches!(Agent::bind(options).await, Err(Error::Master { .. })));
    let mut options = cluster.agent_options("a");
    options.task_uids = 0..10;
    assert!(matches!(Agent::bind(options).await, Err(Error::TaskUids { .. })));
    let mut options = cluster.agent_options("a");
    options.listen = Some("0.0.0.0:0".parse().unwrap());
    assert!(matches!(Agent::bind(options).await, Err(Error::InsecureListen { .. })));
}

async fn a_directory_in_use_is_named() {
    let cluster = Cluster::start().await;
    let first = cluster.agent(cluster.agent_options("a")).await;
    let error = Agent::bind(cluster.agent_options("a")).await.err().unwrap();
    assert!(matches!(error, Error::WorkDirTaken { .. }) && error.to_string().contains("--work-dir"), "{error}");
    first.stop().await.unwrap();
}

async fn a_port_in_use_is_named() {
    let cluster = Cluster::start().await;
    let mut options = cluster.agent_options("a");
    options.listen = Some(cluster.address);
    let error = Agent::bind(options).await.err().unwrap();
    assert!(matches!(error, Error::Listen { .. }) && error.to_string().contains(&cluster.address.to_string()), "{error}");
}

async fn it_waits_for_a_token_that_is_right() {
    let cluster = Cluster::start().await;
    let mut options = cluster.agent_options("a");
    let file = cluster.folder.path().join("given");
    fs::write(&file, "wrong\n").unwrap();
    options.token_file = Some(file.clone());
    let agent = cluster.agent(options).await;
    assert_eq!(cluster.state().await.agents.len(), 0);
    fs::copy(cluster.token_file(), &file).unwrap();
    cluster.agents_connected(1).await;
    agent.stop().await.unwrap();
}

async fn its_pages_are_for_our_own_names_and_need_no_token() {
    let cluster = Cluster::start().await;
    let mut options = cluster.agent_options("a");
    options.listen = Some("127.0.0.1:0".parse().unwrap());
    let agent = cluster.agent(options).await;
    cluster.agents_connected(1).await;
    let get = async |path: &str, host: &str| {
        let mut socket = TcpStream::connect(agent.address.unwrap()).await.unwrap();
        socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(socket.read_to_string(&mut answer)).await.unwrap();
        answer
    };
    assert!(get("/healthz", "localhost").await.starts_with("HTTP/1.1 200"));
    assert!(get("/metrics", "localhost").await.contains("\nmeros_agent_connected 1.0\n"));
    assert!(get("/metrics", "rebound.example").await.starts_with("HTTP/1.1 403"));
    assert!(get("/state", "localhost").await.starts_with("HTTP/1.1 404"));
    agent.stop().await.unwrap();
}

async fn an_ephemeral_agent_ends_with_its_parent_and_leaves_nothing() {
    let cluster = Cluster::start().await;
    let (reading, parents_end) = std::io::pipe().unwrap();
    let mut options = cluster.agent_options("a");
    (options.lifeline, options.destroy_on_exit) = (Some(OwnedFd::from(reading)), true);
    let agent = cluster.agent(options).await;
    cluster.agents_connected(1).await;
    drop(parents_end);
    soon(agent.ran).await.unwrap().unwrap();
    assert!(!agent.work_dir.exists());
}

async fn it_has_what_the_machine_has() {
    let cluster = Cluster::start().await;
    let mut options = cluster.agent_options("a");
    options.resources = None;
    let agent = cluster.agent(options).await;
    cluster.agents_connected(1).await;
    let total = &cluster.state().await.agents[0].total;
    assert!(total.cpu_milli() >= 1_000 && total.memory_bytes() > 0 && total.disk_bytes() > 0, "{total}");
    agent.stop().await.unwrap();
}
