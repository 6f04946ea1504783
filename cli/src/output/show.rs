//! Amounts as short text for people. JSON has the exact numbers.

use std::time::Duration;

/// Seconds with two decimals.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64())
}

/// Bytes with three digits or so, in a binary unit: `32.0 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1_024.0;
    let mut unit = 0;
    while amount >= 1_000.0 && unit + 1 < UNITS.len() {
        amount /= 1_024.0;
        unit += 1;
    }
    let decimals = if amount < 100.0 { 1 } else { 0 };
    format!("{amount:.decimals$} {}", UNITS[unit])
}

/// `1 time`, `7 times`.
pub(crate) fn count(count: u64, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_few_digits() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(32 << 20), "32.0 MiB");
        assert_eq!(bytes(1_000 << 10), "1.0 MiB");
        assert_eq!(bytes(300 << 10), "300 KiB");
        assert_eq!(bytes(u64::MAX), "16384 PiB");
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!((count(1, "time"), count(0, "time")), ("1 time".to_owned(), "0 times".to_owned()));
    }
}
