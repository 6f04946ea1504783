//! Which values of the Host header are ours: against web pages whose name was made to resolve to loopback (DNS rebinding).
//!
//! Loopback is no authentication: every user of the machine reaches it, and so does such a page. Deliberately absent: tokens,
//! which are the answer to the former.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};

/// Which values of the Host header are ours.
#[derive(Clone, Debug)]
pub struct HostCheck {
    listen: IpAddr,
    /// This machine's own name; asked for only off loopback.
    hostname: Option<String>,
}

impl HostCheck {
    /// For a daemon that listens here.
    pub fn new(listen: SocketAddr) -> Self {
        let listen = listen.ip();
        let hostname = (!listen.is_loopback()).then(nix::unistd::gethostname).and_then(Result::ok);
        Self { listen, hostname: hostname.and_then(|name| name.into_string().ok()) }
    }

    /// Whether a request for this host, with or without a port, may be answered.
    pub fn admits(&self, host: &str) -> bool {
        let name = without_port(host);
        match name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            // Rebinding needs a name. So where the daemon listens on every address, each of them is as good as the other.
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

/// The same pages, for requests that name this daemon; 403 for all others.
pub fn guarded(router: Router, check: HostCheck) -> Router {
    router.layer(from_fn_with_state(check, admit))
}

/// A page of the web that had its name resolved to our address names itself in the Host header, which it can't choose. HTTP/2
/// has the same in the request's URI. Who names no host is no browser.
async fn admit(State(check): State<HostCheck>, request: Request, next: Next) -> Response {
    let header = request.headers().get(HOST).map(|value| value.to_str().unwrap_or_default());
    let authority = request.uri().authority().map(Authority::as_str);
    match header.into_iter().chain(authority).find(|host| !check.admits(host)) {
        None => next.run(request).await,
        Some(host) => {
            let reason = format!("this is not {host:?}: ask by a loopback name, or by the address that is listened on\n");
            (StatusCode::FORBIDDEN, reason).into_response()
        }
    }
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
        for theirs in ["", "evil.example:5050", "localhost.evil.example", "10.0.0.1:5050", "127.0.0.1.evil.example", "evil.example"]
        {
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
