//! A master, as one connects to it: its address and where its token is.

use std::path::PathBuf;
use std::time::Duration;

use meros_proto::{Token, TokenError, token};
use tonic::transport::Endpoint;

use crate::Error;

/// How long one attempt to connect may take: a host that is up answers at once, and one that is gone is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of a stream may be on its way at once: a burst of offers should not wait for a round trip per 64 KiB.
const WINDOW_BYTES: u32 = 1 << 20;

#[derive(Clone, Debug)]
pub(crate) struct Master {
    address: String,
    token_file: Option<PathBuf>,
    endpoint: Endpoint,
}

impl Master {
    /// The master at `address`: `host:port`, a host, or either in an `http` URL.
    pub(crate) fn new(address: &str, token_file: Option<PathBuf>) -> Result<Self, Error> {
        let wrong = |reason: String| Error::Address { address: address.to_owned(), reason };
        if address.starts_with("https:") {
            return Err(wrong("TLS is not implemented yet".to_owned()));
        }
        let (host, port) = token::host_and_port(address);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let endpoint = Endpoint::from_shared(format!("http://{host}:{port}")).map_err(|error| wrong(error.to_string()))?;
        let endpoint = endpoint.connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true);
        let endpoint = endpoint.initial_stream_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
        Ok(Self { address: address.to_owned(), token_file, endpoint })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The master's token, as its file has it now: a master that was set up anew has a new one.
    pub(crate) fn token(&self) -> Result<Token, TokenError> {
        token::discover(&self.address, self.token_file.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, uri: &str) {
        assert_eq!(Master::new(address, None).unwrap().endpoint().uri().to_string(), uri);
    }

    #[test]
    fn addresses_become_uris() {
        check("127.0.0.1:5050", "http://127.0.0.1:5050/");
        check("master.example", "http://master.example:5050/");
        check("http://localhost:81/", "http://localhost:81/");
        check("[::1]:7", "http://[::1]:7/");
    }

    #[test]
    fn what_can_not_work_is_refused() {
        for (address, reason) in [("https://master", "TLS"), ("a b", "a b")] {
            let error = Master::new(address, None).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
