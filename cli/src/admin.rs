//! The operator's connection to a master: one question and its answer.
//!
//! Owned here: the token on every request, and patience with a master that can't be reached. Deliberately absent: reading a task's
//! output ([`crate::logs`]), and sessions of schedulers, which are the SDK's.

use std::time::Duration;

use meros_proto::v1::admin_client::AdminClient;
use meros_proto::{KillTask, STATE_BYTES_MAX, TOKEN_KEY, Teardown, WireError, v1};
use meros_types::{ClusterState, FrameworkId};
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::args::Connection;
use crate::error::Error;
use crate::output;

/// The pause before the second attempt; it doubles with each.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause between attempts.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
        let ends = Instant::now() + patience;
        let mut pause = PAUSE_MIN;
        let reply = loop {
            match self.client().get_state(v1::GetStateRequest {}).await {
                Ok(reply) => break reply.into_inner(),
                Err(status) => self.wait_or_fail(status, ends, &mut pause).await?,
            }
        };
        ClusterState::try_from(reply).map_err(|source| self.unreadable(source))
    }

    /// Has a task ended. When this returns, that is under way.
    pub(crate) async fn kill(&mut self, kill: KillTask, patience: Duration) -> Result<(), Error> {
        let ends = Instant::now() + patience;
        let mut pause = PAUSE_MIN;
        loop {
            match self.client().kill_task(v1::KillTaskRequest::from(kill.clone())).await {
                Ok(_) => return Ok(()),
                Err(status) => self.wait_or_fail(status, ends, &mut pause).await?,
            }
        }
    }

    /// Ends a framework for good. When this returns, that is on the master's disk.
    pub(crate) async fn teardown(&mut self, framework: FrameworkId, patience: Duration) -> Result<(), Error> {
        let ends = Instant::now() + patience;
        let mut pause = PAUSE_MIN;
        let mut tried = false;
        loop {
            match self.client().teardown(v1::TeardownRequest::from(Teardown { framework })).await {
                Ok(_) => return Ok(()),
                // The attempt whose answer was lost has done it.
                Err(status) if tried && status.code() == Code::NotFound => return Ok(()),
                Err(status) => self.wait_or_fail(status, ends, &mut pause).await?,
            }
            tried = true;
        }
    }

    /// A client of the master's service for operators, whose calls carry the token.
    pub(crate) fn client(&self) -> AdminClient<InterceptedService<Channel, Bearer>> {
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
