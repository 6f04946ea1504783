//! `cargo xtask test`: every test of the workspace, then the demo as a user runs it, and what both leave behind.
//!
//! Everything is built in one way, the dev profile with the tests' features, so that there is one set of artifacts. The last line
//! is `N passed, N failed`, for people and for CI.

use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdout, Command, ExitCode, Stdio};

use crate::leftovers::{nothing_new, traces};
use crate::steps::{cargo, run_command};
use crate::tools;
use crate::workspace::Workspace;

/// The demo takes seconds; past this it hangs. Generous, since CI machines are slow and shared.
const DEMO_LIMIT_SECONDS: u32 = 300;
/// How long a hanging demo may take to end after SIGTERM before it is killed.
const DEMO_GRACE_SECONDS: u32 = 15;

/// Runs all of it; the exit code says whether all passed.
pub(crate) fn run(workspace: &Workspace) -> io::Result<ExitCode> {
    let mut tally = Tally::default();
    // With all targets the features are those of the tests, so `cargo test` builds nothing anew, and the binary is there too.
    let build = ["build", "--workspace", "--all-targets", "--locked"];
    let can_run = tally.check("every tool is there", tools::install_missing);
    if can_run && tally.check("everything builds", || run_command(cargo(workspace).args(build))) {
        let before = traces(&workspace.target)?;
        tally.add(cargo_test(workspace)?);
        tally.check("the tests leave nothing behind", || nothing_new(&before, &workspace.target));
        let before = traces(&workspace.target)?;
        tally.check("the demo succeeds", || demo(&workspace.target));
        tally.check("the demo leaves nothing behind", || nothing_new(&before, &workspace.target));
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// A check of our own counts as one test. Says whether it passed.
    fn check(&mut self, name: &str, check: impl FnOnce() -> io::Result<()>) -> bool {
        println!("== {name}?");
        let outcome = check();
        match &outcome {
            Ok(()) => println!("== {name}: ok"),
            Err(error) => println!("== {name}: FAILED: {error}"),
        }
        let passed = outcome.is_ok();
        self.add(Tally { passed: passed.into(), failed: (!passed).into() });
        passed
    }

    /// Reads a line such as `test result: ok. 3 passed; 0 failed; 0 ignored; ...`, which ends each binary's tests.
    fn of_line(line: &str) -> Option<Tally> {
        let counts = line.strip_prefix("test result: ")?;
        let count_of =
            |unit: &str| counts.split(' ').zip(counts.split(' ').skip(1)).find(|(_, word)| *word == unit)?.0.parse().ok();
        Some(Tally { passed: count_of("passed;")?, failed: count_of("failed;")? })
    }
}

/// All tests, doc tests included; a failure does not stop those after it.
fn cargo_test(workspace: &Workspace) -> io::Result<Tally> {
    let mut command = cargo(workspace);
    command.args(["test", "--workspace", "--locked", "--no-fail-fast"]).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut tally = child.stdout.take().map_or_else(|| Ok(Tally::default()), pass_on)?;
    let status = child.wait()?;
    // What did not build, or died, has reported no failed test, and must not pass for that.
    if !status.success() && tally.failed == 0 {
        println!("cargo test: {status}, without a failed test");
        tally.failed = 1;
    }
    Ok(tally)
}

/// Prints what arrives, line by line as it arrives, and sums the results. Tests may print what is not UTF-8.
fn pass_on(output: ChildStdout) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let mut out = io::stdout().lock();
        out.write_all(&line)?;
        out.flush()?;
        tally.add(Tally::of_line(&String::from_utf8_lossy(&line)).unwrap_or_default());
        line.clear();
    }
    Ok(tally)
}

/// The first command of the README, with the binary that was just built. `timeout` (coreutils) ends it if it hangs.
fn demo(target: &Path) -> io::Result<()> {
    let mut command = Command::new("timeout");
    command.arg(format!("--kill-after={DEMO_GRACE_SECONDS}")).arg(DEMO_LIMIT_SECONDS.to_string());
    run_command(command.arg(target.join("debug/meros")).arg("demo").stdin(Stdio::null()))
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
