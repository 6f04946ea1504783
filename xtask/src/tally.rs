//! How many tests passed and how many failed, over everything that `cargo xtask test` runs.

use std::io;

/// The sum so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Tests that passed.
    pub(crate) passed: u64,
    /// Tests that did not.
    pub(crate) failed: u64,
}

impl Tally {
    /// Adds another sum.
    pub(crate) fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// Adds one test.
    pub(crate) fn count(&mut self, passed: bool) {
        self.add(Tally { passed: passed.into(), failed: (!passed).into() });
    }

    /// A check of our own counts as one test. Says whether it passed.
    pub(crate) fn check(&mut self, name: &str, check: impl FnOnce() -> io::Result<()>) -> bool {
        println!("== {name}?");
        let outcome = check();
        match &outcome {
            Ok(()) => println!("== {name}: ok"),
            Err(error) => println!("== {name}: FAILED: {error}"),
        }
        self.count(outcome.is_ok());
        outcome.is_ok()
    }

    /// Reads a line such as `test result: ok. 3 passed; 0 failed; 0 ignored; ...`, which ends each binary's tests.
    pub(crate) fn of_line(line: &str) -> Option<Tally> {
        let counts = line.strip_prefix("test result: ")?;
        let count_of =
            |unit: &str| counts.split(' ').zip(counts.split(' ').skip(1)).find(|(_, word)| *word == unit)?.0.parse().ok();
        Some(Tally { passed: count_of("passed;")?, failed: count_of("failed;")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_counted() {
        let line = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.00s\n";
        assert_eq!(Tally::of_line(line), Some(Tally { passed: 3, failed: 0 }));
        let line = "test result: FAILED. 30 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 9.10s";
        assert_eq!(Tally::of_line(line), Some(Tally { passed: 30, failed: 2 }));
    }

    #[test]
    fn other_lines_are_not() {
        assert_eq!(Tally::of_line("running 3 tests"), None);
        assert_eq!(Tally::of_line("test result::ok ... ok"), None);
        assert_eq!(Tally::of_line("a test printed: test result: ok. 3 passed; 0 failed;"), None);
    }

    #[test]
    fn a_failed_check_counts_as_a_failed_test() {
        let mut tally = Tally::default();
        assert!(tally.check("fine", || Ok(())));
        assert!(!tally.check("not fine", || Err(io::Error::other("why"))));
        assert_eq!(tally, Tally { passed: 1, failed: 1 });
    }
}
