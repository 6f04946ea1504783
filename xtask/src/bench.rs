//! `cargo xtask bench`: runs one of the benches, which are plain binaries, in release mode.

use std::collections::BTreeSet;
use std::io;
use std::process::ExitCode;

use crate::steps::{cargo, run_command};
use crate::workspace::{Workspace, in_file};

const FOLDER: &str = "benches/src/bin";

/// Runs the bench that the first argument names; without one, lists them.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> io::Result<ExitCode> {
    let names = names(workspace)?;
    let Some((name, rest)) = arguments.split_first() else {
        println!("benches: {}", joined(&names));
        return Ok(ExitCode::SUCCESS);
    };
    if !names.contains(name) {
        return Err(io::Error::other(format!("no bench is called `{name}`; there are: {}", joined(&names))));
    }
    run_command(cargo(workspace).args(["run", "--release", "-p", "meros-benches", "--bin", name, "--"]).args(rest))?;
    Ok(ExitCode::SUCCESS)
}

/// A bench is `<name>.rs` or `<name>/main.rs`, as cargo has it.
fn names(workspace: &Workspace) -> io::Result<BTreeSet<String>> {
    let folder = workspace.root.join(FOLDER);
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).map_err(|error| in_file(FOLDER.as_ref(), &error))? {
        let path = entry?.path();
        let is_bench = path.extension().is_some_and(|extension| extension == "rs") || path.join("main.rs").is_file();
        if let (true, Some(stem)) = (is_bench, path.file_stem()) {
            names.insert(stem.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

fn joined(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
