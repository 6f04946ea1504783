//! Chunks of a task's output. Where they are read from and who reads them is the shells'.

use prost::bytes::Bytes;

use crate::{LOG_CHUNK_BYTES_MAX, WireError, v1};

impl v1::LogChunk {
    /// Output that begins at `offset` of the whole.
    ///
    /// # Panics
    /// When there is more than [`LOG_CHUNK_BYTES_MAX`] of it.
    pub fn output(request: u64, offset: u64, data: impl Into<Bytes>) -> Self {
        let data = data.into();
        assert!(data.len() <= LOG_CHUNK_BYTES_MAX, "a chunk of {} bytes", data.len());
        Self { request, offset, data, ..Self::default() }
    }

    /// The last chunk of a stream that came to its end, `offset` being where that is.
    pub fn end(request: u64, offset: u64) -> Self {
        Self { request, offset, end: true, ..Self::default() }
    }

    /// The last chunk of a stream that ends before the output does, when asking again can't help.
    pub fn failed(request: u64, offset: u64, error: impl Into<String>) -> Self {
        Self { request, offset, error: Some(error.into()), ..Self::default() }
    }

    /// The same when asking again may help.
    pub fn interrupted(request: u64, offset: u64, error: impl Into<String>) -> Self {
        Self { retry: true, ..Self::failed(request, offset, error) }
    }

    /// Whether nothing follows it on its stream.
    pub fn is_last(&self) -> bool {
        self.end || self.error.is_some()
    }

    /// Checks a chunk that a peer has sent.
    ///
    /// # Errors
    /// When it has too much data, ends beyond what an offset can say, or is a good and a bad end at once.
    pub fn check(&self) -> Result<(), WireError> {
        if self.data.len() > LOG_CHUNK_BYTES_MAX {
            return Err(WireError::new("data", format!("{} bytes, at most {LOG_CHUNK_BYTES_MAX}", self.data.len())));
        }
        if self.end && self.error.is_some() {
            return Err(WireError::new("end", "there is an error too"));
        }
        match self.offset.checked_add(self.data.len() as u64) {
            Some(_) => Ok(()),
            None => Err(WireError::new("offset", "it is too large")),
        }
    }
}
