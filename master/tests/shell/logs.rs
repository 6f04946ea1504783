//! A task's output, from an agent's stream to a reader's.

use std::time::Duration;

use meros_proto::v1::LogChunk;
use meros_proto::{LOG_CHUNK_BYTES_MAX, ReadLog, v1};
use meros_types::{
    Accept, AcceptGroup, AgentOrder, Call, Command, Demand, DemandCall, FrameworkEvent, LogStream, Operation, Resources, Role,
    TaskId, TaskSpec,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Response, Status, Streaming};

use crate::harness::{Agent, Framework, Running, call_with, master, soon};

/// An agent and a framework with one task that was sent to the agent.
async fn with_task(master: &Running) -> (Agent, Framework) {
    let (mut agent, mut framework) = (master.agent().await, master.framework().await);
    agent.register("cpus:1").await;
    framework.subscribe().await;
    let demand = Demand::of(Resources::parse("cpus:1").unwrap(), 1);
    framework.say(vec![Call::Demand(DemandCall { role: Role::default(), version: 1, demand })]).await;
    let FrameworkEvent::Offers(offers) = framework.hear().await.unwrap() else { panic!("no offers") };
    let task = TaskSpec::new(TaskId::new("t").unwrap(), Command::shell("true"), offers[0].resources.clone());
    let group = AcceptGroup { leases: vec![offers[0].id], operations: vec![Operation::Launch(vec![task])] };
    let filter = Duration::from_secs(5);
    framework.say(vec![Call::Accept(Accept { groups: vec![group], all_or_nothing: false, filter })]).await;
    assert!(matches!(agent.hear().await, AgentOrder::Launch(_)));
    (agent, framework)
}

fn read(task: &str) -> v1::ReadLogRequest {
    let task = TaskId::new(task).unwrap();
    ReadLog { framework: None, task, stream: LogStream::Stdout, offset: 0, follow: true }.into()
}

/// Both ends of a log: the agent's queue of chunks, its call, and the reader's stream.
type Log = (mpsc::Sender<LogChunk>, tokio::task::JoinHandle<Result<Response<v1::PushLogReply>, Status>>, Streaming<LogChunk>, u64);

async fn open(master: &Running, agent: &mut Agent) -> Log {
    let mut admin = master.admin().await;
    let request = master.call(read("t"));
    let reader = tokio::spawn(async move { admin.read_log(request).await });
    let AgentOrder::OpenLog(order) = agent.hear().await else { panic!("no log is asked for") };
    let (chunks, queue) = mpsc::channel(1);
    let (mut client, request) = (agent.client.clone(), master.call(ReceiverStream::new(queue)));
    let call = tokio::spawn(async move { client.push_log(request).await });
    soon(chunks.send(LogChunk::output(order.request, 0, Vec::new()))).await.unwrap();
    let reading = soon(reader).await.unwrap().unwrap().into_inner();
    (chunks, call, reading, order.request)
}

#[tokio::test]
async fn output_comes_through_and_ends_where_the_agent_ends_it() {
    let (master, _folder) = master().await;
    let (mut agent, _framework) = with_task(&master).await;
    let (chunks, call, mut reading, request) = open(&master, &mut agent).await;
    soon(chunks.send(LogChunk::output(request, 0, b"hello".to_vec()))).await.unwrap();
    soon(chunks.send(LogChunk::end(request, 5))).await.unwrap();
    assert_eq!(soon(reading.message()).await.unwrap().unwrap(), LogChunk::output(0, 0, Vec::new()));
    assert_eq!(soon(reading.message()).await.unwrap().unwrap(), LogChunk::output(0, 0, b"hello".to_vec()));
    assert_eq!(soon(reading.message()).await.unwrap().unwrap(), LogChunk::end(0, 5));
    assert_eq!(soon(reading.message()).await.unwrap(), None);
    // The agent's side is still open: the end that it stated is enough.
    soon(call).await.unwrap().unwrap();
    drop(chunks);
}

