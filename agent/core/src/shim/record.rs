//! The text of the files that a shim leaves in `state/`: `record` before its task starts, `exit` after the last process is dead.
//!
//! Lines of a key and a value between a title with the version and an `end`, so that a torn file is seen as such, people can
//! read it, and a later version may add keys: unknown ones are skipped. Deliberately absent: the files themselves.

use std::fmt::Write as _;
use std::str::FromStr;
use std::time::Duration;

use meros_types::{ContainerId, Exit, ExitRecord, Usage};

/// The version of both formats that this code writes. It reads every version up to it.
pub const RECORD_VERSION: u32 = 1;

/// The most bytes that an exit record takes; its file has this much space from before the task starts, so that a full disk can't
/// lose it. Nine numbers of at most 20 digits and their keys fit well.
pub const EXIT_RECORD_BYTES_MAX: usize = 1_024;

const SHIM_TITLE: &str = "meros-shim";
const EXIT_TITLE: &str = "meros-exit";
const END: &str = "end";

/// Text that is not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It is another file, or nothing of it was written.
    #[error("the first line is {found:?} and not \"{wanted}\" and a version")]
    Title {
        /// The word it should begin with.
        wanted: &'static str,
        /// The first line.
        found: String,
    },
    /// A later Meros wrote it.
    #[error("it has version {version}, and this agent reads up to {RECORD_VERSION}: run a newer agent")]
    Version {
        /// Its version.
        version: u32,
    },
    /// Its writer was interrupted.
    #[error("it stops before its last line: whoever wrote it was interrupted")]
    Torn,
    /// A value that should be there is not, or does not parse.
    #[error("it has no valid {key:?}")]
    Value {
        /// Whose value.
        key: &'static str,
    },
}

/// Who a shim is, for the agent that may have to adopt it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShimRecord {
    /// What it supervises.
    pub container: ContainerId,
    /// Its own process id. A hint for people: only the lock on `state/lock` proves that it lives.
    pub shim_pid: i32,
    /// When it began, in milliseconds since 1970 (UTC).
    pub started_wall_ms: u64,
}

/// The text of `state/record`.
pub fn write_shim_record(record: &ShimRecord) -> String {
    let mut text = format!("{SHIM_TITLE} {RECORD_VERSION}\n");
    line(&mut text, "container", record.container);
    line(&mut text, "shim_pid", record.shim_pid);
    line(&mut text, "started_wall_ms", record.started_wall_ms);
    text.push_str(END);
    text.push('\n');
    text
}

/// Reads `state/record`.
///
/// # Errors
/// [`RecordError`]: then no task was ever started, since the record precedes it.
pub fn read_shim_record(text: &str) -> Result<ShimRecord, RecordError> {
    let lines = Lines::of(text, SHIM_TITLE)?;
    Ok(ShimRecord {
        container: lines.value("container")?,
        shim_pid: lines.value("shim_pid")?,
        started_wall_ms: lines.value("started_wall_ms")?,
    })
}

/// The text of `state/exit`.
pub fn write_exit_record(record: &ExitRecord) -> String {
    let mut text = format!("{EXIT_TITLE} {RECORD_VERSION}\n");
    match record.exit {
        Exit::Code(code) => line(&mut text, "exit_code", code),
        Exit::Signal(signal) => line(&mut text, "exit_signal", signal),
    }
    let usage = &record.usage;
    line(&mut text, "cpu_ns", usage.cpu.as_nanos());
    line(&mut text, "memory_peak_bytes", usage.memory_peak_bytes);
    line(&mut text, "throttled_periods", usage.throttled_periods);
    line(&mut text, "throttled_ns", usage.throttled.as_nanos());
    line(&mut text, "pids_refused", usage.pids_refused);
    line(&mut text, "oom_kills", usage.oom_kills);
    line(&mut text, "wall_ns", usage.wall.as_nanos());
    text.push_str(END);
    text.push('\n');
    assert!(text.len() <= EXIT_RECORD_BYTES_MAX, "an exit record fits the space kept for it");
    text
}

