//! The pure crates stay pure: what they depend on is listed here by name, and their `clippy.toml` bans clocks, files and threads.
//!
//! A core that cannot name tokio cannot use it. So the dependency trees are held against one short list, and a crate joins that
//! list only in a change that says why it does no input or output.

use std::collections::BTreeSet;
use std::io;

use crate::steps::{cargo, output_of};
use crate::workspace::Workspace;

/// The pure crates, with their folders.
const PURE: &[(&str, &str)] = &[
    ("meros-types", "types"),
    ("meros-master-core", "master/core"),
    ("meros-agent-core", "agent/core"),
    ("meros-session", "framework-sdk/core"),
];

/// Everything that a pure crate may have in its tree of normal dependencies, with what it is for.
const ALLOWED: &[(&str, &str)] = &[
    ("meros-types", "the vocabulary itself"),
    ("once_cell", "tracing's"),
    ("pin-project-lite", "tracing's"),
    ("proc-macro2", "derive macros, at compile time"),
    ("quote", "derive macros, at compile time"),
    ("serde", "the registry and the agent's log store domain types"),
    ("serde_core", "serde's"),
    ("serde_derive", "derive macros, at compile time"),
    ("syn", "derive macros, at compile time"),
    ("thiserror", "error enums"),
    ("thiserror-impl", "derive macros, at compile time"),
    ("tracing", "the one ambient output that a core has"),
    ("tracing-attributes", "derive macros, at compile time"),
    ("tracing-core", "tracing's"),
    ("unicode-ident", "derive macros, at compile time"),
    ("uuid", "ids, made from given bytes: without its features for randomness and clocks"),
];

/// Checks the dependency trees and the bans of all pure crates.
pub(crate) fn check(workspace: &Workspace) -> io::Result<()> {
    let mut offences = ban_offences(&read_bans(workspace, "clippy.toml")?, &core_bans(workspace)?);
    for (package, _) in PURE {
        let arguments = ["tree", "-e", "normal", "--prefix", "none", "-p", package];
        let tree = output_of(cargo(workspace).args(arguments))?;
        offences.extend(tree_offences(package, &tree));
    }
    for offence in &offences {
        println!("{offence}");
    }
    if offences.is_empty() { Ok(()) } else { Err(io::Error::other(format!("{} offences", offences.len()))) }
}

/// The crates in a listing of `cargo tree --prefix none` that no pure crate may have.
fn tree_offences(package: &str, tree: &str) -> Vec<String> {
    let named: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty()).collect();
    let is_allowed = |name: &str| name == package || ALLOWED.iter().any(|(allowed, _)| *allowed == name);
    let foreign = named.into_iter().filter(|name| !is_allowed(name));
    foreign.map(|name| format!("{package}: depends on {name}, which xtask/src/cores.rs does not list for a pure crate")).collect()
}

/// A `clippy.toml` of a pure crate: its path and its text.
type Bans = (String, String);

fn core_bans(workspace: &Workspace) -> io::Result<Vec<Bans>> {
    PURE.iter().map(|(_, folder)| read_bans(workspace, &format!("{folder}/clippy.toml"))).collect()
}

fn read_bans(workspace: &Workspace, path: &str) -> io::Result<Bans> {
    Ok((path.to_owned(), workspace.read(path)?))
}

/// A nested `clippy.toml` replaces the root's, so it has to repeat it; and the pure crates' are one text in several places.
fn ban_offences(root: &Bans, cores: &[Bans]) -> Vec<String> {
    let mut offences = Vec::new();
    for (path, text) in cores {
        if text != &cores[0].1 {
            offences.push(format!("{path}:1: differs from {}", cores[0].0));
        }
        for line in settings(&root.1).filter(|line| !settings(text).any(|own| own == *line)) {
            offences.push(format!("{path}:1: lacks a line of {}: {line}", root.0));
        }
    }
    offences
}

fn settings(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_in_a_core_is_an_offence() {
        let tree = "meros-session v0.1.0 (/home/me/meros)\nserde v1.0.0\ntokio v1.0.0\nsyn v2.0.0 (*)\n\n";
        let offences = tree_offences("meros-session", tree);
        assert_eq!(offences.len(), 1);
        assert!(offences[0].contains("depends on tokio"));
    }

    #[test]
    fn bans_are_repeated_and_the_same_everywhere() {
        let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let root = file("clippy.toml", "# why\nban = [\n  \"sleep\",\n]\n");
        let full = "ban = [\n  \"now\",\n  \"sleep\",\n]\n";
        assert_eq!(ban_offences(&root, &[file("a", full), file("b", full)]), Vec::<String>::new());
        let without_sleep = "ban = [\n  \"now\",\n]\n";
        assert_eq!(ban_offences(&root, &[file("a", full), file("b", without_sleep)]).len(), 2);
    }
}
