//! Which values of the Host header are ours: against web pages whose name was made to resolve to loopback (DNS rebinding).
//!
//! Deliberately absent: tokens. The agent's port has nothing to protect; whatever acts on an agent comes over its own streams.

use std::net::{IpAddr, SocketAddr};

/// What the Host header may be.
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
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.parse::<u16>().is_ok() && (!name.contains(':') || name.ends_with(']')) => name,
            _ => host,
        };
        match name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            // Rebinding needs a name. So where the agent listens on every address, each of them is as good as the other.
            Ok(address) => address.is_loopback() || address == self.listen || self.listen.is_unspecified(),
            Err(_) => {
                name.eq_ignore_ascii_case("localhost") || self.hostname.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_admitted() {
        let check = HostCheck::new("127.0.0.1:5051".parse().unwrap());
        for ours in ["127.0.0.1:5051", "127.0.0.1", "localhost:5051", "[::1]:5051", "::1"] {
            assert!(check.admits(ours), "{ours}");
        }
        for theirs in ["", "evil.example:5051", "localhost.evil.example", "10.0.0.1:5051"] {
            assert!(!check.admits(theirs), "{theirs}");
        }
    }
}
