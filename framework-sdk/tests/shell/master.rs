//! A master that offers one agent in each session, and says of each launched task that it runs and that it has finished: again in
//! each session, until that is acknowledged.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use meros::Framework;
use meros_proto::v1::scheduler_server::{Scheduler, SchedulerServer};
use meros_proto::{TOKEN_KEY, Token, v1};
use meros_types::*;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

/// What the master is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Serve,
    /// The first stream is closed as soon as it has subscribed.
    HangUpOnce,
    Unimplemented,
}

/// A master that runs until the runtime of its test ends.
pub(crate) struct Master {
    address: SocketAddr,
    token: tempfile::NamedTempFile,
    said: mpsc::Receiver<&'static str>,
}

impl Master {
    pub(crate) async fn start(answer: Answer) -> Self {
        let (_, listener) = bind().await;
        Self::serve(listener, answer)
    }

    pub(crate) fn serve(listener: TcpListener, answer: Answer) -> Self {
        let (hear, said) = mpsc::channel(1_024);
        let address = listener.local_addr().unwrap();
        let service = SchedulerServer::new(Service { answer, sessions: Arc::default(), hear, facts: Arc::default() });
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)));
        Self { address, token: token_file("secret"), said }
    }

    pub(crate) fn framework(&self) -> Framework {
        Framework::new("one").master(self.address.to_string()).token_file(self.token.path())
    }

    /// The calls that it heard so far, without heartbeats.
    pub(crate) async fn said(mut self) -> Vec<&'static str> {
        let mut all = Vec::new();
        while let Ok(call) = self.said.try_recv() {
            all.push(call);
        }
        all
    }
}

pub(crate) async fn bind() -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (listener.local_addr().unwrap(), listener)
}

pub(crate) fn token_file(token: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), token).unwrap();
    file
}

struct Service {
    answer: Answer,
    sessions: Arc<AtomicU64>,
    hear: mpsc::Sender<&'static str>,
    facts: Arc<Facts>,
}

/// What the agent has to say, which outlives every session.
#[derive(Default)]
struct Facts {
    stated: AtomicU64,
    unacknowledged: Mutex<Vec<TaskUpdate>>,
}

type Responses = Pin<Box<dyn Stream<Item = Result<v1::FrameworkResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Scheduler for Service {
    type SessionStream = Responses;

    async fn session(&self, request: Request<Streaming<v1::FrameworkRequest>>) -> Result<Response<Responses>, Status> {
        let given = request.metadata().get(TOKEN_KEY).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !Token::new("secret").unwrap().admits(given) {
            return Err(Status::unauthenticated("the token is wrong"));
        }
        if self.answer == Answer::Unimplemented {
            return Err(Status::unimplemented("no such service"));
        }
        let n = self.sessions.fetch_add(1, Ordering::Relaxed) + 1;
        let (say, events) = mpsc::channel(1_024);
        let session = Session { id: SessionId { term: Term(1), n }, say, hear: self.hear.clone(), facts: self.facts.clone() };
        let hangs_up = self.answer == Answer::HangUpOnce && n == 1;
        tokio::spawn(session.serve(request.into_inner(), hangs_up));
        Ok(Response::new(Box::pin(ReceiverStream::new(events).map(Ok))))
    }
}

struct Session {
    id: SessionId,
    say: mpsc::Sender<v1::FrameworkResponse>,
    hear: mpsc::Sender<&'static str>,
    facts: Arc<Facts>,
}

const AGENT: AgentId = AgentId::from_bytes([2; 16]);

impl Session {
    async fn serve(mut self, mut requests: Streaming<v1::FrameworkRequest>, hangs_up: bool) {
        while let Ok(Some(request)) = requests.message().await {
            for call in FromFramework::try_from(request).unwrap().calls {
                self.answer(call).await;
            }
            if hangs_up {
                return;
            }
        }
    }

    async fn answer(&mut self, call: Call) {
        let name = match &call {
            Call::Subscribe(_) => "SUBSCRIBE",
            Call::Demand(_) => "DEMAND",
            Call::Accept(_) => "ACCEPT",
            Call::Acknowledge(_) => "ACKNOWLEDGE",
            Call::Teardown => "TEARDOWN",
            _ => return,
        };
        // First of all, since the framework may be over with the answer.
        self.hear.send(name).await.unwrap();
        match call {
            Call::Subscribe(_) => {
                let (framework, heartbeat) = (FrameworkId::from_bytes([1; 16]), Duration::from_secs(5));
                self.say(FrameworkEvent::Subscribed(Subscribed { framework, epoch: Epoch(1), heartbeat })).await;
                let unacknowledged = self.facts.unacknowledged.lock().unwrap().clone();
                for update in unacknowledged {
                    self.say(FrameworkEvent::Update(Box::new(update))).await;
                }
            }
            Call::Acknowledge(acknowledge) => {
                self.facts.unacknowledged.lock().unwrap().retain(|update| update.fact != Some(acknowledge.fact));
            }
            Call::Demand(_) => self.offer().await,
            Call::Accept(accept) => self.run(accept).await,
            Call::Teardown => {
                let end = SessionEnd { kind: SessionEndKind::Removed, message: "torn down".into() };
                self.say(FrameworkEvent::Ended(end)).await;
            }
            _ => {}
        }
    }

    async fn say(&self, event: FrameworkEvent) {
        // The framework may have gone.
        let _ = self.say.send(ToFramework { session: self.id, event }.into()).await;
    }

    async fn offer(&self) {
        let agent = OfferedAgent::new(AGENT, "host");
        let resources = Resources::parse("cpus:1").unwrap();
        let lease = Duration::from_secs(30);
        let (id, role, agent) = (OfferId(1), Role::default(), Arc::new(agent));
        let offer = Offer { id, role, agent, resources, lease, unavailability: None };
        self.say(FrameworkEvent::Offers(vec![offer])).await;
    }

    async fn run(&mut self, accept: Accept) {
        let Operation::Launch(tasks) = &accept.groups[0].operations[0] else { panic!() };
        for state in [TaskState::Running, TaskState::Finished] {
            let n = self.facts.stated.fetch_add(1, Ordering::Relaxed) + 1;
            let mut update = TaskUpdate::new(tasks[0].id.clone(), state, Source::Agent, Reason::Exited, "", WallTime(0));
            update.agent = Some(AGENT);
            update.launch = Some(LaunchId { term: Term(1), n: 1 });
            update.fact = Some(FactId { incarnation: Incarnation::from_bytes([3; 16]), n });
            self.facts.unacknowledged.lock().unwrap().push(update.clone());
            self.say(FrameworkEvent::Update(Box::new(update))).await;
        }
    }
}
