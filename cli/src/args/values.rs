//! How single values on the command line are read. Each refusal is one sentence that says what to write instead.
//!
//! Owned here: durations, addresses, ranges of users, amounts. Deliberately absent: the words of
//! resources, roles, attributes and ids, which `meros-types` reads for everybody.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use meros_agent::runtime::LogLimits;
use meros_types::{Bounds, COMMON_NAMES, Constraint, Domain, Resources, Role, WallTime, parse_bytes, parse_milli};

use crate::calendar;

/// The port of a master, when an address names none.
pub(crate) const MASTER_PORT_DEFAULT: u16 = 5050;

/// The units of time, in milliseconds.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The longest duration, in milliseconds: a year. What is longer is a slip of the finger.
const DURATION_MAX_MS: u64 = 365 * 86_400_000;

/// Reads `500ms`, `5s`, `1.5m`, `2h`, `7d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = (&text[..split], &text[split..]);
    if unit.is_empty() {
        return Err(format!("a unit is missing: write {number}s or {number}ms (also m, h, d)"));
    }
    let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit).ok_or("the unit is not one of ms, s, m, h, d")?;
    let milli = parse_milli(number).map_err(|error| error.reason)?;
    // Thousandths of the unit, so that the product is in microseconds.
    let micros = milli.saturating_mul(*scale);
    if micros > DURATION_MAX_MS * 1_000 {
        return Err("it is longer than a year".to_owned());
    }
    Ok(Duration::from_micros(micros))
}

/// A duration that must not be zero.
pub(crate) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be more than nothing".to_owned()),
        long => Ok(long),
    }
}

/// Reads `HOST:PORT`, or `HOST` for the master's usual port.
pub(crate) fn address(text: &str) -> Result<String, String> {
    const HINT: &str = "write HOST:PORT, such as 127.0.0.1:5050";
    if text.contains("://") || text.contains('/') || text.contains(char::is_whitespace) {
        return Err(HINT.to_owned());
    }
    let bracketed = text.starts_with('[') && text.ends_with(']');
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !bracketed => (host, port.parse::<u16>().map_err(|_| "a port is a number from 1 to 65535")?),
        _ => (text, MASTER_PORT_DEFAULT),
    };
    if host.is_empty() || (host.contains(':') && !host.starts_with('[')) {
        return Err(format!("{HINT} or [::1]:5050"));
    }
    if port == 0 {
        return Err("a port is a number from 1 to 65535".to_owned());
    }
    Ok(format!("{host}:{port}"))
}

/// Reads an IP address and a port to listen on; port 0 is any.
pub(crate) fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:5050".to_owned())
}

/// Reads `FIRST-LAST`: the users that tasks run as.
pub(crate) fn uids(text: &str) -> Result<Range<u32>, String> {
    const HINT: &str = "write FIRST-LAST, such as 200000-265535";
    let (first, last) = text.split_once('-').ok_or(HINT)?;
    let uid = |text: &str| text.trim().parse::<u32>().map_err(|_| HINT);
    let (first, last) = (uid(first)?, uid(last)?);
    if first == 0 {
        return Err("0 is root, and no task runs as root".to_owned());
    }
    // The last uid there is means "no user" to the kernel.
    if last < first || last == u32::MAX {
        return Err("the range is empty, or ends beyond 4294967294".to_owned());
    }
    Ok(first..last + 1)
}

/// Reads a number of CPUs as milli-cores; more than none.
pub(crate) fn cpus(text: &str) -> Result<u64, String> {
    match parse_milli(text) {
        Ok(0) => Err("it must be at least 0.001".to_owned()),
        Ok(milli) => Ok(milli),
        Err(error) => Err(error.reason),
    }
}

/// Reads a length in bytes, with a unit or without.
pub(crate) fn length(text: &str) -> Result<u64, String> {
    text.parse().or_else(|_| parse_bytes(text).map_err(|error| error.reason))
}

/// Reads the size of a file of a task's output.
pub(crate) fn log_bytes(text: &str) -> Result<u64, String> {
    match parse_bytes(text).map_err(|error| error.reason)? {
        small if small < LogLimits::BYTES_MIN => Err("it must be at least 4KiB".to_owned()),
        bytes => Ok(bytes),
    }
}

/// Reads an amount of memory in bytes; more than none.
pub(crate) fn memory(text: &str) -> Result<u64, String> {
    match parse_bytes(text) {
        Ok(0) => Err("it must be more than nothing".to_owned()),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(error.reason),
    }
}

