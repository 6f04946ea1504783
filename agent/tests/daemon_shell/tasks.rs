//! Real tasks, as their framework and the readers of their output see them.

use std::fs;
use std::path::Path;

use meros_proto::v1::LogChunk;
use meros_types::{Command, Exit, Reason, TaskState};
use tonic::Streaming;

use crate::harness::{Tests, soon, until};
use crate::peers::Cluster;
use crate::test;

pub(crate) fn add(tests: &mut Tests) {
    test!(tests, a_task_runs_and_its_output_is_read);
    test!(tests, a_task_that_cannot_start_says_why_and_has_no_output);
    test!(tests, output_is_followed_to_the_tasks_end);
    test!(tests, a_reader_that_leaves_is_noticed);
    test!(tests, a_task_is_killed);
    test!(tests, an_agent_that_destroys_says_how_its_tasks_ended);
    test!(tests, tasks_survive_the_master);
}

const EACH: &str = "cpus:0.5;mem:64MiB";

/// The next bytes of a log; none at its end.
async fn next(log: &mut Streaming<LogChunk>) -> Option<String> {
    loop {
        let chunk = soon(log.message()).await.unwrap()?;
        assert_eq!(chunk.error, None);
        if !chunk.data.is_empty() {
            return Some(String::from_utf8(chunk.data.to_vec()).unwrap());
        }
    }
}

async fn a_task_runs_and_its_output_is_read() {
    let cluster = Cluster::start().await;
    let agent = cluster.agent(cluster.agent_options("a")).await;
    let mut framework = cluster.framework().await;
    framework.launch(&[("t", "echo hello; exit 3")], EACH).await;
    let update = framework.until("t", TaskState::Failed).await;
    assert_eq!(update.exit, Some(Exit::Code(3)));
    for follow in [false, true] {
        let mut log = cluster.read_log("t", follow).await;
        assert_eq!(next(&mut log).await.as_deref(), Some("hello\n"));
        assert_eq!(next(&mut log).await, None);
    }
    agent.stop().await.unwrap();
}

async fn a_task_that_cannot_start_says_why_and_has_no_output() {
    let cluster = Cluster::start().await;
    let agent = cluster.agent(cluster.agent_options("a")).await;
    let mut framework = cluster.framework().await;
    framework.launch_commands(&[("t", Command::words(["/no/such/program"]))], EACH).await;
    let update = framework.until("t", TaskState::Failed).await;
    assert!(update.reason == Reason::LaunchFailed && update.message.contains("/no/such/program"), "{update:?}");
    let mut log = cluster.read_log("t", true).await;
    let said = loop {
        let chunk = soon(log.message()).await.unwrap().unwrap();
        if let Some(error) = chunk.error {
            break error;
        }
    };
    assert!(said.contains("nothing to read") || said.contains("no output"), "{said}");
    assert_eq!(soon(log.message()).await.unwrap(), None);
    agent.stop().await.unwrap();
}

async fn output_is_followed_to_the_tasks_end() {
    let cluster = Cluster::start().await;
    let agent = cluster.agent(cluster.agent_options("a")).await;
    let mut framework = cluster.framework().await;
    framework.launch(&[("t", "echo one; until [ -e go ]; do sleep 0.01; done; echo two")], EACH).await;
    framework.until("t", TaskState::Running).await;
    let mut log = cluster.read_log("t", true).await;
    assert_eq!(next(&mut log).await.as_deref(), Some("one\n"));
    for container in fs::read_dir(agent.work_dir.join("containers")).unwrap() {
        fs::write(container.unwrap().path().join("sandbox/go"), "").unwrap();
    }
    assert_eq!(next(&mut log).await.as_deref(), Some("two\n"));
    assert_eq!(next(&mut log).await, None);
    framework.until("t", TaskState::Finished).await;
    agent.stop().await.unwrap();
}

async fn a_reader_that_leaves_is_noticed() {
    let cluster = Cluster::start().await;
    let agent = cluster.agent(cluster.agent_options("a")).await;
    let mut framework = cluster.framework().await;
    framework.launch(&[("t", "echo one; sleep 1000")], EACH).await;
    framework.until("t", TaskState::Running).await;
    let inotify = || {
        let files = fs::read_dir("/proc/self/fd").unwrap().flatten();
        files.filter(|file| fs::read_link(file.path()).is_ok_and(|target| target == Path::new("anon_inode:inotify"))).count()
    };
    let mut log = cluster.read_log("t", true).await;
    assert_eq!(next(&mut log).await.as_deref(), Some("one\n"));
    assert!(inotify() > 0);
    drop(log);
    until("nobody watches the file any more", || inotify() == 0).await;
    agent.stop().await.unwrap();
}

async fn a_task_is_killed() {
    let cluster = Cluster::start().await;
    let agent = cluster.agent(cluster.agent_options("a")).await;
    let mut framework = cluster.framework().await;
    framework.launch(&[("t", "sleep 1000")], EACH).await;
    framework.until("t", TaskState::Running).await;
    framework.kill("t").await;
    framework.until("t", TaskState::Killed).await;
    agent.stop().await.unwrap();
}

/// Whether a process of this test's own kind of sleep lives.
fn sleeps(seconds: &str) -> bool {
    let mut processes = fs::read_dir("/proc").unwrap().flatten();
    let line = format!("sleep\0{seconds}\0").into_bytes();
    processes.any(|process| fs::read(process.path().join("cmdline")).is_ok_and(|found| found == line))
}

async fn an_agent_that_destroys_says_how_its_tasks_ended() {
    let cluster = Cluster::start().await;
    let agent = cluster.agent(cluster.agent_options("a")).await;
    let mut framework = cluster.framework().await;
    framework.launch(&[("t", "exec sleep 86411")], EACH).await;
    framework.until("t", TaskState::Running).await;
    until("the task sleeps", || sleeps("86411")).await;
    let work_dir = agent.work_dir.clone();
    agent.stop().await.unwrap();
    assert!(!sleeps("86411") && !work_dir.exists());
    framework.until("t", TaskState::Killed).await;
}

async fn tasks_survive_the_master() {
    let mut cluster = Cluster::start().await;
    let agent = cluster.agent(cluster.agent_options("a")).await;
    let mut framework = cluster.framework().await;
    framework.launch(&[("t", "exec sleep 86413")], EACH).await;
    framework.until("t", TaskState::Running).await;
    cluster.restart_master().await;
    cluster.agents_connected(1).await;
    assert!(sleeps("86413"));
    agent.stop().await.unwrap();
}
