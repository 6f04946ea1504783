//! `meros`: the daemons, the tools of operators, and the demo, in one binary.
//!
//! Owned here: the command line, what people see, exit codes, and starting the parts that the other crates are. Deliberately
//! absent: any decision about offers, tasks and agents.

mod admin;
mod args;
mod batch;
mod calendar;
mod children;
mod config;
mod daemons;
mod demo;
mod duty;
mod error;
mod explain;
mod find;
mod framework;
mod local;
mod logging;
mod logs;
mod maintenance;
mod output;
mod progress;
mod quota;
mod registry;
mod roles;
mod run;
mod signals;
mod simulate;
mod status;
mod teardown;
mod usage;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;

use args::{Action, Cli};
use config::{Asked, Refusal};
use error::{EXIT_FAILED, EXIT_USAGE, Error};

fn main() -> ExitCode {
    // An agent re-executes this binary as its launcher, which forks: that must be decided before there is any other thread.
    meros_agent::dispatch_if_launcher();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match config::read(&arguments) {
        Ok(Asked::Perform(cli)) => *cli,
        Ok(Asked::Print(text)) => return told(output::say(text).map_err(Error::from).map(|()| 0)),
        Err(Refusal::Clap(error)) => return explain(&error, &arguments),
        Err(Refusal::Line(line)) => return told(Err(Error::Usage(line))),
    };
    let log_filter = logging::start(cli.log_level, cli.verbose, cli.action.is_daemon());
    told(perform(cli.action, log_filter))
}

/// What the process exits with, after saying why.
fn told(outcome: Result<u8, Error>) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            output::note(format!("meros: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Help and version are answers; everything else is a mistake, said on one line.
fn explain(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        let printed = output::settled(error.print());
        return if printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) };
    }
    output::note(format!("meros: {}", usage::line(error, &Cli::command(), arguments)));
    ExitCode::from(EXIT_USAGE)
}

/// Does what was asked, and says what to exit with.
fn perform(action: Action, log_filter: String) -> Result<u8, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Error::file("start", "the runtime's threads"))?;
    // Dropping the runtime would pull it from under threads that still use it, such as a scheduler's; the process ends anyway.
    let runtime = std::mem::ManuallyDrop::new(runtime);
    match action {
        Action::Master(arguments) => runtime.block_on(daemons::master(*arguments)).map(|()| 0),
        Action::Agent(arguments) => runtime.block_on(daemons::agent(*arguments)).map(|()| 0),
        Action::Local(arguments) => runtime.block_on(local::run(arguments, log_filter)).map(|()| 0),
        Action::Run(arguments) => runtime.block_on(run::run(arguments)),
        Action::Batch(arguments) => runtime.block_on(batch::run(arguments)).map(|()| 0),
        Action::Status(arguments) => runtime.block_on(status::status(arguments)).map(|()| 0),
        Action::Kill(arguments) => runtime.block_on(status::kill(arguments)).map(|()| 0),
        Action::Teardown(arguments) => runtime.block_on(teardown::teardown(arguments)).map(|()| 0),
        Action::Roles(arguments) => runtime.block_on(roles::roles(arguments)).map(|()| 0),
        Action::Quota(arguments) => runtime.block_on(quota::quota(arguments)).map(|()| 0),
        Action::Weights(arguments) => runtime.block_on(roles::weights(arguments)).map(|()| 0),
        Action::Deactivate(arguments) => runtime.block_on(duty::deactivate(arguments)).map(|()| 0),
        Action::Reactivate(arguments) => runtime.block_on(duty::reactivate(arguments)).map(|()| 0),
        Action::Drain(arguments) => runtime.block_on(duty::drain(arguments)).map(|()| 0),
        Action::Gone(arguments) => runtime.block_on(duty::gone(arguments)).map(|()| 0),
        Action::Maintenance(arguments) => runtime.block_on(maintenance::maintenance(arguments)).map(|()| 0),
        Action::Explain(arguments) => runtime.block_on(explain::explain(arguments)).map(|()| 0),
        Action::Registry(arguments) => registry::run(arguments).map(|()| 0),
        Action::Logs(arguments) => runtime.block_on(logs::logs(arguments)).map(|()| 0),
        Action::Simulate(arguments) => simulate::run(&arguments).map(|()| 0),
        Action::Demo(arguments) => runtime.block_on(demo::run(arguments)).map(|()| 0),
        Action::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "meros", &mut script);
            output::settled(io::stdout().lock().write_all(&script))?;
            Ok(0)
        }
    }
}
