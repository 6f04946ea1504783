//! `cargo xtask verify`: every static check, in the order of their cost. It reads only: what it complains about, `fix` or a person
//! mends.

use std::io;
use std::process::ExitCode;

use crate::steps::{Steps, cargo, run_command};
use crate::workspace::Workspace;
use crate::{cores, deny, tidy};

/// Runs all of them, whatever fails on the way.
pub(crate) fn run(workspace: &Workspace) -> io::Result<ExitCode> {
    let mut steps = Steps::default();
    steps.run("tidy", || tidy::check(workspace));
    steps.run("cores", || cores::check(workspace));
    steps.run("licences and sources", || deny::check(workspace));
    steps.run("format", || run_command(cargo(workspace).args(["fmt", "--all", "--check"])));
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    steps.run("clippy", || run_command(cargo(workspace).args(clippy)));
    let doc = ["doc", "--workspace", "--no-deps", "--locked"];
    steps.run("docs", || run_command(cargo(workspace).args(doc).env("RUSTDOCFLAGS", "-D warnings")));
    Ok(steps.finish("verify"))
}
