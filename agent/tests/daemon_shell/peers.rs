//! A real master, a framework that speaks the wire by hand, and agents in this process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use meros_agent::{Agent, AgentOptions, Error};
use meros_master::{Master, MasterOptions};
use meros_proto::v1::admin_client::AdminClient;
use meros_proto::v1::scheduler_client::SchedulerClient;
use meros_proto::{ReadLog, TOKEN_KEY, Token, v1};
use meros_types::{
    Accept, AcceptGroup, Acknowledge, Call, ClusterState, Command, Demand, DemandCall, FrameworkEvent, FromFramework, KillCall,
    LogStream, Offer, OfferPreferences, Operation, Resources, Role, SessionId, Subscribe, SubscribeMode, TaskId, TaskSpec,
    TaskState, TaskUpdate, ToFramework,
};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Streaming};

use crate::harness::soon;

/// A master that serves, and the directory of the whole test.
pub(crate) struct Cluster {
    pub(crate) folder: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) token: Token,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<Result<(), meros_master::Error>>>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Tasks of other users pass through it.
        let passage = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(folder.path(), passage).unwrap();
        let mut cluster =
            Self { folder, address: "127.0.0.1:0".parse().unwrap(), token: Token::new("none").unwrap(), stop: None, served: None };
        cluster.restart_master().await;
        cluster
    }

    /// Stops the master, if there is one, and starts another of the same directory at the same address.
    pub(crate) async fn restart_master(&mut self) {
        self.stop_master().await;
        let mut options = MasterOptions::new(self.folder.path().join("master"));
        (options.listen, options.home) = (self.address, None);
        let master = Master::bind(options).await.unwrap();
        (self.address, self.token) = (master.address(), master.token().clone());
        let (stop, stopped) = oneshot::channel();
        self.stop = Some(stop);
        self.served = Some(tokio::spawn(master.serve(async move { drop(stopped.await) })));
    }

    pub(crate) async fn stop_master(&mut self) {
        self.stop = None;
        if let Some(served) = self.served.take() {
            soon(served).await.unwrap().unwrap();
        }
    }

    pub(crate) fn token_file(&self) -> PathBuf {
        self.folder.path().join("master/token")
    }

    /// Options for an agent of this cluster that works in the directory of this name, and leaves nothing of it.
    pub(crate) fn agent_options(&self, name: &str) -> AgentOptions {
        let mut options = AgentOptions::new(self.address.to_string(), self.folder.path().join(name));
        options.token_file = Some(self.token_file());
        options.resources = Some(Resources::parse("cpus:4;mem:1GiB;ports:[31000-31009]").unwrap());
        options.listen = None;
        options.destroy_on_exit = true;
        options
    }

    pub(crate) async fn agent(&self, options: AgentOptions) -> RunningAgent {
        let work_dir = options.work_dir.clone();
        let agent = soon(Agent::bind(options)).await.unwrap();
        let address = agent.address();
        let (stop, stopped) = oneshot::channel();
        let ran = tokio::spawn(agent.run(async move { drop(stopped.await) }));
        RunningAgent { work_dir, address, stop, ran }
    }

    pub(crate) async fn channel(&self) -> Channel {
        soon(Channel::from_shared(format!("http://{}", self.address)).unwrap().connect()).await.unwrap()
    }

    pub(crate) fn call<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert(TOKEN_KEY, self.token.authorization().parse().unwrap());
        request
    }

    pub(crate) async fn state(&self) -> ClusterState {
        let mut admin = AdminClient::new(self.channel().await);
        soon(admin.get_state(self.call(v1::GetStateRequest {}))).await.unwrap().into_inner().try_into().unwrap()
    }

    /// Waits until so many agents have a stream.
    pub(crate) async fn agents_connected(&self, count: usize) {
        let looking = async { while self.state().await.agents.iter().filter(|agent| agent.connected).count() != count {} };
        soon(looking).await;
    }

    pub(crate) async fn read_log(&self, task: &str, follow: bool) -> Streaming<v1::LogChunk> {
        let (framework, task, stream, offset) = (None, TaskId::new(task).unwrap(), LogStream::Stdout, 0);
        let request: v1::ReadLogRequest = ReadLog { framework, task, stream, offset, follow }.into();
        let mut admin = AdminClient::new(self.channel().await);
        soon(admin.read_log(self.call(request))).await.unwrap().into_inner()
    }

    pub(crate) async fn framework(&self) -> Framework {
        let (out, messages) = mpsc::channel(64);
        let mut client = SchedulerClient::new(self.channel().await);
        let events = soon(client.session(self.call(ReceiverStream::new(messages)))).await.unwrap().into_inner();
        let mut framework = Framework { out, events, session: None, offers: Vec::new(), version: 0 };
        let subscribe = Subscribe {
            framework: None,
            name: "test".to_owned(),
            key: None,
            roles: vec![Role::default()],
            mode: SubscribeMode::Takeover,
            failover_timeout: Duration::from_secs(1),
            preferences: OfferPreferences::default(),
        };
        framework.say(vec![Call::Subscribe(subscribe)]).await;
        assert!(matches!(framework.hear().await, FrameworkEvent::Subscribed(_)));
        framework
    }
}

