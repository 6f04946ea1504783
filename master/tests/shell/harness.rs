//! A master on a free port with directories of its own, and peers that speak to it.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use meros_master::{Error, Master, MasterOptions};
use meros_proto::v1::admin_client::AdminClient;
use meros_proto::v1::agent_client::AgentClient;
use meros_proto::v1::scheduler_client::SchedulerClient;
use meros_proto::{TOKEN_KEY, Token, v1};
use meros_types::{
    AgentId, AgentOrder, AgentReport, AgentSecret, Attributes, Call, Epoch, FrameworkEvent, FromAgent, FromFramework, Incarnation,
    OfferPreferences, Register, Resources, Role, SessionEnd, SessionId, Subscribe, SubscribeMode, Subscribed, Term, ToAgent,
    ToFramework,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

/// Far longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits, but not for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("this should not have taken so long")
}

/// Where a master is, and what lets one in.
pub(crate) struct Reach {
    pub(crate) address: SocketAddr,
    pub(crate) token: Token,
}

/// A master that serves.
pub(crate) struct Running {
    reach: Reach,
    pub(crate) term: Term,
    stop: oneshot::Sender<()>,
    pub(crate) served: JoinHandle<Result<(), Error>>,
}

/// Options for a master in this directory, on any free port.
pub(crate) fn options(folder: &Path) -> MasterOptions {
    let mut options = MasterOptions::new(folder.join("master"));
    options.listen = "127.0.0.1:0".parse().unwrap();
    options.home = Some(folder.join("home"));
    options
}

pub(crate) async fn start(options: MasterOptions) -> Running {
    let master = Master::bind(options).await.unwrap();
    let (address, token, term) = (master.address(), master.token().clone(), master.term());
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(master.serve(async move { drop(stopped.await) }));
    Running { reach: Reach { address, token }, term, stop, served }
}

/// A master, and the directory that is removed after the test.
pub(crate) async fn master() -> (Running, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (start(options(folder.path())).await, folder)
}

impl Running {
    pub(crate) async fn stop(self) -> Result<(), Error> {
        let _ = self.stop.send(());
        soon(self.served).await.unwrap()
    }
}

impl Deref for Running {
    type Target = Reach;

    fn deref(&self) -> &Reach {
        &self.reach
    }
}

impl Reach {
    pub(crate) async fn channel(&self) -> Channel {
        soon(Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect()).await.unwrap()
    }

    pub(crate) fn call<T>(&self, message: T) -> Request<T> {
        call_with(&self.token.authorization(), message)
    }

    pub(crate) async fn admin(&self) -> AdminClient<Channel> {
        AdminClient::new(self.channel().await)
    }

