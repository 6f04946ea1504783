//! Who may come in: the token of gRPC calls and HTTP requests, and the Host header of HTTP ones.
//!
//! Loopback is no authentication: every user of the machine reaches it, and so does a web page whose name was made to resolve
//! to it (DNS rebinding). Against the former there is the token, against the latter the check of the Host header. Deliberately
//! absent: who may do what; whoever has the token may do everything.

use std::net::{IpAddr, SocketAddr};
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

/// Which values of the Host header are ours.
#[derive(Clone, Debug)]
pub(crate) struct HostCheck {
    listen: IpAddr,
    /// This machine's own name; asked for only off loopback.
    hostname: Option<String>,
}

impl HostCheck {
    pub(crate) fn new(listen: SocketAddr) -> Self {
        let listen = listen.ip();
        let hostname = (!listen.is_loopback()).then(nix::unistd::gethostname).and_then(Result::ok);
        Self { listen, hostname: hostname.and_then(|name| name.into_string().ok()) }
    }

    /// Whether a request for this host, with or without a port, may be answered.
    pub(crate) fn admits(&self, host: &str) -> bool {
        let name = without_port(host);
        match name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            // Rebinding needs a name. So where the master listens on every address, each of them is as good as the other.
            Ok(address) => address.is_loopback() || address == self.listen || self.listen.is_unspecified(),
            Err(_) => {
                name.eq_ignore_ascii_case("localhost") || self.hostname.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
            }
        }
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && !is_bare_v6(name) => name,
        _ => host,
    }
}

fn is_bare_v6(name: &str) -> bool {
    name.contains(':') && !name.ends_with(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_only_loopback_is_admitted() {
        let check = HostCheck::new("127.0.0.1:5050".parse().unwrap());
        for ours in ["127.0.0.1:5050", "127.0.0.1", "localhost:5050", "LocalHost", "[::1]:5050", "::1", "127.0.0.2:1"] {
            assert!(check.admits(ours), "{ours}");
        }
        for theirs in ["", "evil.example:5050", "localhost.evil.example", "10.0.0.1:5050", "127.0.0.1.evil.example", "evil.example"] {
            assert!(!check.admits(theirs), "{theirs}");
        }
    }

    #[test]
    fn off_loopback_its_own_address_and_name_are_too() {
        let check = HostCheck::new("10.0.0.1:5050".parse().unwrap());
        let own = check.hostname.clone().unwrap();
        assert!(check.admits("10.0.0.1:5050") && check.admits(&own) && check.admits(&format!("{own}:5050")));
        assert!(!check.admits("10.0.0.2:5050") && !check.admits("evil.example"));
        assert!(HostCheck::new("0.0.0.0:5050".parse().unwrap()).admits("10.0.0.2:5050"));
    }
}
