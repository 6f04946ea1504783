//! The event log: one line for everything that happened, the same byte for byte for the same seed. Owned: the text and its tail.
//! Absent: what the lines say, which is `describe`'s.

use std::fmt::{self, Write as _};

use meros_types::Time;

/// How many lines a failure shows.
const TAIL_LINES: usize = 50;
/// How much of the log is kept. Past it the older half goes: a run that long is looked at from its end.
const LOG_BYTES_MAX: usize = 512 << 20;

/// What happened, as text.
#[derive(Debug, Default)]
pub(crate) struct Log {
    text: String,
}

impl Log {
    /// Adds a line: `what` that happened to `who`.
    pub(crate) fn line(&mut self, now: Time, who: impl fmt::Display, what: fmt::Arguments<'_>) {
        if self.text.len() > LOG_BYTES_MAX {
            self.forget_older_half();
        }
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{now} {who} {what}");
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    fn forget_older_half(&mut self) {
        let half = self.text.floor_char_boundary(self.text.len() / 2);
        let line = self.text[half..].find('\n').map_or(self.text.len(), |at| half + at + 1);
        self.text.drain(..line);
    }
}

/// The last lines of a log.
pub(crate) fn tail(text: &str) -> &str {
    let newlines = text.rmatch_indices('\n');
    let start = newlines.map(|(at, _)| at + 1).nth(TAIL_LINES).unwrap_or(0);
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_last_lines() {
        let mut log = Log::default();
        for n in 0..60_u64 {
            log.line(Time(n), "a", format_args!("{n}"));
        }
        let lines: Vec<&str> = tail(log.text()).lines().collect();
        assert_eq!(lines.len(), TAIL_LINES);
        assert!(lines[0].ends_with(" a 10") && lines[49].ends_with(" a 59"));
        assert_eq!(log.text().lines().count(), 60);
    }
}
