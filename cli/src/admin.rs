//! The operator's connection to a master: one question and its answer, or a task's output.
//!
//! Owned here: the token on every request, patience with a master that can't be reached, and reading on from where a broken
//! stream of output ended. Deliberately absent: sessions of schedulers, which are the SDK's.

use std::time::Duration;

use meros_proto::v1::admin_client::AdminClient;
use meros_proto::{KillTask, ReadLog, STATE_BYTES_MAX, TOKEN_KEY, v1};
use meros_types::ClusterState;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use crate::args::Connection;
use crate::error::Error;
use crate::output;

/// The pause before the second attempt; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause between attempts.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A stream of output that did not come to its end.
struct Broken {
    /// Whether anything came over it.
    was_open: bool,
    status: Status,
}

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
        ClusterState::try_from(reply).map_err(|source| Error::Unreadable { address: self.address.clone(), source })
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

    /// Copies a task's output from `read.offset` on, until it has ended when `read.follow` says so. A broken stream is opened
    /// again where it broke, for as long as `patience` allows.
    pub(crate) async fn copy_log(
        &mut self,
        mut read: ReadLog,
        patience: Duration,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<(), Error> {
        let mut ends = Instant::now() + patience;
        let mut pause = PAUSE_MIN;
        loop {
            let Err(broken) = self.copy_stream(&mut read, to).await? else { return Ok(()) };
            if broken.was_open {
                (ends, pause) = (Instant::now() + patience, PAUSE_MIN);
            }
            let reason = reason(&broken.status);
            self.wait_or_fail(broken.status, ends, &mut pause).await.map_err(|_| Error::Log { reason })?;
        }
    }

    /// One stream of output to its end, or to where it broke.
    async fn copy_stream(&self, read: &mut ReadLog, to: &mut (impl AsyncWrite + Unpin)) -> Result<Result<(), Broken>, Error> {
        let mut was_open = false;
        let broken = |was_open, status| Ok(Err(Broken { was_open, status }));
        let mut stream = match self.client().read_log(v1::ReadLogRequest::from(read.clone())).await {
            Ok(reply) => reply.into_inner(),
            Err(status) => return broken(was_open, status),
        };
        loop {
            let chunk = match stream.message().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return Ok(Ok(())),
                Err(status) => return broken(was_open, status),
            };
            chunk.check().map_err(|source| Error::Unreadable { address: self.address.clone(), source })?;
            if let Some(reason) = chunk.error {
                return broken(false, Status::unavailable(reason));
            }
            was_open = true;
            to.write_all(&chunk.data).await?;
            to.flush().await?;
            read.offset = chunk.offset.saturating_add(chunk.data.len() as u64).max(read.offset);
        }
    }

    fn client(&self) -> AdminClient<InterceptedService<Channel, Bearer>> {
        let authorization = self.authorization.clone();
        let bearer: Bearer = Box::new(move |mut request: Request<()>| {
            request.metadata_mut().insert(TOKEN_KEY, authorization.clone());
            Ok(request)
        });
        AdminClient::with_interceptor(self.channel.clone(), bearer).max_decoding_message_size(STATE_BYTES_MAX)
    }

    /// Pauses before another attempt, or fails when none can help or the patience is over.
    async fn wait_or_fail(&mut self, status: Status, ends: Instant, pause: &mut Duration) -> Result<(), Error> {
        let (address, reason) = (self.address.clone(), reason(&status));
        if status.code() != Code::Unavailable {
            return Err(Error::Refused { address, reason });
        }
        if Instant::now() + *pause > ends {
            return Err(Error::Unreachable { address, reason });
        }
        if !self.said {
            output::note(format!("meros: can't reach the master at {address} ({reason}); trying again"));
            self.said = true;
        }
        tokio::time::sleep(*pause).await;
        *pause = (*pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

/// The innermost cause, which is what a person can act on: "Connection refused" and not "transport error".
fn reason(status: &Status) -> String {
    let mut cause = std::error::Error::source(status);
    let mut innermost = None;
    while let Some(error) = cause {
        innermost = Some(error.to_string());
        cause = error.source();
    }
    innermost.unwrap_or_else(|| status.message().to_owned())
}
