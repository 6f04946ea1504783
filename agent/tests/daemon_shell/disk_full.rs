//! A full disk under the agent's log, and space again. For root, who can make a small disk.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use meros_types::{Exit, TaskState};

use crate::harness::{Tests, soon};
use crate::peers::Cluster;
use crate::test;

pub(crate) fn add(tests: &mut Tests) {
    if nix::unistd::geteuid().is_root() {
        test!(tests, nothing_is_lost_and_nothing_is_launched);
    }
}

const TASKS: usize = 10;

/// A file system in memory that is soon full.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        fs::create_dir(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m,mode=0711", "meros-test"]).arg(at).status();
        assert!(mounted.unwrap().success());
        Self(at.to_owned())
    }

    /// Takes all the space that is left, to the last byte.
    fn fill(&self) {
        let mut filler = OpenOptions::new().create(true).append(true).open(self.0.join("filler")).unwrap();
        for chunk in [&[0; 4_096][..], &[0]] {
            while write_whole(&mut filler, chunk) {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

fn write_whole(file: &mut File, chunk: &[u8]) -> bool {
    match file.write(chunk) {
        Ok(length) => length == chunk.len(),
        Err(error) => {
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
            false
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        assert!(std::thread::panicking() || unmounted.unwrap().success());
    }
}

async fn nothing_is_lost_and_nothing_is_launched() {
    let cluster = Cluster::start().await;
    let disk = SmallDisk::mount(&cluster.folder.path().join("disk"));
    let mut agent = cluster.agent_process("disk/agent", "auto");
    agent.start();
    let mut framework = cluster.framework().await;
    // Many, so that their ends do not fit into what the log's last page still has room for.
    let names: Vec<String> = (0..TASKS).map(|n| format!("t{n}")).collect();
    let tasks: Vec<_> = names.iter().map(|name| (name.as_str(), "until [ -e go ]; do sleep 0.01; done; exit 6")).collect();
    framework.launch(&tasks, "cpus:0.5;mem:64MiB").await;
    let mut running = 0;
    while running < TASKS {
        running += usize::from(framework.update().await.state == TaskState::Running);
    }
    disk.fill();
    for container in fs::read_dir(agent.work_dir().join("containers")).unwrap() {
        fs::write(container.unwrap().path().join("sandbox/go"), "").unwrap();
    }
    // While it can't record what it promises, it has nothing to give.
    let stalled = async { while !cluster.state().await.agents[0].total.is_none() {} };
    soon(stalled).await;
    disk.free();
    let mut ended = BTreeMap::new();
    while ended.len() < TASKS {
        let update = framework.update().await;
        if update.state.is_terminal() {
            ended.insert(update.task, update.exit);
        }
    }
    assert!(ended.values().all(|exit| *exit == Some(Exit::Code(6))), "{ended:?}");
    // The offers of before went with the registration that said there is nothing to give.
    for attempt in 0.. {
        let task = format!("u{attempt}");
        framework.launch(&[(&task, "exit 5")], "cpus:1;mem:64MiB").await;
        let end = framework.end_of(&task).await;
        if end.exit == Some(Exit::Code(5)) {
            break;
        }
        assert_eq!(end.state, TaskState::Dropped, "{end:?}");
    }
    agent.kill();
    // The log is whole, whatever was written in part meanwhile.
    agent.start();
    cluster.agents_connected(1).await;
    drop(agent);
    drop(disk);
}