/// Reads resources as Mesos users write them; at least one, since an agent or task without any is a slip.
pub(crate) fn resources(text: &str) -> Result<Resources, String> {
    if text.trim().is_empty() {
        return Err("name at least one resource, such as cpus:4;mem:8GiB".to_owned());
    }
    Resources::parse(text).map_err(|error| error.to_string())
}

/// Reads the most that a role may have; at least one resource, since no limit at all is another flag.
pub(crate) fn limit(text: &str) -> Result<Bounds, String> {
    match Bounds::parse(text) {
        Ok(bounds) if bounds.is_none() => {
            Err("name at least one resource, such as cpus:4;mem:8GiB; --no-limit lifts it".to_owned())
        }
        read => read.map_err(|error| error.to_string()),
    }
}

/// Reads a constraint on agents.
pub(crate) fn constraint(text: &str) -> Result<Constraint, String> {
    let hint = |error: meros_types::NameError| format!("{}; write such as rack=a,b, rack!=a, rack or !rack", error.reason);
    text.parse().map_err(hint)
}

/// Reads a moment: a date with a time and its offset from UTC, or `+DURATION` from now.
pub(crate) fn moment(text: &str) -> Result<WallTime, String> {
    match text.strip_prefix('+') {
        Some(wait) => Ok(calendar::after(duration(wait)?)),
        None => calendar::parse(text),
    }
}

/// Reads `ROLE=WEIGHT`.
pub(crate) fn weight(text: &str) -> Result<(Role, u32), String> {
    let (role, weight) = text.rsplit_once('=').ok_or("write ROLE=WEIGHT, such as batch=3")?;
    let role = Role::new(role).map_err(|error| error.reason.to_owned())?;
    match weight.parse() {
        Ok(weight) if weight > 0 => Ok((role, weight)),
        _ => Err("a weight is a whole number from 1".to_owned()),
    }
}

/// Reads `REGION/ZONE`.
pub(crate) fn domain(text: &str) -> Result<Domain, String> {
    text.parse().map_err(|error: meros_types::NameError| error.reason.to_owned())
}

/// Reads the name of a region, without a zone.
pub(crate) fn region(text: &str) -> Result<String, String> {
    match domain(&format!("{text}/any")) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("a region is not empty, has at most 256 bytes, and no / , ; or control characters".to_owned()),
    }
}

/// Reads the name of a scalar.
pub(crate) fn scalar(text: &str) -> Result<String, String> {
    let custom = || Resources::none().with_custom(text, 0).map_err(|error| error.reason);
    if COMMON_NAMES.contains(&text) { Ok(text.to_owned()) } else { custom().map(|_| text.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert!(duration("5").unwrap_err().contains("write 5s or 5ms"));
        for bad in ["", "s", "-1s", "1 s", "5x", "1e3s", "9999999d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert!(positive_duration("0s").is_err());
    }

    #[test]
    fn addresses_have_a_host_and_perhaps_a_port() {
        assert_eq!(address("localhost:80"), Ok("localhost:80".to_owned()));
        assert_eq!(address("10.0.0.1"), Ok("10.0.0.1:5050".to_owned()));
        assert_eq!(address("[::1]"), Ok("[::1]:5050".to_owned()));
        assert_eq!(address("[::1]:7"), Ok("[::1]:7".to_owned()));
        for bad in ["", ":5050", "http://a:1", "a:b", "a:0", "a:70000", "::1", "a b:1"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_task_is_root() {
        assert_eq!(uids("100-199"), Ok(100..200));
        for bad in ["0-10", "10-5", "7", "a-b", "1-4294967295"] {
            assert!(uids(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn places_and_scalars_have_names() {
        assert_eq!(region("eu"), Ok("eu".to_owned()));
        assert_eq!(domain("eu/eu-1").unwrap().zone, "eu-1");
        assert_eq!((scalar("gpus"), scalar("licences")), (Ok("gpus".to_owned()), Ok("licences".to_owned())));
        assert!(region("eu/eu-1").is_err() && region("").is_err() && domain("eu").is_err());
        assert!(scalar("ports").is_err() && scalar("GPUs").is_err() && scalar("").is_err());
    }

    #[test]
    fn amounts_are_more_than_nothing() {
        assert_eq!((cpus("0.5"), memory("64MiB")), (Ok(500), Ok(64 << 20)));
        assert!(cpus("0").is_err() && memory("0B").is_err() && memory("64").is_err() && cpus("0.0001").is_err());
    }
}
