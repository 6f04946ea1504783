//! A master's start and end: its directory, its port, its term, its token.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;

use meros_master::registry::inspect;
use meros_master::{Error, Master, MasterOptions};
use meros_proto::token::{discover_in, home_file};
use meros_types::Term;
use tonic::Code;

use crate::harness::{master, options, soon, start};

#[tokio::test]
async fn a_port_in_use_is_named() {
    let (first, _folder) = master().await;
    let other = tempfile::tempdir().unwrap();
    let mut options = options(other.path());
    options.listen = first.address;
    let error = Master::bind(options).await.err().unwrap();
    assert!(matches!(error, Error::Listen { address, .. } if address == first.address));
    assert!(error.to_string().contains(&first.address.to_string()), "{error}");
}

#[tokio::test]
async fn a_work_directory_in_use_is_named() {
    let (_first, folder) = master().await;
    let error = Master::bind(options(folder.path())).await.err().unwrap();
    assert!(matches!(error, Error::WorkDirTaken { .. }) && error.to_string().contains("--work-dir"), "{error}");
}

#[tokio::test]
async fn off_loopback_it_must_be_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut insecure = options(folder.path());
    insecure.listen = "0.0.0.0:0".parse().unwrap();
    assert!(matches!(Master::bind(insecure).await, Err(Error::InsecureListen { .. })));
    // Nothing was touched.
    assert!(!folder.path().join("master").exists());
    let mut told = options(folder.path());
    (told.listen, told.allow_insecure_listen) = ("0.0.0.0:0".parse().unwrap(), true);
    Master::bind(told).await.unwrap();
}

#[tokio::test]
async fn the_term_rises_and_the_token_stays_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut tokens = Vec::new();
    for term in 1..=3 {
        let master = start(options(folder.path())).await;
        assert_eq!(master.term, Term(term));
        tokens.push(master.token.clone());
        master.stop().await.unwrap();
    }
    assert!(tokens.windows(2).all(|two| two[0] == two[1]));
}

#[tokio::test]
async fn the_token_is_left_for_the_same_users_programs() {
    let (master, folder) = master().await;
    let home = folder.path().join("home");
    let found = discover_in(&format!("localhost:{}", master.address.port()), None, Some(&home)).unwrap();
    assert_eq!(found, master.token);
    let file = home_file(&home, &master.address.to_string());
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap()), mode(&home.join(".meros"))), (0o600, 0o700, 0o700));
}

#[tokio::test]
async fn stopping_ends_open_streams_within_a_second() {
    let (master, _folder) = master().await;
    let (mut framework, mut agent) = (master.framework().await, master.agent().await);
    framework.subscribe().await;
    agent.register("cpus:1").await;
    soon(master.stop()).await.unwrap();
    let end = loop {
        if let Err(end) = framework.hear().await {
            break end;
        }
    };
    assert_eq!(end.code(), Code::Unavailable, "{end}");
}

#[tokio::test]
async fn an_ephemeral_master_ends_with_its_parent_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (reading, parents_end) = std::io::pipe().unwrap();
    let mut options = options(folder.path());
    (options.lifeline, options.destroy_on_exit) = (Some(OwnedFd::from(reading)), true);
    let master = start(options).await;
    assert!(home_file(&folder.path().join("home"), &master.address.to_string()).exists());
    drop(parents_end);
    soon(master.served).await.unwrap().unwrap();
    assert!(!folder.path().join("master").exists());
    assert!(!folder.path().join("home/.meros").exists());
}

/// Whoever connects looks for the token then, and takes its absence, or that of an earlier master, for the last word.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_connect_before_the_token_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let listen = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let token = home_file(folder.path(), &listen.to_string());
    fs::create_dir_all(token.parent().unwrap()).unwrap();
    // The master writes the token under this name first, and here waits for a reader.
    let pipe = token.with_extension(format!("{}.new", std::process::id()));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let options = MasterOptions { listen, home: Some(folder.path().to_owned()), ..options(folder.path()) };
    let runtime = tokio::runtime::Handle::current();
    let binding = tokio::task::spawn_blocking(move || runtime.block_on(Master::bind(options)));
    let is_open = || inspect(&folder.path().join("master")).is_err_and(|error| error.to_string().contains("in use"));
    soon(async {
        while !is_open() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let early = std::net::TcpStream::connect(listen);
    drop(fs::File::open(&pipe).unwrap());
    let _master = binding.await.unwrap().unwrap();
    assert!(early.is_err());
    std::net::TcpStream::connect(listen).unwrap();
}
