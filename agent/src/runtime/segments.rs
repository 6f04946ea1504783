//! How a task's output lies on the disk: each stream in segments, files of bounded size and number, in `logs/`.
//!
//! ```text
//!   logs/stdout.00000000000008388608     the oldest that is left
//!   logs/stdout.00000000000016777216     the newest, which grows
//!   logs/stdout -> stdout.00000000000016777216
//! ```
//!
//! A segment is named after the stream and the place of its first byte in the whole output, and where it ends the next begins. So
//! a place is found by the names alone, whatever was being done when a shim was killed. The link is for people: nothing of ours
//! reads it. Deliberately absent: writing them (the shim) and reading them ([`crate::follow`]).

use meros_types::LogStream;

/// How many digits the place in a segment's name has: as many as the largest place, so that names sort like places.
const DIGITS: usize = 20;

/// How much of each stream of a task's output is kept: at least `bytes` x (`files` - 1) of the newest, at most `bytes` x `files`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// The most bytes of one segment; from [`LogLimits::BYTES_MIN`] on. Default 8 MiB.
    pub bytes: u64,
    /// The most segments; from [`LogLimits::FILES_MIN`] to [`LogLimits::FILES_MAX`]. Default 4.
    pub files: u32,
}

impl LogLimits {
    /// Smaller segments would be made and removed all the time.
    pub const BYTES_MIN: u64 = 4 << 10;
    /// With a single segment all would be lost whenever it is full.
    pub const FILES_MIN: u32 = 2;
    /// A shim remembers each of them.
    pub const FILES_MAX: u32 = 1_000;

    /// These limits, or the nearest that are possible.
    #[must_use]
    pub fn clamped(self) -> Self {
        Self { bytes: self.bytes.max(Self::BYTES_MIN), files: self.files.clamp(Self::FILES_MIN, Self::FILES_MAX) }
    }
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { bytes: 8 << 20, files: 4 }
    }
}

/// What a stream is called in names of files.
pub(crate) fn stream_name(stream: LogStream) -> &'static str {
    match stream {
        LogStream::Stdout => "stdout",
        LogStream::Stderr => "stderr",
    }
}

/// The name of the segment of a stream whose first byte is the output's byte `start`.
pub(crate) fn segment_name(stream: LogStream, start: u64) -> String {
    format!("{}.{start:0DIGITS$}", stream_name(stream))
}

/// Undoes [`segment_name`]; none for the name of anything else.
pub(crate) fn segment_start(stream: LogStream, name: &str) -> Option<u64> {
    let digits = name.strip_prefix(stream_name(stream))?.strip_prefix('.')?;
    let is_place = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_place { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segments_name_says_its_place() {
        for start in [0, 1, 8 << 20, u64::MAX] {
            let name = segment_name(LogStream::Stdout, start);
            assert_eq!(segment_start(LogStream::Stdout, &name), Some(start), "{name}");
            assert_eq!(segment_start(LogStream::Stderr, &name), None, "{name}");
        }
        for other in ["stdout", "stdout.1", "stdout.next", "stdout.99999999999999999999", "stdout.+0000000000000000001"] {
            assert_eq!(segment_start(LogStream::Stdout, other), None, "{other}");
        }
    }

    #[test]
    fn impossible_limits_become_possible_ones() {
        let clamped = LogLimits { bytes: 0, files: 1 }.clamped();
        assert_eq!(clamped, LogLimits { bytes: LogLimits::BYTES_MIN, files: LogLimits::FILES_MIN });
        assert_eq!(LogLimits::default().clamped(), LogLimits::default());
    }
}
