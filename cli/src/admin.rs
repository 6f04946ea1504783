//! The operator's connection to a master: one question and its answer.
//!
//! Owned here: the token on every request, and patience with a master that can't be reached. Deliberately absent: reading a task's
//! output ([`crate::logs`]), and sessions of schedulers, which are the SDK's.

use std::time::Duration;

use meros_proto::v1::admin_client::AdminClient;
use meros_proto::{
    Explain, KillTask, MarkGone, RemoveWindow, STATE_BYTES_MAX, SetDuty, SetWindow, TOKEN_KEY, Teardown, WireError, v1,
};
use meros_types::{AgentId, ClusterState, Duty, Explanation, FrameworkId, RolesUpdate, Window};
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use crate::args::Connection;
use crate::error::Error;
use crate::output;

/// The pause before the second attempt; it doubles with each.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause between attempts.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

type Client = AdminClient<InterceptedService<Channel, Bearer>>;
type Bearer = Box<dyn FnMut(Request<()>) -> Result<Request<()>, Status> + Send + Sync>;

/// A connection, made when it is first needed and again when it breaks.
pub(crate) struct Admin {
    address: String,
    channel: Channel,
    authorization: MetadataValue<Ascii>,
    /// Whether the user knows that the master can't be reached: it is said once.
    said: bool,
}

