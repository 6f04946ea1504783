//! `cargo xtask test`: every test of the workspace, those on cgroup v2 in a virtual machine, then the demo as a user runs it, and
//! what all of them leave behind.
//!
//! Everything is built in one way, the dev profile with the tests' features, so that there is one set of artifacts. The last line
//! is `N passed, N failed`, for people and for CI.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{ChildStdout, Command, ExitCode, Stdio};

use crate::leftovers::{nothing_new, traces};
use crate::steps::{cargo, run_command};
use crate::tally::Tally;
use crate::tools;
use crate::vm;
use crate::workspace::Workspace;

/// The demo takes seconds; past this it hangs. Generous, since CI machines are slow and shared.
const DEMO_LIMIT_SECONDS: u32 = 300;
/// How long a hanging demo may take to end after SIGTERM before it is killed.
const DEMO_GRACE_SECONDS: u32 = 15;

/// Runs all of it; the exit code says whether all passed.
pub(crate) fn run(workspace: &Workspace) -> io::Result<ExitCode> {
    let mut tally = Tally::default();
    if can_run(workspace, &mut tally) {
        let before = traces(&workspace.target)?;
        tally.add(cargo_test(workspace)?);
        test_in_machine(workspace, &mut tally);
        tally.check("the tests leave nothing behind", || nothing_new(&before, &workspace.target));
        let before = traces(&workspace.target)?;
        tally.check("the demo succeeds", || demo(workspace));
        tally.check("the demo leaves nothing behind", || nothing_new(&before, &workspace.target));
    }
    Ok(finish(tally))
}

/// Runs the tests in the virtual machine alone.
pub(crate) fn run_in_machine(workspace: &Workspace) -> io::Result<ExitCode> {
    let mut tally = Tally::default();
    if can_run(workspace, &mut tally) {
        test_in_machine(workspace, &mut tally);
    }
    Ok(finish(tally))
}

fn can_run(workspace: &Workspace, tally: &mut Tally) -> bool {
    // With all targets the features are those of the tests, so `cargo test` builds nothing anew, and the binary is there too.
    let build = ["build", "--workspace", "--all-targets", "--locked"];
    let can_run = tally.check("every tool is there", tools::install_missing);
    can_run && tally.check("everything builds", || run_command(cargo(workspace).args(build)))
}

fn test_in_machine(workspace: &Workspace, tally: &mut Tally) {
    let mut found = Tally::default();
    tally.check("the tests on cgroup v2 come to their end", || vm::run(workspace).map(|sum| found = sum));
    tally.add(found);
}

fn finish(tally: Tally) -> ExitCode {
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
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

/// The first command of the README, in release mode: what users run has no debug assertions. `timeout` (coreutils) ends it if it
/// hangs.
fn demo(workspace: &Workspace) -> io::Result<()> {
    run_command(cargo(workspace).args(["build", "--release", "--locked"]))?;
    let mut command = Command::new("timeout");
    command.arg(format!("--kill-after={DEMO_GRACE_SECONDS}")).arg(DEMO_LIMIT_SECONDS.to_string());
    run_command(command.arg(workspace.target.join("release/meros")).arg("demo").stdin(Stdio::null()))
}
