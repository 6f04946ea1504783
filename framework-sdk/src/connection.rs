//! One connection to the master. Owned: a task that connects, reads and converts, and the bounded queues on both sides of it.
//! Absent: what is said, and whether to try again.
//!
//! Each connection has queues of its own, so that dropping it here makes sure that nothing of it is heard afterwards.

use std::time::Duration;

use meros_proto::v1::scheduler_client::SchedulerClient;
use meros_proto::{MESSAGE_BYTES_MAX, TOKEN_KEY, v1};
use meros_session::Disconnection;
use meros_types::{FromFramework, ToFramework};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status};

use crate::address::Master;

/// How many messages may wait for a scheduler that is busy; then reading pauses, and the master drops one that stays behind.
const INCOMING_MAX: usize = 1_024;
/// How many messages may wait for a master that reads slowly. Each holds what one batch of callbacks came to, so that a queue
/// this long is a broken connection.
const OUTGOING_MAX: usize = 1_024;
/// How long a closed connection may take to send what is left.
const LINGER: Duration = Duration::from_secs(1);

/// What comes of a connection, in this order: once `Connected`, any number of `Received`, once `Disconnected`.
#[derive(Debug)]
pub(crate) enum News {
    Connected,
    Received(ToFramework),
    Disconnected(Disconnection),
}

/// A connection that is open or being opened.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) news: mpsc::Receiver<News>,
    outgoing: mpsc::Sender<FromFramework>,
    task: JoinHandle<()>,
}

impl Connection {
    /// Begins to connect, in the current runtime.
    pub(crate) fn open(master: Master) -> Self {
        let (heard, news) = mpsc::channel(INCOMING_MAX);
        let (outgoing, queue) = mpsc::channel(OUTGOING_MAX);
        Self { news, outgoing, task: tokio::spawn(live(master, queue, heard)) }
    }

    /// Queues a message. Says whether there was room; a connection that is gone tells so by its news.
    pub(crate) fn send(&self, message: FromFramework) -> bool {
        !matches!(self.outgoing.try_send(message), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Closes it once what is queued has left. The returned task ends soon.
    pub(crate) fn close(self) -> JoinHandle<()> {
        self.task
    }
}

/// A connection from its beginning to its end, or until nobody listens.
async fn live(master: Master, queue: mpsc::Receiver<FromFramework>, heard: mpsc::Sender<News>) {
    let connected = tokio::select! {
        connected = master.endpoint().connect() => connected,
        () = heard.closed() => return,
    };
    let end = match connected {
        Ok(channel) => {
            // Before the stream is confirmed: the subscription is then under way with its request.
            if heard.send(News::Connected).await.is_err() {
                return;
            }
            talk(&master, SchedulerClient::new(channel), queue, &heard).await
        }
        Err(error) => Disconnection::Lost(format!("can't connect to {}: {}", master.address(), root_cause(&error))),
    };
    // Nobody listens any more when the session was closed from this side.
    let _ = heard.send(News::Disconnected(end)).await;
}

/// Opens the stream and reads it to its end.
async fn talk(
    master: &Master,
    client: SchedulerClient<tonic::transport::Channel>,
    queue: mpsc::Receiver<FromFramework>,
    heard: &mpsc::Sender<News>,
) -> Disconnection {
    let token = match master.token() {
        Ok(token) => token,
        Err(error) => return Disconnection::Refused(error.to_string()),
    };
    let Ok(authorization) = token.authorization().parse() else {
        return Disconnection::Refused("the token can't be sent: it has characters that HTTP doesn't allow".to_owned());
    };
    let mut request = Request::new(ReceiverStream::new(queue).map(v1::FrameworkRequest::from));
    request.metadata_mut().insert(TOKEN_KEY, authorization);
    let mut client = client.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX);
    let opened = async { read(client.session(request).await?.into_inner(), heard).await };
    let lingering = async {
        heard.closed().await;
        tokio::time::sleep(LINGER).await;
    };
    tokio::select! {
        ended = opened => ended.map_or_else(|status| explain(master, &status), Disconnection::Lost),
        () = lingering => Disconnection::Lost("closed".to_owned()),
    }
}

/// Reads the stream to its end. Goes on when nobody listens, so that what is still to be sent can leave.
async fn read(mut stream: tonic::Streaming<v1::FrameworkResponse>, heard: &mpsc::Sender<News>) -> Result<String, Status> {
    while let Some(message) = stream.message().await? {
        match ToFramework::try_from(message) {
            Ok(message) => drop(heard.send(News::Received(message)).await),
            Err(error) => return Ok(format!("the master sent what can't be read: {error}")),
        }
    }
    Ok("the master closed the stream".to_owned())
}

/// Whether trying again can help, and what to tell people.
fn explain(master: &Master, status: &Status) -> Disconnection {
    let (address, message) = (master.address(), status.message());
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied => Disconnection::Refused(format!("{message} (the master at {address})")),
        Code::Unimplemented => Disconnection::Refused(format!("what answers at {address} is no Meros master: {message}")),
        Code::InvalidArgument => Disconnection::Refused(format!("the master at {address} can't take what it was sent: {message}")),
        code => Disconnection::Lost(format!("{address}: {message} ({code:?})")),
    }
}

/// What went wrong at the bottom: the layers above only say that something did.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    cause.to_string()
}