impl Admin {
    /// Prepares a connection; nothing is sent yet. Call it within a tokio runtime.
    pub(crate) fn new(connection: &Connection) -> Result<Self, Error> {
        let address = connection.master.clone();
        let token = meros_proto::token::discover(&address, connection.token_file.as_deref())?;
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| Error::Usage(format!("{address} is not an address: {error}")))?;
        let channel = endpoint.connect_timeout(CONNECT_TIMEOUT).connect_lazy();
        // A token is visible ASCII by construction, and so fit for a header.
        let authorization =
            token.authorization().parse().map_err(|_| Error::Usage("the token is not a header's value".to_owned()))?;
        Ok(Self { address, channel, authorization, said: false })
    }

    /// The whole cluster at one moment.
    pub(crate) async fn state(&mut self, patience: Duration) -> Result<ClusterState, Error> {
        let reply = self.ask(patience, None, async |mut client| client.get_state(v1::GetStateRequest {}).await).await?;
        ClusterState::try_from(reply).map_err(|source| self.unreadable(source))
    }

    /// Has a task ended. When this returns, that is under way.
    pub(crate) async fn kill(&mut self, kill: KillTask, patience: Duration) -> Result<(), Error> {
        let request = v1::KillTaskRequest::from(kill);
        self.ask(patience, None, async |mut client| client.kill_task(request.clone()).await).await.map(drop)
    }

    /// Ends a framework for good. When this returns, that is on the master's disk.
    pub(crate) async fn teardown(&mut self, framework: FrameworkId, patience: Duration) -> Result<(), Error> {
        let request = v1::TeardownRequest::from(Teardown { framework });
        let ask = async |mut client: Client| client.teardown(request.clone()).await;
        self.ask(patience, Some(Code::NotFound), ask).await.map(drop)
    }

    /// Changes the settings of roles. When this returns, they are on the master's disk, and in force.
    pub(crate) async fn update_roles(&mut self, update: RolesUpdate, patience: Duration) -> Result<(), Error> {
        let request = v1::UpdateRolesRequest::from(update);
        self.ask(patience, None, async |mut client| client.update_roles(request.clone()).await).await.map(drop)
    }

    /// Says whether an agent may be offered and its tasks may stay. When this returns, that is on the master's disk.
    pub(crate) async fn set_duty(&mut self, agent: AgentId, duty: Duty, patience: Duration) -> Result<(), Error> {
        let request = v1::SetDutyRequest::from(SetDuty { agent, duty });
        self.ask(patience, None, async |mut client| client.set_duty(request.clone()).await).await.map(drop)
    }

    /// Says that an agent will never return. When this returns, that is on the master's disk.
    pub(crate) async fn mark_gone(&mut self, agent: AgentId, patience: Duration) -> Result<(), Error> {
        let request = v1::MarkGoneRequest::from(MarkGone { agent });
        self.ask(patience, None, async |mut client| client.mark_gone(request.clone()).await).await.map(drop)
    }

    /// Sets a maintenance window. When this returns, it is on the master's disk.
    pub(crate) async fn set_window(&mut self, window: Window, patience: Duration) -> Result<(), Error> {
        let request = v1::SetWindowRequest::from(SetWindow { window });
        self.ask(patience, None, async |mut client| client.set_window(request.clone()).await).await.map(drop)
    }

    /// Removes a maintenance window. When this returns, it is off the master's disk.
    pub(crate) async fn remove_window(&mut self, id: String, patience: Duration) -> Result<(), Error> {
        let request = v1::RemoveWindowRequest::from(RemoveWindow { id });
        let ask = async |mut client: Client| client.remove_window(request.clone()).await;
        self.ask(patience, Some(Code::NotFound), ask).await.map(drop)
    }

    /// Why a framework has no more offers than it has.
    pub(crate) async fn explain(&mut self, explain: Explain, patience: Duration) -> Result<Vec<Explanation>, Error> {
        let request = v1::ExplainRequest::from(explain);
        let reply = self.ask(patience, None, async |mut client| client.explain(request.clone()).await).await?;
        let read = reply.explanations.into_iter().map(Explanation::try_from).collect::<Result<_, _>>();
        read.map_err(|source| self.unreadable(source))
    }

    /// Asks until there is an answer. One who asks again because an answer was lost may be told with the code `done` that the
    /// attempt before has done it.
    async fn ask<T: Default>(
        &mut self,
        patience: Duration,
        done: Option<Code>,
        call: impl AsyncFn(Client) -> Result<Response<T>, Status>,
    ) -> Result<T, Error> {
        let ends = Instant::now() + patience;
        let mut pause = PAUSE_MIN;
        let mut tried = false;
        loop {
            match call(self.client()).await {
                Ok(reply) => return Ok(reply.into_inner()),
                Err(status) if tried && Some(status.code()) == done => return Ok(T::default()),
                Err(status) => self.wait_or_fail(status, ends, &mut pause).await?,
            }
            tried = true;
        }
    }

    /// A client of the master's service for operators, whose calls carry the token.
    pub(crate) fn client(&self) -> Client {
        let authorization = self.authorization.clone();
        let bearer: Bearer = Box::new(move |mut request: Request<()>| {
            request.metadata_mut().insert(TOKEN_KEY, authorization.clone());
            Ok(request)
        });
        AdminClient::with_interceptor(self.channel.clone(), bearer).max_decoding_message_size(STATE_BYTES_MAX)
    }

    /// Why a call came to nothing.
    pub(crate) fn failed(&self, status: &Status) -> Error {
        let (address, reason) = (self.address.clone(), reason(status));
        if is_away(status) { Error::Unreachable { address, reason } } else { Error::Refused { address, reason } }
    }

    /// The master said what has no meaning.
    pub(crate) fn unreadable(&self, source: WireError) -> Error {
        Error::Unreadable { address: self.address.clone(), source }
    }

    /// Pauses before another attempt, or fails when none can help or the patience is over.
    async fn wait_or_fail(&mut self, status: Status, ends: Instant, pause: &mut Duration) -> Result<(), Error> {
        if !is_away(&status) || Instant::now() + *pause > ends {
            return Err(self.failed(&status));
        }
        if !self.said {
            let (address, reason) = (&self.address, reason(&status));
            output::note(format!("meros: can't reach the master at {address} ({reason}); trying again"));
            self.said = true;
        }
        tokio::time::sleep(*pause).await;
        *pause = (*pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

/// Whether it is not the master's word but its absence, or another's that it speaks of. A connection that breaks has many codes;
/// what they have in common is a cause on this side.
pub(crate) fn is_away(status: &Status) -> bool {
    status.code() == Code::Unavailable || std::error::Error::source(status).is_some()
}

/// The innermost cause, which is what a person can act on: "Connection refused" and not "transport error".
pub(crate) fn reason(status: &Status) -> String {
    let mut cause = std::error::Error::source(status);
    let mut innermost = None;
    while let Some(error) = cause {
        innermost = Some(error.to_string());
        cause = error.source();
    }
    innermost.unwrap_or_else(|| status.message().to_owned())
}
