//! The example runs as its users would run it, against a real master and an emulated agent, on which every command succeeds.

use std::time::Duration;

use meros_agent::emulated::{self, EmulatedOptions};
use meros_master::{Master, MasterOptions};
use meros_types::{Attributes, Resources};
use tokio::process::Command;

/// Far longer than it takes.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn hello_runs_each_argument_and_says_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = MasterOptions::new(folder.path());
    options.listen.set_port(0);
    options.home = None;
    let master = Master::bind(options).await.unwrap();
    let address = master.address().to_string();
    let token_file = folder.path().join("token");
    let agents = EmulatedOptions {
        master: address.clone(),
        token_file: Some(token_file.clone()),
        agents: 1,
        connections: 1,
        resources: Resources::parse("cpus:1;mem:256MiB").unwrap(),
        attributes: Attributes::default(),
        task_duration: Duration::ZERO,
    };
    tokio::spawn(master.serve(std::future::pending()));
    tokio::spawn(emulated::run(agents, std::future::pending()));
    let mut hello = Command::new(env!("CARGO_BIN_EXE_meros-hello"));
    hello.args(["echo one", "echo two"]).env("MEROS_MASTER", &address).env("MEROS_TOKEN_FILE", &token_file).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, hello.output()).await.expect("it ends by itself").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.matches(" FINISHED: exit code 0").count(), 2, "{said}");
    assert!(said.contains("emulated-0: echo one") && said.contains("emulated-0: echo two"), "{said}");
}
