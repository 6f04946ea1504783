//! The floor: tonic streams that carry messages of the same sizes, with as many under way, and do nothing else.
//!
//! An offer that a master makes after a decline may go to another framework; so here a request on one stream is answered on
//! the next. The payload is one string in an otherwise empty message: nothing to decode but its length.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use meros_proto::v1::scheduler_client::SchedulerClient;
use meros_proto::v1::scheduler_server::{Scheduler, SchedulerServer};
use meros_proto::v1::{FrameworkRequest, FrameworkResponse};
use meros_types::{
    Call, Decline, FrameworkEvent, FromFramework, Offer, OfferId, OfferedAgent, RefusedCall, Resources, Role, SessionEnd,
    SessionEndKind, SessionId, Term, ToFramework,
};
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

use super::Window;
use crate::machine;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Sender = mpsc::Sender<Result<FrameworkResponse, Status>>;

/// What the streams carry.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many streams.
    pub streams: usize,
    /// How many offers are in one message.
    pub per_message: usize,
    /// How many messages are under way at once, over all streams.
    pub under_way: usize,
}

#[derive(Default)]
struct Echo {
    senders: Mutex<Vec<Sender>>,
    next: AtomicUsize,
    message: FrameworkResponse,
    arrived: AtomicU64,
}

impl Echo {
    fn next_sender(&self) -> Option<Sender> {
        let senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.next.fetch_add(1, Relaxed);
        senders.get(next % senders.len().max(1)).cloned()
    }
}

#[tonic::async_trait]
impl Scheduler for EchoService {
    type SessionStream = ReceiverStream<Result<FrameworkResponse, Status>>;

    async fn session(&self, request: Request<Streaming<FrameworkRequest>>) -> Result<Response<Self::SessionStream>, Status> {
        let mut requests = request.into_inner();
        let (sender, receiver) = mpsc::channel(1_024);
        let echo = self.0.clone();
        echo.senders.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        tokio::spawn(async move {
            while let Some(Ok(_)) = requests.next().await {
                echo.arrived.fetch_add(1, Relaxed);
                if let Some(next) = echo.next_sender() {
                    // A peer that is gone needs no answer.
                    let _ = next.send(Ok(echo.message.clone())).await;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

struct EchoService(Arc<Echo>);

/// Bare streams that run.
pub struct Bare {
    echo: Arc<Echo>,
    shape: Shape,
    parts: JoinSet<Result<(), Failure>>,
}

impl Bare {
    /// Starts a server and its clients, and puts the messages under way.
    ///
    /// # Errors
    /// When loopback can't be listened on or connected to.
    pub async fn start(shape: Shape) -> Result<Self, Failure> {
        let (response, request) = messages(shape.per_message);
        let echo = Arc::new(Echo { message: response, ..Echo::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut parts: JoinSet<Result<(), Failure>> = JoinSet::new();
        let service = SchedulerServer::new(EchoService(echo.clone()));
        let incoming =
            TcpListenerStream::new(listener).map(|stream| stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream)));
        parts.spawn(
            async move { Ok(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await?) },
        );
        for _ in 0..shape.streams {
            let mut client = SchedulerClient::connect(format!("http://{address}")).await?;
            let (sender, receiver) = mpsc::channel(1_024);
            let mut responses = client.session(ReceiverStream::new(receiver)).await?.into_inner();
            let request = request.clone();
            parts.spawn(async move {
                while responses.next().await.transpose()?.is_some() {
                    sender.send(request.clone()).await?;
                }
                Ok(())
            });
        }
        for _ in 0..shape.under_way {
            let sender = echo.next_sender().ok_or_else(|| io::Error::other("no stream is open"))?;
            sender.send(Ok(echo.message.clone())).await?;
        }
        Ok(Self { echo, shape, parts })
    }

    /// Counts what comes back for a while.
    ///
    /// # Errors
    /// When a stream breaks meanwhile.
    pub async fn measure(&mut self, window: Duration) -> Result<Window, Failure> {
        let (began, cpu, messages) = (Instant::now(), machine::own_cpu(), self.echo.arrived.load(Relaxed));
        tokio::select! {
            () = tokio::time::sleep(window) => {}
            ended = self.parts.join_next() => return Err(io::Error::other(format!("a bare stream ended early: {ended:?}")).into()),
        }
        let messages = self.echo.arrived.load(Relaxed) - messages;
        let offers = messages * self.shape.per_message as u64;
        Ok(Window { offers, messages, wall: began.elapsed(), cpu: machine::own_cpu() - cpu })
    }
}

/// Messages of the sizes that an offer message and its decline have on the wire.
fn messages(per_message: usize) -> (FrameworkResponse, FrameworkRequest) {
    let session = SessionId { term: Term(1), n: 1_000 };
    let ids = (0..per_message as u64).map(|n| OfferId(1_000_000 + n));
    let offers: Vec<Offer> = ids.clone().map(offer).collect();
    let real: FrameworkResponse = ToFramework { session, event: FrameworkEvent::Offers(offers) }.into();
    let decline = Call::Decline(Decline { offers: ids.collect(), filter: Duration::ZERO });
    let declined: FrameworkRequest = FromFramework { session: Some(session), calls: vec![decline] }.into();
    let response = |text: String| -> FrameworkResponse {
        let event = FrameworkEvent::Ended(SessionEnd { kind: SessionEndKind::Removed, message: text });
        ToFramework { session, event }.into()
    };
    let request = |text: String| -> FrameworkRequest {
        let refused = Call::Refused(RefusedCall { call: String::new(), reason: text });
        FromFramework { session: Some(session), calls: vec![refused] }.into()
    };
    (sized(real.encoded_len(), response), sized(declined.encoded_len(), request))
}

/// The message of this form whose encoding is `wanted` bytes, or a byte or two more where a length needs another byte.
fn sized<M: Message>(wanted: usize, make: impl Fn(String) -> M) -> M {
    let mut text = wanted.saturating_sub(make(String::new()).encoded_len());
    while text > 0 && make("x".repeat(text)).encoded_len() > wanted {
        text -= 1;
    }
    make("x".repeat(text))
}

fn offer(id: OfferId) -> Offer {
    let mut ids = meros_types::IdSource::seeded(id.0);
    let agent = OfferedAgent::new(ids.agent(), format!("emulated-{}", id.0 % 1_000));
    let resources = Resources::parse(super::cluster::AGENT).unwrap_or_default();
    let (role, agent, lease) = (Role::default(), Arc::new(agent), Duration::from_secs(30));
    Offer { id, role, agent, resources, lease, unavailability: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bare_messages_are_as_long_as_the_real_ones() {
        for per_message in [1, 50, 1_000] {
            let session = SessionId { term: Term(1), n: 1_000 };
            let offers = (0..per_message as u64).map(|n| offer(OfferId(1_000_000 + n))).collect();
            let real: FrameworkResponse = ToFramework { session, event: FrameworkEvent::Offers(offers) }.into();
            let bare = messages(per_message).0.encoded_len();
            assert!(real.encoded_len().abs_diff(bare) <= 4, "{} and {bare} bytes", real.encoded_len());
        }
    }
}