/// An agent that runs in a task of this process.
pub(crate) struct RunningAgent {
    pub(crate) work_dir: PathBuf,
    pub(crate) address: Option<SocketAddr>,
    stop: oneshot::Sender<()>,
    pub(crate) ran: JoinHandle<Result<(), Error>>,
}

impl RunningAgent {
    pub(crate) async fn stop(self) -> Result<(), Error> {
        let _ = self.stop.send(());
        soon(self.ran).await.unwrap()
    }
}

/// A framework's end of a session.
pub(crate) struct Framework {
    out: mpsc::Sender<v1::FrameworkRequest>,
    events: Streaming<v1::FrameworkResponse>,
    session: Option<SessionId>,
    offers: Vec<Offer>,
    version: u64,
}

impl Framework {
    pub(crate) async fn say(&self, calls: Vec<Call>) {
        soon(self.out.send(FromFramework { session: self.session, calls }.into())).await.unwrap();
    }

    async fn hear(&mut self) -> FrameworkEvent {
        loop {
            let message = soon(self.events.message()).await.unwrap().unwrap();
            let ToFramework { session, event } = message.try_into().unwrap();
            self.session = Some(session);
            if event != FrameworkEvent::Heartbeat {
                return event;
            }
        }
    }

    /// Launches shell lines as tasks, each with this much, as offers come.
    pub(crate) async fn launch(&mut self, tasks: &[(&str, &str)], each: &str) {
        let commands: Vec<_> = tasks.iter().map(|(id, line)| (*id, Command::shell(*line))).collect();
        self.launch_commands(&commands, each).await;
    }

    /// Launches commands as tasks, each with this much, as offers come.
    pub(crate) async fn launch_commands(&mut self, tasks: &[(&str, Command)], each: &str) {
        let each = Resources::parse(each).unwrap();
        self.version += 1;
        let demand = Demand::of(each.clone(), tasks.len() as u64);
        self.say(vec![Call::Demand(DemandCall { role: Role::default(), version: self.version, demand })]).await;
        let mut tasks =
            tasks.iter().map(|(id, command)| TaskSpec::new(TaskId::new(*id).unwrap(), command.clone(), each.clone())).peekable();
        while tasks.peek().is_some() {
            while self.offers.is_empty() {
                if let FrameworkEvent::Offers(offers) = self.hear().await {
                    self.offers = offers;
                }
            }
            let groups = self.offers.drain(..).map(|offer| {
                let count = if each.ports().is_empty() { offer.resources.scalar_copies(&each) } else { 1 };
                let launch: Vec<TaskSpec> = tasks.by_ref().take(usize::try_from(count).unwrap()).collect();
                let operations = if launch.is_empty() { vec![] } else { vec![Operation::Launch(launch)] };
                AcceptGroup { leases: vec![offer.id], operations }
            });
            let accept = Accept { groups: groups.collect(), all_or_nothing: false, filter: Duration::ZERO };
            self.say(vec![Call::Accept(accept)]).await;
        }
    }

    /// The next update, acknowledged if it is a fact.
    pub(crate) async fn update(&mut self) -> TaskUpdate {
        loop {
            match self.hear().await {
                FrameworkEvent::Update(update) => {
                    if let (Some(fact), Some(agent), Some(launch)) = (update.fact, update.agent, update.launch) {
                        self.say(vec![Call::Acknowledge(Acknowledge { agent, launch, fact })]).await;
                    }
                    return *update;
                }
                FrameworkEvent::Offers(offers) => self.offers.extend(offers),
                _ => {}
            }
        }
    }

    /// The update by which a task comes to this state. Another end than this is a failure.
    pub(crate) async fn until(&mut self, task: &str, state: TaskState) -> TaskUpdate {
        loop {
            let update = self.update().await;
            if update.task.as_str() == task {
                if update.state == state {
                    return update;
                }
                assert!(!update.state.is_terminal(), "{update:?}");
            }
        }
    }

    /// The update by which a task comes to its end, whichever that is.
    pub(crate) async fn end_of(&mut self, task: &str) -> TaskUpdate {
        loop {
            let update = self.update().await;
            if update.task.as_str() == task && update.state.is_terminal() {
                return update;
            }
        }
    }

    pub(crate) async fn kill(&self, task: &str) {
        self.say(vec![Call::Kill(KillCall { task: TaskId::new(task).unwrap(), grace: None })]).await;
    }
}
