//! `cargo xtask`: the one door to every check of this repository.
//!
//! It owns what a developer and CI run: `verify` (static, writes nothing), `test`, `fix` and `bench`. It uses std and serde_json
//! alone, with no argument parser, because it is built before anything else and whoever waits for it is waiting for a check.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool speaks through its standard streams")]

mod bench;
mod cores;
mod deny;
mod leftovers;
mod steps;
mod tally;
mod test;
mod tidy;
mod tools;
mod verify;
mod vm;
mod workspace;

use std::io;
use std::process::ExitCode;

use steps::{cargo, run_command};
use workspace::Workspace;

const USAGE: &str = "\
usage: cargo xtask <command>

  verify               every static check: format, clippy, docs, cores, licences, tidy; changes nothing
  tidy                 the house rules alone, which take a second
  test                 every test, then the demo, and what both leave behind
  vm                   the tests on cgroup v2 alone, in their virtual machine
  fix                  rewrite the code: cargo fmt, clippy --fix
  bench [name] [args]  run one of the benches in release mode; without a name, list them";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> io::Result<ExitCode> {
    let (command, rest) = match arguments {
        [] => ("help", arguments),
        [command, rest @ ..] => (command.as_str(), rest),
    };
    match (command, rest) {
        ("verify", []) => verify::run(&Workspace::load()?),
        ("tidy", []) => tidy::run(&Workspace::load()?),
        ("test", []) => test::run(&Workspace::load()?),
        ("vm", []) => test::run_in_machine(&Workspace::load()?),
        ("fix", []) => fix(&Workspace::load()?),
        ("bench", _) => bench::run(&Workspace::load()?, rest),
        ("help" | "--help" | "-h", []) => {
            println!("{USAGE}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprintln!("xtask: cannot understand `{}`\n\n{USAGE}", arguments.join(" "));
            Ok(ExitCode::from(2))
        }
    }
}

/// The one command that writes. Clippy goes first, since its fixes may need formatting.
fn fix(workspace: &Workspace) -> io::Result<ExitCode> {
    let clippy = ["clippy", "--workspace", "--all-targets", "--fix", "--allow-dirty", "--allow-staged"];
    run_command(cargo(workspace).args(clippy))?;
    run_command(cargo(workspace).args(["fmt", "--all"]))?;
    Ok(ExitCode::SUCCESS)
}