#[tokio::test]
async fn a_stream_that_is_cancelled_or_just_ends_is_no_end_of_the_output() {
    let (master, _folder) = master().await;
    let (mut agent, _framework) = with_task(&master).await;
    for cancelled in [true, false] {
        let (chunks, call, mut reading, request) = open(&master, &mut agent).await;
        soon(chunks.send(LogChunk::output(request, 0, b"hello".to_vec()))).await.unwrap();
        for _ in 0..2 {
            soon(reading.message()).await.unwrap().unwrap();
        }
        if cancelled {
            call.abort();
            assert!(call.await.unwrap_err().is_cancelled());
        }
        drop(chunks);
        let status = soon(reading.message()).await.unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        assert_eq!(soon(reading.message()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_reader_that_leaves_ends_the_agents_call() {
    let (master, _folder) = master().await;
    let (mut agent, _framework) = with_task(&master).await;
    let (_chunks, call, reading, _) = open(&master, &mut agent).await;
    drop(reading);
    soon(call).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_agent_that_dies_is_told_to_the_reader() {
    let (master, _folder) = master().await;
    let (mut agent, _framework) = with_task(&master).await;
    let mut admin = master.admin().await;
    let request = master.call(read("t"));
    let reader = tokio::spawn(async move { admin.read_log(request).await });
    let AgentOrder::OpenLog(order) = agent.hear().await else { panic!("no log is asked for") };
    // A runtime of its own dies like a process: its sockets are closed, and no stream on them is ended first.
    let (kill, killed) = tokio::sync::oneshot::channel::<()>();
    let (address, authorization) = (master.address, master.token.authorization());
    let dying = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut client = v1::agent_client::AgentClient::connect(format!("http://{address}")).await.unwrap();
            let (chunks, queue) = mpsc::channel(1);
            chunks.send(LogChunk::output(order.request, 0, Vec::new())).await.unwrap();
            tokio::select! {
                _ = client.push_log(call_with(&authorization, ReceiverStream::new(queue))) => panic!("answered"),
                _ = killed => {}
            }
        });
        runtime.shutdown_background();
    });
    let mut reading = soon(reader).await.unwrap().unwrap().into_inner();
    assert!(soon(reading.message()).await.unwrap().is_some());
    kill.send(()).unwrap();
    dying.join().unwrap();
    let status = soon(reading.message()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
}

#[tokio::test]
async fn a_slow_reader_slows_the_agent() {
    let (master, _folder) = master().await;
    let (mut agent, _framework) = with_task(&master).await;
    let (chunks, call, mut reading, request) = open(&master, &mut agent).await;
    let mut sent = 0;
    let block = vec![b'x'; LOG_CHUNK_BYTES_MAX];
    // The reader does not read: at some point no further chunk is taken, long before everything would be in somebody's memory.
    let send = async |offset| chunks.send(LogChunk::output(request, offset, block.clone())).await;
    while let Ok(taken) = tokio::time::timeout(Duration::from_millis(300), send(sent)).await {
        taken.unwrap();
        sent += block.len() as u64;
        assert!(sent < 64 << 20, "nothing holds the agent back");
    }
    let mut received = 0;
    while received < sent {
        received += soon(reading.message()).await.unwrap().unwrap().data.len() as u64;
    }
    drop((chunks, reading));
    soon(call).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_task_that_nobody_knows_has_no_output() {
    let (master, _folder) = master().await;
    let status = master.admin().await.read_log(master.call(read("t"))).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound, "{status}");
}

#[tokio::test]
async fn a_log_that_nobody_waits_for_is_answered_at_once() {
    let (master, _folder) = master().await;
    let mut agent = master.agent().await;
    let (chunks, queue) = mpsc::channel(1);
    chunks.send(LogChunk::output(77, 0, Vec::new())).await.unwrap();
    let call = agent.client.push_log(master.call(ReceiverStream::new(queue)));
    soon(call).await.unwrap();
}
