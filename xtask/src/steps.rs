//! Running commands and reporting steps: each with its time, every failure again at the end.

use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::workspace::Workspace;

/// The steps of one run. A failed step does not stop the next, so that one run shows everything there is to mend.
#[derive(Default)]
pub(crate) struct Steps {
    count: usize,
    failures: Vec<String>,
}

impl Steps {
    /// Runs one step, and says how long it took.
    pub(crate) fn run(&mut self, name: &str, step: impl FnOnce() -> io::Result<()>) {
        println!("== {name}");
        let started = Instant::now();
        let outcome = step();
        let seconds = started.elapsed().as_secs_f64();
        self.count += 1;
        match outcome {
            Ok(()) => println!("== {name}: ok, {seconds:.1} s"),
            Err(error) => {
                println!("== {name}: FAILED, {seconds:.1} s: {error}");
                self.failures.push(format!("{name}: {error}"));
            }
        }
    }

    /// Says once more what failed.
    pub(crate) fn finish(self, title: &str) -> ExitCode {
        if self.failures.is_empty() {
            println!("{title}: all {} steps are fine", self.count);
            return ExitCode::SUCCESS;
        }
        println!("{title}: {} of {} steps failed", self.failures.len(), self.count);
        for failure in &self.failures {
            println!("  {failure}");
        }
        ExitCode::FAILURE
    }
}

/// The cargo that runs us, started in the workspace's root. It gets no standard input: nothing here may wait for a person.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(cargo_path());
    command.current_dir(&workspace.root).stdin(Stdio::null());
    command
}

/// Where cargo is: it names itself to what it runs.
pub(crate) fn cargo_path() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Runs a command to its end, with our own output streams; anything but success is an error that names the command.
pub(crate) fn run_command(command: &mut Command) -> io::Result<()> {
    let status = command.status().map_err(|error| named(command, &error))?;
    if status.success() { Ok(()) } else { Err(named(command, &status)) }
}

/// What a command printed, as text; anything but success is an error that carries its complaint.
pub(crate) fn output_of(command: &mut Command) -> io::Result<String> {
    let output = command.output().map_err(|error| named(command, &error))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        return Err(named(command, &complaint.trim()));
    }
    String::from_utf8(output.stdout).map_err(|error| named(command, &error))
}

fn named(command: &Command, what: &dyn std::fmt::Display) -> io::Error {
    let program = std::path::Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy();
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    io::Error::other(format!("`{program} {}`: {what}", arguments.join(" ")))
}
