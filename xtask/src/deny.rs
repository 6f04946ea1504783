//! Licences, banned crates and sources, by cargo-deny with the rules in `deny.toml`.
//!
//! One pinned version, installed beside the build artifacts at its first use, so that every machine checks alike and nobody's own
//! cargo folder is touched. Advisories are absent: their database is a git repository that not every machine can reach, and a
//! check whose verdict depends on the network is no gate.

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::steps::{cargo, run_command};
use crate::workspace::Workspace;

const VERSION: &str = "0.20.2";

/// Checks the whole dependency graph.
pub(crate) fn check(workspace: &Workspace) -> io::Result<()> {
    let mut command = Command::new(installed(workspace)?);
    command.current_dir(&workspace.root).stdin(Stdio::null());
    run_command(command.args([
        "--log-level",
        "warn",
        "--workspace",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))
}

/// The path of the cargo-deny that we use. Its unoptimised build is fast enough, and takes half the time.
fn installed(workspace: &Workspace) -> io::Result<PathBuf> {
    let folder = workspace.target.join(format!("cargo-deny-{VERSION}"));
    let binary = folder.join("bin/cargo-deny");
    if !binary.is_file() {
        println!("installing cargo-deny {VERSION} into the target folder, once: a minute or two");
        let package = format!("cargo-deny@{VERSION}");
        run_command(cargo(workspace).args(["install", "--quiet", "--locked", "--debug", &package, "--root"]).arg(&folder))?;
    }
    Ok(binary)
}
