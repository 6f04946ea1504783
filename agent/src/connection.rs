//! The connection to the master: one stream at a time, in a task of its own.
//!
//! The core says when to connect; this reports what came of it. Every report carries the number of its connection, and the loop
//! drops those of connections that were given up, so that nothing of an old session arrives after it was closed. Deliberately
//! absent: when to try again, and what is said.

use std::path::PathBuf;
use std::time::Duration;

use meros_agent_core::Event;
use meros_proto::token::{discover, host_and_port};
use meros_proto::v1::agent_client::AgentClient;
use meros_proto::{MESSAGE_BYTES_MAX, TOKEN_KEY, Token, v1};
use meros_types::{FromAgent, ToAgent};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

use crate::daemon::Input;
use crate::error::Error;

/// How many messages may wait for the master. When it takes none, the connection is given up; the next registration says it all.
const OUTBOX_MESSAGES_MAX: usize = 8_192;
/// How long a connection may take to come about.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long the whole stream may take: a master that is stopped still has its connections accepted, by the kernel.
const OPEN_WAIT: Duration = Duration::from_secs(10);
/// How long the last words of an agent that ends may take to be read.
const FINISH_WAIT: Duration = Duration::from_secs(1);
/// How often a silent connection is asked whether it is alive, and how long it may take to say so.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_WAIT: Duration = Duration::from_secs(10);

/// How to reach the master. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// A connection of its own each time, with the token that lies there at that time: a master may have been set up anew.
    Own {
        /// The master's address.
        master: String,
        /// Where the token is; none to look for it.
        token_file: Option<PathBuf>,
    },
    /// A connection shared with other emulated agents of this process.
    Shared {
        /// The connection.
        channel: Channel,
        /// The token's form on the wire.
        authorization: MetadataValue<Ascii>,
    },
}

/// A way to the master: a connection, and what every call on it carries.
pub(crate) struct Way {
    channel: Channel,
    authorization: MetadataValue<Ascii>,
}

/// A connection: the queue of what is to be sent. It is closed when this is dropped.
pub(crate) struct Connection {
    /// Its number; each report of it carries it.
    pub(crate) number: u64,
    outgoing: mpsc::Sender<FromAgent>,
    task: JoinHandle<()>,
}

impl Connection {
    /// Begins to connect. It reports [`Event::Connected`] or [`Event::Disconnected`], and then what the master says.
    pub(crate) fn open(number: u64, route: Route, inputs: mpsc::Sender<Input>) -> Self {
        let (outgoing, queue) = mpsc::channel(OUTBOX_MESSAGES_MAX);
        let task = tokio::spawn(async move {
            let reason = match converse(number, &route, queue, &inputs).await {
                Ok(()) => "the master ended the stream".to_owned(),
                Err(reason) => reason,
            };
            // Without a loop there is nobody to tell.
            let _ = inputs.send(Input::FromMaster(number, Event::Disconnected { reason })).await;
        });
        Self { number, outgoing, task }
    }

    /// Puts a message behind the others. False when the queue is full: then the master doesn't read.
    pub(crate) fn send(&self, message: FromAgent) -> bool {
        // A queue that is closed belongs to a connection that has just broken, of which the loop hears soon.
        !matches!(self.outgoing.try_send(message), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Says nothing more, and waits until all that was said is sent and the master has ended the stream, but not for long.
    pub(crate) async fn finish(mut self) {
        // The end of the queue is the end of our half of the stream.
        self.outgoing = mpsc::channel(1).0;
        // A master that does not answer is none to wait for.
        let _ = tokio::time::timeout(FINISH_WAIT, &mut self.task).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects, and reports what the master says until the stream ends.
async fn converse(
    number: u64,
    route: &Route,
    queue: mpsc::Receiver<FromAgent>,
    inputs: &mpsc::Sender<Input>,
) -> Result<(), String> {
    let opening = tokio::time::timeout(OPEN_WAIT, open(route, queue)).await;
    let mut orders = opening.map_err(|_| format!("the master did not answer within {} s", OPEN_WAIT.as_secs()))??;
    let report = async |event| inputs.send(Input::FromMaster(number, event)).await.map_err(|_| "the agent is stopping".to_owned());
    report(Event::Connected).await?;
    while let Some(order) = orders.message().await.map_err(|status| say(&status))? {
        let order = ToAgent::try_from(order).map_err(|error| format!("the master sent a message that can't be read: {error}"))?;
        report(Event::Received(Box::new(order))).await?;
    }
    Ok(())
}

async fn open(route: &Route, queue: mpsc::Receiver<FromAgent>) -> Result<Streaming<v1::AgentResponse>, String> {
    let way = route.way().await?;
    let messages = ReceiverStream::new(queue).map(v1::AgentRequest::from);
    let session = way.client().session(way.request(messages)).await.map_err(|status| say(&status))?;
    Ok(session.into_inner())
}

/// A status, as a sentence's part for people.
pub(crate) fn say(status: &Status) -> String {
    match status.message() {
        "" => format!("{:?}", status.code()),
        message => message.to_owned(),
    }
}

impl Route {
    /// A connection to the master; a new one, unless this shares one.
    pub(crate) async fn way(&self) -> Result<Way, String> {
        match self {
            Route::Shared { channel, authorization } => Ok(Way { channel: channel.clone(), authorization: authorization.clone() }),
            Route::Own { master, token_file } => {
                let token = discover(master, token_file.as_deref()).map_err(|error| error.to_string())?;
                let endpoint = endpoint(master).map_err(|error| error.to_string())?;
                let channel =
                    endpoint.connect().await.map_err(|error| format!("can't connect to {master}: {}", root_cause(&error)))?;
                Ok(Way { channel, authorization: on_the_wire(&token) })
            }
        }
    }
}

impl Way {
    /// A client of the master's service for agents, within the limits on messages.
    pub(crate) fn client(&self) -> AgentClient<Channel> {
        let client = AgentClient::new(self.channel.clone());
        client.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// A call that carries the token.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert(TOKEN_KEY, self.authorization.clone());
        request
    }
}

/// How the token stands in a call.
pub(crate) fn on_the_wire(token: &Token) -> MetadataValue<Ascii> {
    let mut value: MetadataValue<Ascii> = token.authorization().parse().expect("a token is visible ASCII");
    // Kept out of logs, and out of the table by which HTTP/2 compresses headers.
    value.set_sensitive(true);
    value
}

/// Where and how to connect.
///
/// # Errors
/// When `master` is no address.
pub(crate) fn endpoint(master: &str) -> Result<Endpoint, Error> {
    let (host, port) = host_and_port(master);
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let bad = || Error::Master { master: master.to_owned() };
    if host.is_empty() || master.trim_start().starts_with("https:") {
        return Err(bad());
    }
    let endpoint = Endpoint::from_shared(format!("http://{host}:{port}")).map_err(|_| bad())?;
    Ok(endpoint
        .connect_timeout(CONNECT_WAIT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_WAIT)
        .keep_alive_while_idle(true))
}

/// The innermost reason: the layers above it only say that there is one.
fn root_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), root_cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_endpoints_or_are_refused() {
        for (master, uri) in [("localhost", "http://localhost:5050/"), ("[::1]:7", "http://[::1]:7/"), ("h:1", "http://h:1/")] {
            assert_eq!(endpoint(master).unwrap().uri().to_string(), uri);
        }
        for bad in ["", "https://h:1", "two words", "a:b:c d"] {
            assert!(matches!(endpoint(bad), Err(Error::Master { .. })), "{bad}");
        }
    }
}