    /// An answer to plain HTTP: its status, and all of it.
    pub(crate) async fn http(&self, request: &str) -> (u16, String) {
        let mut socket = soon(TcpStream::connect(self.address)).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(socket.read_to_string(&mut answer)).await.unwrap();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    /// A GET with this Host header and further header lines.
    pub(crate) async fn get(&self, path: &str, host: &str, headers: &str) -> (u16, String) {
        self.http(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n")).await
    }

    pub(crate) async fn framework(&self) -> Framework {
        let (out, messages) = mpsc::channel(64);
        let mut client = SchedulerClient::new(self.channel().await);
        let events = soon(client.session(self.call(ReceiverStream::new(messages)))).await.unwrap().into_inner();
        Framework { out, events, session: None }
    }

    pub(crate) async fn agent(&self) -> Agent {
        let (out, messages) = mpsc::channel(64);
        let mut client = AgentClient::new(self.channel().await);
        let orders = soon(client.session(self.call(ReceiverStream::new(messages)))).await.unwrap().into_inner();
        Agent { client, out, orders, session: None }
    }
}

/// A call that carries this under the token's key.
pub(crate) fn call_with<T>(authorization: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(TOKEN_KEY, authorization.parse().unwrap());
    request
}

/// A framework's end of a session.
pub(crate) struct Framework {
    pub(crate) out: mpsc::Sender<v1::FrameworkRequest>,
    pub(crate) events: Streaming<v1::FrameworkResponse>,
    session: Option<SessionId>,
}

impl Framework {
    pub(crate) async fn say(&self, calls: Vec<Call>) {
        soon(self.out.send(FromFramework { session: self.session, calls }.into())).await.unwrap();
    }

    /// What the master says next, heartbeats aside; an error is the end of the stream.
    pub(crate) async fn hear(&mut self) -> Result<FrameworkEvent, Status> {
        loop {
            let message = soon(self.events.message()).await?.ok_or_else(|| Status::ok("ended"))?;
            let ToFramework { session, event } = message.try_into().unwrap();
            self.session = Some(session);
            if event != FrameworkEvent::Heartbeat {
                return Ok(event);
            }
        }
    }

    pub(crate) async fn subscribe(&mut self) {
        let subscribe = Subscribe { failover_timeout: Duration::from_secs(1), ..subscribe(None) };
        assert_eq!(self.try_subscribe(subscribe).await.unwrap().epoch, Epoch(1));
    }

    /// Subscribes so; an error is what the master says instead.
    pub(crate) async fn try_subscribe(&mut self, subscribe: Subscribe) -> Result<Subscribed, SessionEnd> {
        self.say(vec![Call::Subscribe(subscribe)]).await;
        match self.hear().await.unwrap() {
            FrameworkEvent::Subscribed(subscribed) => Ok(subscribed),
            FrameworkEvent::Ended(end) => Err(end),
            other => panic!("no answer to a subscription: {other:?}"),
        }
    }
}

/// A new scheduler, of the framework with this key if there is one.
pub(crate) fn subscribe(key: Option<&str>) -> Subscribe {
    Subscribe {
        framework: None,
        name: "test".to_owned(),
        key: key.map(str::to_owned),
        roles: vec![Role::default()],
        mode: SubscribeMode::Takeover,
        failover_timeout: Duration::from_secs(60),
        preferences: OfferPreferences::default(),
    }
}

/// An agent's end of a session.
pub(crate) struct Agent {
    pub(crate) client: AgentClient<Channel>,
    pub(crate) out: mpsc::Sender<v1::AgentRequest>,
    pub(crate) orders: Streaming<v1::AgentResponse>,
    session: Option<SessionId>,
}

impl Agent {
    pub(crate) async fn report(&self, report: AgentReport) {
        soon(self.out.send(FromAgent { session: self.session, report }.into())).await.unwrap();
    }

    /// What the master orders next, heartbeats aside.
    pub(crate) async fn hear(&mut self) -> AgentOrder {
        loop {
            let message = soon(self.orders.message()).await.unwrap().unwrap();
            let ToAgent { session, order } = message.try_into().unwrap();
            self.session = Some(session);
            if order != AgentOrder::Heartbeat {
                return order;
            }
        }
    }

    /// Registers an agent with these resources.
    pub(crate) async fn register(&mut self, resources: &str) -> AgentId {
        let AgentOrder::Registered(registered) = self.answer_to(register(resources)).await else { panic!("not registered") };
        registered.agent
    }

    /// Registers so, and gives the answer.
    pub(crate) async fn answer_to(&mut self, register: Register) -> AgentOrder {
        self.report(AgentReport::Register(Box::new(register))).await;
        self.hear().await
    }
}

/// An agent that was never here before.
pub(crate) fn register(resources: &str) -> Register {
    Register {
        secret: AgentSecret::from_bytes([5; 16]),
        agent: None,
        incarnation: Incarnation::from_bytes([1; 16]),
        boot: meros_types::BootId::default(),
        term: Term::default(),
        hostname: "here".to_owned(),
        resources: Resources::parse(resources).unwrap(),
        attributes: Attributes::default(),
        domain: None,
        containers: Vec::new(),
    }
}
