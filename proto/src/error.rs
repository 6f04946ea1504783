//! What is wrong with a message, and where in it.

use meros_types::{IdError, NameError, ResourcesError};

/// How much of a peer's own text an error repeats, in bytes: enough to recognise it.
const QUOTED_BYTES_MAX: usize = 64;

/// A message that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct WireError {
    /// The path of the field, such as `accept.groups[2].operations[0].launch.tasks[1].id`.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl WireError {
    /// An error at this field.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// The same error, seen from the message whose field `outer` is.
    #[must_use]
    pub(crate) fn within(mut self, outer: &str) -> Self {
        self.field = if self.field.is_empty() { outer.to_owned() } else { format!("{outer}.{}", self.field) };
        self
    }

    /// The same error, seen from the message whose repeated field `outer` has it at `index`.
    #[must_use]
    pub(crate) fn within_item(self, outer: &str, index: usize) -> Self {
        self.within(&format!("{outer}[{index}]"))
    }

    /// What is absent though it must not be.
    pub(crate) fn missing(field: &str) -> Self {
        Self::new(field, "it is missing")
    }

    /// What is on the wire and not built yet.
    pub(crate) fn unimplemented(field: &str, what: &str) -> Self {
        Self::new(field, format!("{what} are not implemented yet"))
    }
}

impl From<WireError> for tonic::Status {
    fn from(error: WireError) -> Self {
        tonic::Status::invalid_argument(error.to_string())
    }
}

// The errors below have no field yet; whoever asked for the value adds its name.

impl From<IdError> for WireError {
    fn from(error: IdError) -> Self {
        Self::new("", format!("{:?} is not {}: {}", quoted(&error.text), error.kind, error.reason))
    }
}

impl From<NameError> for WireError {
    fn from(error: NameError) -> Self {
        Self::new("", format!("{:?} is not {}: {}", quoted(&error.text), error.kind, error.reason))
    }
}

impl From<ResourcesError> for WireError {
    fn from(error: ResourcesError) -> Self {
        Self::new("", format!("{:?}: {}", quoted(&error.text), error.reason))
    }
}

fn quoted(text: &str) -> &str {
    prefix(text, QUOTED_BYTES_MAX)
}

/// The beginning of `text`, at most `bytes` long and never half a character.
pub(crate) fn prefix(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