/// Reads `state/exit`.
///
/// # Errors
/// [`RecordError`]: then the container is over, but how it ended is lost.
pub fn read_exit_record(text: &str) -> Result<ExitRecord, RecordError> {
    let lines = Lines::of(text, EXIT_TITLE)?;
    let exit = match lines.value("exit_code") {
        Ok(code) => Exit::Code(code),
        Err(_) => Exit::Signal(lines.value("exit_signal")?),
    };
    let usage = Usage {
        cpu: lines.nanoseconds("cpu_ns")?,
        memory_peak_bytes: lines.value("memory_peak_bytes")?,
        throttled_periods: lines.value("throttled_periods")?,
        throttled: lines.nanoseconds("throttled_ns")?,
        pids_refused: lines.value("pids_refused")?,
        oom_kills: lines.value("oom_kills")?,
        wall: lines.nanoseconds("wall_ns")?,
    };
    Ok(ExitRecord { exit, usage })
}

fn line(text: &mut String, key: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{key} {value}");
}

/// The lines between title and end.
struct Lines<'text>(&'text str);

impl<'text> Lines<'text> {
    fn of(text: &'text str, title: &'static str) -> Result<Self, RecordError> {
        let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
        let version = first.strip_prefix(title).and_then(|version| version.trim().parse::<u32>().ok());
        let version = version.ok_or_else(|| RecordError::Title { wanted: title, found: first.chars().take(40).collect() })?;
        if version > RECORD_VERSION {
            return Err(RecordError::Version { version });
        }
        let body = rest.strip_suffix("end\n").filter(|body| body.is_empty() || body.ends_with('\n'));
        body.map(Self).ok_or(RecordError::Torn)
    }

    fn value<T: FromStr>(&self, key: &'static str) -> Result<T, RecordError> {
        let found = self.0.lines().find_map(|line| line.split_once(' ').filter(|(name, _)| *name == key));
        found.and_then(|(_, value)| value.parse().ok()).ok_or(RecordError::Value { key })
    }

    fn nanoseconds(&self, key: &'static str) -> Result<Duration, RecordError> {
        self.value(key).map(Duration::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_record() -> ExitRecord {
        let usage = Usage {
            cpu: Duration::from_nanos(1_234_567),
            memory_peak_bytes: u64::MAX,
            throttled_periods: 3,
            throttled: Duration::from_micros(90),
            pids_refused: 4,
            oom_kills: 1,
            wall: Duration::from_secs(86_400),
        };
        ExitRecord { exit: Exit::Signal(9), usage }
    }

    #[test]
    fn an_exit_record_reads_as_written() {
        let record = exit_record();
        assert_eq!(read_exit_record(&write_exit_record(&record)), Ok(record));
        let record = ExitRecord { exit: Exit::Code(255), ..record };
        assert_eq!(read_exit_record(&write_exit_record(&record)), Ok(record));
    }

    #[test]
    fn a_shim_record_reads_as_written() {
        let record = ShimRecord { container: ContainerId::from_bytes([7; 16]), shim_pid: 42, started_wall_ms: 1_700_000_000_000 };
        assert_eq!(read_shim_record(&write_shim_record(&record)), Ok(record));
    }

    #[test]
    fn every_torn_exit_record_is_refused() {
        let text = write_exit_record(&exit_record());
        for length in 0..text.len() {
            assert!(read_exit_record(&text[..length]).is_err(), "the first {length} bytes");
        }
    }

    #[test]
    fn keys_of_a_later_kind_are_skipped_and_later_versions_refused() {
        let text = write_exit_record(&exit_record());
        let more = text.replace("end\n", "colour blue\nend\n");
        assert_eq!(read_exit_record(&more), Ok(exit_record()));
        let later = text.replacen("meros-exit 1", "meros-exit 2", 1);
        assert_eq!(read_exit_record(&later), Err(RecordError::Version { version: 2 }));
    }

    #[test]
    fn another_file_is_named() {
        assert!(matches!(read_exit_record("hello\nworld\n"), Err(RecordError::Title { .. })));
    }
}
