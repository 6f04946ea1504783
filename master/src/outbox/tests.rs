//! The outbox's bounds, and that it gives up memory at once.

use super::*;
use tokio_stream::StreamExt;
use tonic::Code;

const NOW: Time = Time(1_000_000_000_000);

/// A message of a given weight.
#[derive(Debug, PartialEq, Eq)]
struct Parcel(usize);

impl Weigh for Parcel {
    fn weigh(&self) -> usize {
        self.0
    }
}

#[tokio::test]
async fn messages_come_in_order_and_the_end_after_them() {
    let (inbox, mut outgoing, _hung_up) = outbox();
    for weight in 0..200 {
        inbox.push(NOW, Parcel(weight)).unwrap();
    }
    inbox.close(None);
    assert_eq!(inbox.push(NOW, Parcel(1)), Err(PushError::Over));
    for weight in 0..200 {
        assert_eq!(outgoing.next().await.unwrap().unwrap(), Parcel(weight));
    }
    assert!(outgoing.next().await.is_none());
}

#[tokio::test]
async fn a_waiting_task_is_woken_by_the_batch_and_by_the_end() {
    let (inbox, mut outgoing, hung_up) = outbox();
    let reader = tokio::spawn(async move {
        assert_eq!(outgoing.next().await.unwrap().unwrap(), Parcel(1));
        outgoing.next().await
    });
    tokio::task::yield_now().await;
    inbox.push(NOW, Parcel(1)).unwrap();
    inbox.wake();
    tokio::task::yield_now().await;
    inbox.close(Some(Status::unavailable("done")));
    assert_eq!(reader.await.unwrap().unwrap().unwrap_err().code(), Code::Unavailable);
    assert!(hung_up.await.is_err());
    assert_eq!(inbox.push(NOW, Parcel(1)), Err(PushError::Over));
}

#[tokio::test]
async fn many_messages_are_too_many_for_a_peer_that_takes_none() {
    let (inbox, mut outgoing, _hung_up) = outbox();
    for _ in 0..10 * OUTBOX_MESSAGES_MAX {
        inbox.push(NOW, Parcel(1)).unwrap();
    }
    let soon = NOW.after(STALL_MAX);
    inbox.push(soon, Parcel(1)).unwrap();
    assert_eq!(inbox.push(soon.after(Duration::from_millis(1)), Parcel(1)), Err(PushError::Full));
    assert_eq!(inbox.push(soon, Parcel(1)), Err(PushError::Over));
    assert_eq!(outgoing.next().await.unwrap().unwrap_err().code(), Code::ResourceExhausted);
    assert!(outgoing.next().await.is_none());
}

#[tokio::test]
async fn a_peer_that_goes_on_taking_is_not_too_slow() {
    let (inbox, mut outgoing, _hung_up) = outbox();
    for _ in 0..10 * OUTBOX_MESSAGES_MAX {
        inbox.push(NOW, Parcel(1)).unwrap();
    }
    let mut now = NOW;
    for _ in 0..TAKEN_MAX * 10 {
        now = now.after(STALL_MAX / TAKEN_MAX as u32);
        assert!(outgoing.next().await.unwrap().is_ok());
        inbox.push(now, Parcel(1)).unwrap();
    }
}

#[tokio::test]
async fn too_many_bytes_end_the_stream_and_sent_ones_do_not_count() {
    let (inbox, mut outgoing, _hung_up) = outbox();
    for _ in 0..1_000 {
        inbox.push(NOW, Parcel(OUTBOX_BYTES_MAX)).unwrap();
        assert!(outgoing.next().await.unwrap().is_ok());
    }
    inbox.push(NOW, Parcel(OUTBOX_BYTES_MAX)).unwrap();
    assert_eq!(inbox.push(NOW, Parcel(1)), Err(PushError::Full));
}
