//! How a field is read: required, optional, repeated, bounded. Every error names the field.

use std::time::Duration;

use meros_types as domain;
use meros_types::{AgentId, AgentSecret, Attributes, ContainerId, FrameworkId, Incarnation, Role, TaskId};

use crate::error::prefix;
use crate::{ATTRIBUTES_MAX, DISPLAY_NAME_BYTES_MAX, SENTENCE_BYTES_MAX, WireError, v1};

/// Reads a sub-message that must be there.
pub(crate) fn required<W, D>(value: Option<W>, field: &str) -> Result<D, WireError>
where
    D: TryFrom<W, Error = WireError>,
{
    let value = value.ok_or_else(|| WireError::missing(field))?;
    D::try_from(value).map_err(|error| error.within(field))
}

/// Reads a sub-message that may be absent.
pub(crate) fn optional<W, D>(value: Option<W>, field: &str) -> Result<Option<D>, WireError>
where
    D: TryFrom<W, Error = WireError>,
{
    value.map(|value| D::try_from(value).map_err(|error| error.within(field))).transpose()
}

/// Reads every item of a repeated sub-message.
pub(crate) fn list<W, D>(items: Vec<W>, field: &str) -> Result<Vec<D>, WireError>
where
    D: TryFrom<W, Error = WireError>,
{
    items.into_iter().enumerate().map(|(at, item)| D::try_from(item).map_err(|error| error.within_item(field, at))).collect()
}

/// Reads every text of a repeated one.
pub(crate) fn texts<D>(
    items: Vec<String>,
    field: &str,
    read: impl Fn(String) -> Result<D, WireError>,
) -> Result<Vec<D>, WireError> {
    items.into_iter().enumerate().map(|(at, item)| read(item).map_err(|error| error.within_item(field, at))).collect()
}

/// Refuses more items than `max`.
pub(crate) fn at_most(count: usize, max: usize, field: &str) -> Result<(), WireError> {
    match count {
        _ if count <= max => Ok(()),
        _ => Err(WireError::new(field, format!("{count} of them, at most {max}"))),
    }
}

/// Reads an enum's number.
pub(crate) fn enumerated<W, D>(number: i32, field: &str) -> Result<D, WireError>
where
    W: TryFrom<i32>,
    D: TryFrom<W, Error = WireError>,
{
    let value = W::try_from(number).map_err(|_| WireError::new(field, format!("{number} is not a value known here")))?;
    D::try_from(value).map_err(|error| error.within(field))
}

/// An id of 16 random bytes.
pub(crate) trait RandomId {
    /// The id with these bytes.
    fn from_wire(bytes: [u8; 16]) -> Self;
}

macro_rules! random_ids {
    ($($id:ident),*) => {
        $(impl RandomId for $id {
            fn from_wire(bytes: [u8; 16]) -> Self {
                Self::from_bytes(bytes)
            }
        })*
    };
}

random_ids!(AgentId, AgentSecret, FrameworkId, ContainerId, Incarnation);

/// Reads a random id that must be there.
pub(crate) fn id<I: RandomId>(bytes: &[u8], field: &str) -> Result<I, WireError> {
    match <[u8; 16]>::try_from(bytes) {
        Ok(bytes) => Ok(I::from_wire(bytes)),
        Err(_) if bytes.is_empty() => Err(WireError::missing(field)),
        Err(_) => Err(WireError::new(field, format!("{} bytes, an id has 16", bytes.len()))),
    }
}

/// Reads a random id that may be absent.
pub(crate) fn optional_id<I: RandomId>(bytes: Option<&[u8]>, field: &str) -> Result<Option<I>, WireError> {
    bytes.map(|bytes| id(bytes, field)).transpose()
}

pub(crate) fn task_id(text: String, field: &str) -> Result<TaskId, WireError> {
    TaskId::new(text).map_err(|error| WireError::from(error).within(field))
}

pub(crate) fn role(text: &str, field: &str) -> Result<Role, WireError> {
    Role::new(text).map_err(|error| WireError::from(error).within(field))
}

/// Reads a name that people see. Control characters are refused: they would move the cursor of whoever lists it.
pub(crate) fn display_name(text: String, field: &str) -> Result<String, WireError> {
    at_most_bytes(&text, DISPLAY_NAME_BYTES_MAX, field)?;
    match text.contains(char::is_control) {
        true => Err(WireError::new(field, "it has a control character")),
        false => Ok(text),
    }
}

fn at_most_bytes(text: &str, max: usize, field: &str) -> Result<(), WireError> {
    match text.len() {
        bytes if bytes <= max => Ok(()),
        bytes => Err(WireError::new(field, format!("{bytes} bytes, at most {max}"))),
    }
}

/// Reads a sentence for people, and cuts it where it goes on for too long.
pub(crate) fn sentence(mut text: String) -> String {
    text.truncate(prefix(&text, SENTENCE_BYTES_MAX).len());
    text
}

/// Writes an agent's attributes, from a reference: offers share them.
pub(crate) fn attributes_to_wire(attributes: &Attributes) -> Vec<v1::Attribute> {
    attributes.iter().map(|(name, value)| v1::Attribute { name: name.to_owned(), value: value.to_owned() }).collect()
}

/// Reads an agent's attributes.
pub(crate) fn attributes(wire: Vec<v1::Attribute>, field: &str) -> Result<Attributes, WireError> {
    at_most(wire.len(), ATTRIBUTES_MAX, field)?;
    let pairs = wire.into_iter().map(|attribute| (attribute.name, attribute.value));
    Attributes::new(pairs).map_err(|error| WireError::from(error).within(field))
}

impl From<Duration> for v1::Duration {
    fn from(duration: Duration) -> Self {
        Self { seconds: duration.as_secs(), nanos: duration.subsec_nanos() }
    }
}

impl TryFrom<v1::Duration> for Duration {
    type Error = WireError;
    fn try_from(wire: v1::Duration) -> Result<Self, WireError> {
        match wire.nanos {
            0..1_000_000_000 => Ok(Self::new(wire.seconds, wire.nanos)),
            _ => Err(WireError::new("nanos", format!("{} is a second or more", wire.nanos))),
        }
    }
}

impl From<domain::SessionId> for v1::SessionId {
    fn from(id: domain::SessionId) -> Self {
        Self { term: id.term.0, n: id.n }
    }
}

impl TryFrom<v1::SessionId> for domain::SessionId {
    type Error = WireError;
    fn try_from(wire: v1::SessionId) -> Result<Self, WireError> {
        Ok(Self { term: domain::Term(wire.term), n: wire.n })
    }
}

impl From<domain::LaunchId> for v1::LaunchId {
    fn from(id: domain::LaunchId) -> Self {
        Self { term: id.term.0, n: id.n }
    }
}

impl TryFrom<v1::LaunchId> for domain::LaunchId {
    type Error = WireError;
    fn try_from(wire: v1::LaunchId) -> Result<Self, WireError> {
        Ok(Self { term: domain::Term(wire.term), n: wire.n })
    }
}

impl From<domain::FactId> for v1::FactId {
    fn from(id: domain::FactId) -> Self {
        Self { incarnation: id.incarnation.as_bytes().to_vec(), n: id.n }
    }
}

impl TryFrom<v1::FactId> for domain::FactId {
    type Error = WireError;
    fn try_from(wire: v1::FactId) -> Result<Self, WireError> {
        Ok(Self { incarnation: id(&wire.incarnation, "incarnation")?, n: wire.n })
    }
}
