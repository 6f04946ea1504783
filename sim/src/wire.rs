//! Every message travels as the bytes that gRPC would carry. Owned: the way from domain to wire to bytes and back, and that
//! nothing changes on it. Absent: streams, which are the network's.

use meros_proto::{MESSAGE_BYTES_MAX, v1};
use meros_types::{FromAgent, FromFramework, ToAgent, ToFramework};
use prost::Message;

use crate::describe;
use crate::failure::Violation;
use crate::random::digest;

const NAME: &str = "wire";

/// A message of any stream.
#[derive(Clone, Debug)]
pub(crate) enum Payload {
    FromFramework(FromFramework),
    ToFramework(ToFramework),
    FromAgent(FromAgent),
    ToAgent(ToAgent),
}

/// A message that has been through the wire.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    pub(crate) payload: Payload,
    /// A few digits that differ when the bytes do: the log's summary leaves out most of a message.
    pub(crate) digest: u16,
}

impl Carried {
    /// What the log shows of it.
    pub(crate) fn describe(&self) -> String {
        let what = match &self.payload {
            Payload::FromFramework(message) => describe::from_framework(message),
            Payload::ToFramework(message) => describe::to_framework(message),
            Payload::FromAgent(message) => describe::from_agent(message),
            Payload::ToAgent(message) => describe::to_agent(message),
        };
        format!("{what} #{:04x}", self.digest)
    }
}

/// Sends a message through the wire's conversions, as bytes.
pub(crate) fn carry(payload: Payload) -> Result<Carried, Violation> {
    match payload {
        Payload::FromFramework(message) => round_trip::<_, v1::FrameworkRequest>(message, Payload::FromFramework),
        Payload::ToFramework(message) => round_trip::<_, v1::FrameworkResponse>(message, Payload::ToFramework),
        Payload::FromAgent(message) => round_trip::<_, v1::AgentRequest>(message, Payload::FromAgent),
        Payload::ToAgent(message) => round_trip::<_, v1::AgentResponse>(message, Payload::ToAgent),
    }
}

fn round_trip<D, W>(message: D, wrap: impl Fn(D) -> Payload) -> Result<Carried, Violation>
where
    D: Clone + PartialEq + std::fmt::Debug + TryFrom<W, Error = meros_proto::WireError>,
    W: Message + Default + From<D>,
{
    let bytes = W::from(message.clone()).encode_to_vec();
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(Violation::new(NAME, format!("a message has {} bytes, and {MESSAGE_BYTES_MAX} is the most", bytes.len())));
    }
    let wire = W::decode(bytes.as_slice()).map_err(|error| Violation::new(NAME, format!("{error} in {message:?}")))?;
    let read = D::try_from(wire).map_err(|error| Violation::new(NAME, format!("{error} in {message:?}")))?;
    if read != message {
        return Err(Violation::new(NAME, format!("{message:?} arrived as {read:?}")));
    }
    let digest = digest(&bytes);
    Ok(Carried { payload: wrap(read), digest: (digest ^ (digest >> 32) ^ (digest >> 16)) as u16 })
}
