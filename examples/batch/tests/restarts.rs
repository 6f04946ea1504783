//! The program is killed half-way and called again, against a real master and an emulated agent, on which every command succeeds.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test says by a panic that it failed, and by its name what it shows")]

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use meros_agent::emulated::{self, EmulatedOptions};
use meros_master::{Master, MasterOptions};
use meros_types::{Attributes, Resources};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

/// Far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The value of one of the master's metrics.
async fn metric(address: &str, name: &str) -> u64 {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value = line.unwrap_or_else(|| panic!("no {name} in {page}")).trim();
    value.parse::<f64>().unwrap_or_else(|error| panic!("{name} is {value:?}: {error}")) as u64
}

fn batch(folder: &Path, address: &str) -> Command {
    let mut batch = Command::new(env!("CARGO_BIN_EXE_meros-batch"));
    batch.arg(folder.join("list")).arg("nightly").arg(folder.join("state")).stdout(Stdio::piped()).kill_on_drop(true);
    batch.env("MEROS_MASTER", address).env("MEROS_TOKEN_FILE", folder.join("token"));
    batch
}

#[tokio::test]
async fn a_killed_batch_goes_on_and_runs_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("list"), "one\ntwo\nthree\nfour\nfive\nsix\n").unwrap();
    let mut options = MasterOptions::new(folder.path());
    options.listen.set_port(0);
    options.home = None;
    let master = Master::bind(options).await.unwrap();
    let address = master.address().to_string();
    let agents = EmulatedOptions {
        master: address.clone(),
        token_file: Some(folder.path().join("token")),
        agents: 1,
        connections: 1,
        // Two commands at once.
        resources: Resources::parse("cpus:0.2;mem:256MiB").unwrap(),
        attributes: Attributes::default(),
        task_duration: Duration::from_millis(300),
    };
    tokio::spawn(master.serve(std::future::pending()));
    tokio::spawn(emulated::run(agents, std::future::pending()));
    let mut first = batch(folder.path(), &address).spawn().unwrap();
    let half_way = async { while metric(&address, "meros_master_tasks_ended_total").await < 2 {} };
    tokio::time::timeout(PATIENCE, half_way).await.expect("the batch gets on");
    first.kill().await.unwrap();
    let output = tokio::time::timeout(PATIENCE, batch(folder.path(), &address).output()).await.expect("it ends by itself").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches("FINISHED").count(), 6, "{said}");
    assert_eq!(metric(&address, "meros_master_tasks_launched_total").await, 6);
    let again = batch(folder.path(), &address).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&again.stdout), said, "what has ended is only told again");
    assert_eq!(metric(&address, "meros_master_tasks_launched_total").await, 6);
}
