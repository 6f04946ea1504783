//! A peer's session: the task that reads from the peer, and the stream that writes to it.
//!
//! Both directions decode, convert and encode here, in the peer's own tasks, so that the loop sees only the domain. A message
//! that can't be read ends this stream with a status that names the field, and disturbs nobody else. Deliberately absent: what
//! a message means.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use meros_master_core::{Event, StreamId};
use meros_proto::{WireError, v1};
use meros_types::{FromAgent, FromFramework, ToAgent, ToFramework};
use tokio::sync::oneshot;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::door::{Closed, Door, Input};
use crate::outbox::{Outbox, Outgoing, Weigh, outbox};

/// How long a peer may take to say who it is. Later silence is the core's to judge.
const FIRST_MESSAGE_WAIT: Duration = Duration::from_secs(30);

/// The two kinds of peers: what they say, what they hear, and how the loop is told.
pub(crate) trait Side: 'static {
    /// What they say, on the wire.
    type Received: Send + 'static;
    /// What they say.
    type Said: TryFrom<Self::Received, Error = WireError> + Send + 'static;
    /// What they hear.
    type Heard: Weigh + Send + Unpin + 'static;
    /// What they hear, on the wire.
    type Sent: From<Self::Heard> + Send + 'static;

    fn opened(stream: StreamId, outbox: Outbox<Self::Heard>) -> Input;
    fn said(stream: StreamId, message: Self::Said) -> Event;
    fn closed(stream: StreamId) -> Event;
}

/// Frameworks.
pub(crate) struct Frameworks;

impl Side for Frameworks {
    type Received = v1::FrameworkRequest;
    type Said = FromFramework;
    type Heard = ToFramework;
    type Sent = v1::FrameworkResponse;

    fn opened(stream: StreamId, outbox: Outbox<ToFramework>) -> Input {
        Input::FrameworkOpened(stream, outbox)
    }
    fn said(stream: StreamId, message: FromFramework) -> Event {
        Event::FrameworkSaid { stream, message }
    }
    fn closed(stream: StreamId) -> Event {
        Event::FrameworkClosed { stream }
    }
}

/// Agents.
pub(crate) struct Agents;

impl Side for Agents {
    type Received = v1::AgentRequest;
    type Said = FromAgent;
    type Heard = ToAgent;
    type Sent = v1::AgentResponse;

    fn opened(stream: StreamId, outbox: Outbox<ToAgent>) -> Input {
        Input::AgentOpened(stream, outbox)
    }
    fn said(stream: StreamId, message: FromAgent) -> Event {
        Event::AgentSaid { stream, message }
    }
    fn closed(stream: StreamId) -> Event {
        Event::AgentClosed { stream }
    }
}

/// What goes to a peer, as gRPC takes it.
pub(crate) struct Responses<S: Side>(Outgoing<S::Heard>);

impl<S: Side> Stream for Responses<S> {
    type Item = Result<S::Sent, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx).map(|next| next.map(|message| message.map(S::Sent::from)))
    }
}

/// Begins a session: the loop is told, a task reads what the peer says, and the response writes what it hears.
pub(crate) async fn begin<S: Side>(
    door: &Door,
    request: Request<Streaming<S::Received>>,
) -> Result<Response<Responses<S>>, Status> {
    let stream = door.next_stream();
    let peer = request.remote_addr().map(|address| address.to_string()).unwrap_or_default();
    tracing::debug!(stream = stream.0, peer, "a stream is open");
    let (outbox, outgoing, hung_up) = outbox();
    door.tell(S::opened(stream, outbox.clone())).await?;
    tokio::spawn(read::<S>(door.clone(), stream, request.into_inner(), outbox, hung_up));
    Ok(Response::new(Responses(outgoing)))
}

/// Reads until the peer's stream ends, breaks or says nonsense, or its other direction is gone; then tells the loop.
async fn read<S: Side>(
    door: Door,
    stream: StreamId,
    messages: Streaming<S::Received>,
    outbox: Outbox<S::Heard>,
    hung_up: oneshot::Receiver<()>,
) {
    let ended = tokio::select! {
        ended = read_messages::<S>(&door, stream, messages) => ended,
        _ = hung_up => Ok(()),
    };
    let status = ended.err().inspect(|status| {
        tracing::info!(stream = stream.0, code = ?status.code(), message = status.message(), "a peer's stream broke");
    });
    // The status first: when the loop closes the stream, this is what the peer hears.
    outbox.close(status);
    // Without a loop there is nobody to tell.
    let _ = door.tell(Input::Happened(S::closed(stream))).await;
}

async fn read_messages<S: Side>(door: &Door, stream: StreamId, mut messages: Streaming<S::Received>) -> Result<(), Status> {
    let first = tokio::time::timeout(FIRST_MESSAGE_WAIT, messages.next()).await;
    let mut next = first.map_err(|_| Status::deadline_exceeded("the stream was opened and nothing was said on it"))?;
    while let Some(message) = next.transpose()? {
        let message = S::Said::try_from(message)?;
        match door.tell(Input::Happened(S::said(stream, message))).await {
            Ok(()) => {}
            Err(Closed) => return Ok(()),
        }
        next = messages.next().await;
    }
    Ok(())
}
