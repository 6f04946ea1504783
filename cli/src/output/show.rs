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

/// Parts of a million as a percentage with one decimal: `12.5 %`.
pub(crate) fn percent(millionths: u64) -> String {
    format!("{:.1} %", millionths as f64 / 10_000.0)
}

/// A length of time in its two largest units: `1h 30m`, `45s`, `250ms`.
pub(crate) fn length(duration: Duration) -> String {
    const UNITS: [(&str, u128); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let milli = duration.as_millis();
    let Some(first) = UNITS.iter().position(|(_, unit)| milli >= *unit) else { return "0s".to_owned() };
    let mut rest = milli;
    let parts = UNITS[first..].iter().take(2).filter_map(|(name, unit)| {
        let count = rest / unit;
        rest %= unit;
        (count > 0).then(|| format!("{count}{name}"))
    });
    parts.collect::<Vec<_>>().join(" ")
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
    fn lengths_have_two_units_at_the_most() {
        let of = |milli| length(Duration::from_millis(milli));
        assert_eq!([of(0), of(250), of(1_500), of(45_000), of(90_000)], ["0s", "250ms", "1s 500ms", "45s", "1m 30s"]);
        assert_eq!([of(5_400_999), of(86_400_000), of(90_060_000)], ["1h 30m", "1d", "1d 1h"]);
    }

    #[test]
    fn shares_are_percentages() {
        assert_eq!([percent(0), percent(125_000), percent(1_000_000)], ["0.0 %", "12.5 %", "100.0 %"]);
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!((count(1, "time"), count(0, "time")), ("1 time".to_owned(), "0 times".to_owned()));
    }
}
