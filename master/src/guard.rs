//! Who may come in: the token of gRPC calls and HTTP requests.
//!
//! Loopback is no authentication, since every user of the machine reaches it. Deliberately absent: the check of the Host header,
//! which is `meros-daemon`'s, and who may do what; whoever has the token may do everything.

use std::sync::Arc;

use meros_proto::{TOKEN_KEY, Token};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// What those hear who bring no token or a wrong one.
pub(crate) const TOKEN_WANTED: &str = "the token is missing or wrong. Clients look for it in the file of --token-file, then of \
     MEROS_TOKEN_FILE, then in ~/.meros/<host>_<port>/token; the master keeps it in <work-dir>/token";

/// Admits gRPC calls that carry the token.
#[derive(Clone, Debug)]
pub(crate) struct TokenCheck(Arc<Token>);

impl TokenCheck {
    pub(crate) fn new(token: Token) -> Self {
        Self(Arc::new(token))
    }

    /// Whether this value of the `authorization` header is right.
    pub(crate) fn admits(&self, authorization: Option<&str>) -> bool {
        authorization.is_some_and(|authorization| self.0.admits(authorization))
    }
}

impl Interceptor for TokenCheck {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let authorization = request.metadata().get(TOKEN_KEY).and_then(|value| value.to_str().ok());
        if self.admits(authorization) { Ok(request) } else { Err(Status::unauthenticated(TOKEN_WANTED)) }
    }
}
