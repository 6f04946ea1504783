//! What the machine's console says: which test passed, which program ended how, and whether all were run.

use std::io;

use crate::tally::Tally;

/// What the machine prints when nothing is left to run.
const OVER: &str = "vm: over";

/// The sum of the lines so far.
#[derive(Debug, Default)]
pub(super) struct Console {
    tally: Tally,
    is_over: bool,
}

impl Console {
    /// Takes note of a line: `test <name> ... <verdict>` from a test program, `vm: <program> ended with <code>` from `init.sh`.
    pub(super) fn read(&mut self, line: &str) {
        self.is_over |= line == OVER;
        if let Some((_, verdict)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
            // A test that was skipped for whatever reason is what this machine is there to prevent.
            self.tally.count(verdict == "ok");
        }
        if let Some((_, code)) = line.strip_prefix("vm: ").and_then(|rest| rest.split_once(" ended with ")) {
            self.tally.count(code == "0");
        }
    }

    /// The sum, if the machine came to its end.
    ///
    /// # Errors
    /// When it did not, so that tests may be missing.
    pub(super) fn finish(self, status: &str) -> io::Result<Tally> {
        if self.is_over {
            return Ok(self.tally);
        }
        Err(io::Error::other(format!("the virtual machine ended before its tests did ({status}); its last lines are above")))
    }
}

/// A line without its end, and without what the firmware does to a terminal.
pub(super) fn plain(line: &str) -> String {
    let mut plain = String::new();
    let mut letters = line.trim_end().chars();
    while let Some(letter) = letters.next() {
        match letter {
            // A command ends with a letter.
            '\u{1b}' => drop(letters.by_ref().find(char::is_ascii_alphabetic)),
            letter if letter.is_control() && letter != '\t' => {}
            letter => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &[&str], expected: Option<(u64, u64)>) {
        let mut console = Console::default();
        lines.iter().for_each(|line| console.read(line));
        let found = console.finish("exit status: 0").ok();
        assert_eq!(found, expected.map(|(passed, failed)| Tally { passed, failed }));
    }

    #[test]
    fn every_test_and_every_program_counts() {
        let lines = ["test a::b ... ok", "test a::c ... FAILED", "test result: FAILED", "vm: tests ended with 1", OVER];
        check(&lines, Some((1, 2)));
        check(&["test a ... ok", "vm: tests ended with 0", OVER], Some((2, 0)));
    }

    #[test]
    fn a_skipped_test_has_failed() {
        check(&["test a ... skipped: no cgroups", OVER], Some((0, 1)));
    }

    #[test]
    fn a_machine_that_stops_half_way_is_an_error() {
        check(&["test a ... ok"], None);
    }

    #[test]
    fn the_firmwares_commands_are_no_text() {
        assert_eq!(plain("\u{1b}c\u{1b}[?7l\u{1b}[2J\u{1b}[0mBooting\r\n"), "Booting");
        assert_eq!(plain("a\tb\r\n"), "a\tb");
    }
}
