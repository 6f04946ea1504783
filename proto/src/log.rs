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
        Self { request, offset, data, error: None }
    }

    /// The last chunk of a stream that ends before the output does.
    pub fn failed(request: u64, offset: u64, error: impl Into<String>) -> Self {
        Self { request, offset, data: Bytes::new(), error: Some(error.into()) }
    }

    /// Checks a chunk that a peer has sent.
    ///
    /// # Errors
    /// When it has too much data, or ends beyond what an offset can say.
    pub fn check(&self) -> Result<(), WireError> {
        if self.data.len() > LOG_CHUNK_BYTES_MAX {
            return Err(WireError::new("data", format!("{} bytes, at most {LOG_CHUNK_BYTES_MAX}", self.data.len())));
        }
        match self.offset.checked_add(self.data.len() as u64) {
            Some(_) => Ok(()),
            None => Err(WireError::new("offset", "it is too large")),
        }
    }
}
