//! Sessions: what a peer does wrong ends its own stream, with a reason, and disturbs nobody else.

use meros_proto::{MESSAGE_BYTES_MAX, v1};
use meros_types::{Call, FrameworkEvent, RefusedCall, TaskId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::{Code, Status};

use crate::harness::{Framework, master, soon};

/// Everything until the stream's end.
async fn end(framework: &mut Framework) -> (Vec<FrameworkEvent>, Status) {
    let mut events = Vec::new();
    loop {
        match framework.hear().await {
            Ok(event) => events.push(event),
            Err(status) => return (events, status),
        }
    }
}

/// The session still works: what was asked is answered.
async fn assert_alive(framework: &mut Framework) {
    framework.say(vec![Call::Reconcile(vec![TaskId::new("unknown").unwrap().into()])]).await;
    assert!(matches!(framework.hear().await.unwrap(), FrameworkEvent::Update(_)));
}

#[tokio::test]
async fn a_message_that_is_too_large_ends_its_own_stream() {
    let (master, _folder) = master().await;
    let (mut good, mut bad) = (master.framework().await, master.framework().await);
    good.subscribe().await;
    bad.subscribe().await;
    let call = "x".repeat(MESSAGE_BYTES_MAX);
    bad.say(vec![Call::Refused(RefusedCall { call, reason: String::new() })]).await;
    let (_, status) = end(&mut bad).await;
    assert_eq!(status.code(), Code::OutOfRange, "{status}");
    assert_alive(&mut good).await;
}

#[tokio::test]
async fn a_message_that_cannot_be_read_ends_its_own_stream() {
    let (master, _folder) = master().await;
    let (mut good, mut bad) = (master.framework().await, master.agent().await);
    good.subscribe().await;
    bad.out.send(v1::AgentRequest { session: None, report: None }).await.unwrap();
    let status = loop {
        match soon(bad.orders.message()).await {
            Ok(order) => assert!(order.is_some(), "ended well"),
            Err(status) => break status,
        }
    };
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("report"), "{status}");
    assert_alive(&mut good).await;
}

#[tokio::test]
async fn a_call_that_cannot_be_read_is_refused_alone() {
    let (master, _folder) = master().await;
    let mut framework = master.framework().await;
    framework.subscribe().await;
    framework.out.send(v1::FrameworkRequest { session: None, calls: vec![v1::Call { call: None }] }).await.unwrap();
    assert_alive(&mut framework).await;
}

#[tokio::test]
async fn garbage_on_the_socket_disturbs_nobody() {
    let (master, _folder) = master().await;
    let mut framework = master.framework().await;
    framework.subscribe().await;
    let garbage =
        [b"\x16\x03\x01\x02\x00\x01".to_vec(), vec![0xff; 4_096], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all".to_vec()];
    for bytes in garbage {
        let mut socket = TcpStream::connect(master.address).await.unwrap();
        // The master may hang up in the middle of it.
        let _ = socket.write_all(&bytes).await;
        let _ = socket.shutdown().await;
        let _ = soon(socket.read_to_end(&mut Vec::new())).await;
    }
    assert_alive(&mut framework).await;
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_dropped_and_may_come_back() {
    let (master, _folder) = master().await;
    let (mut slow, mut good) = (master.framework().await, master.framework().await);
    slow.subscribe().await;
    good.subscribe().await;
    // Each of these is answered by an update for each id; together they are more than an outbox takes.
    let ids: Vec<TaskId> = (0..20_000).map(|n| TaskId::new(format!("{n:0>100}")).unwrap()).collect();
    for _ in 0..16 {
        slow.say(vec![Call::Reconcile(ids.iter().cloned().map(Into::into).collect())]).await;
    }
    let dropped = async {
        while !master.get("/metrics", "localhost", "").await.1.contains("\nmeros_master_streams_overflowed_total 1.0\n") {}
    };
    soon(dropped).await;
    assert_alive(&mut good).await;
    let (events, status) = end(&mut slow).await;
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(events.len() < 16 * ids.len());
    let mut again = master.framework().await;
    again.subscribe().await;
    assert_alive(&mut again).await;
}

#[tokio::test]
async fn an_answer_to_everything_at_once_is_no_slowness() {
    let (master, _folder) = master().await;
    let mut framework = master.framework().await;
    framework.subscribe().await;
    let ids: Vec<TaskId> = (0..20_000).map(|n| TaskId::new(n.to_string()).unwrap()).collect();
    framework.say(vec![Call::Reconcile(ids.iter().cloned().map(Into::into).collect())]).await;
    for id in ids {
        let FrameworkEvent::Update(update) = framework.hear().await.unwrap() else { panic!("no update") };
        assert_eq!(update.task, id);
    }
}
