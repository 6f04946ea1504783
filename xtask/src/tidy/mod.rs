//! The house rules that no other tool checks, as code: one line per offence, with its place.
//!
//! Each rule is a function from a [`Source`] (or the list of files) to offences, tested on small texts. The rules read text whose
//! comments and literals are blanked out, not a syntax tree: that is enough for them, builds at once, and keeps comments in view.

mod dependencies;
mod length;
mod modules;
mod source;
mod text;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::workspace::Workspace;
use source::Source;

/// The rules for one Rust file.
const RULES: &[fn(&Source) -> Vec<Offence>] = &[
    length::file,
    length::functions,
    text::opens_with_docs,
    text::unfinished,
    text::ignored_tests,
    text::sleeps_in_tests,
    text::allows_without_reason,
    text::unsafe_elsewhere,
    text::unwraps,
    words::banned,
];

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Offence {
    path: String,
    line: usize,
    message: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// `cargo xtask tidy`.
pub(crate) fn run(workspace: &Workspace) -> io::Result<ExitCode> {
    check(workspace)?;
    println!("tidy: fine");
    Ok(ExitCode::SUCCESS)
}

/// Checks every file of the repository, prints the offences, and fails if there are any.
pub(crate) fn check(workspace: &Workspace) -> io::Result<()> {
    let offences = offences(workspace)?;
    for offence in &offences {
        println!("{offence}");
    }
    if offences.is_empty() { Ok(()) } else { Err(io::Error::other(format!("{} offences", offences.len()))) }
}

fn offences(workspace: &Workspace) -> io::Result<Vec<Offence>> {
    let mut offences = Vec::new();
    let mut rust = BTreeMap::new();
    let reasons = workspace.read(dependencies::REASONS)?;
    for file in workspace.files()? {
        // What is not UTF-8 (a picture) has no lines to check.
        let Ok(text) = workspace.read(&file) else { continue };
        offences.extend(text::machine_paths(&file, &text));
        offences.extend(dependencies::check(&file, &text, &reasons));
        if Path::new(&file).extension().is_some_and(|extension| extension == "rs") {
            rust.insert(file.clone(), Source::new(&file, text));
        } else {
            offences.extend(text::unfinished_elsewhere(&file, &text));
        }
    }
    offences.extend(modules::mark_tests_and_find_dead(&workspace.entries, &mut rust));
    offences.extend(rust.values().flat_map(|source| RULES.iter().flat_map(|rule| rule(source))));
    offences.sort();
    Ok(offences)
}
