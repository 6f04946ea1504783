//! The walk over the modules: which files are compiled at all, and which of them only for tests.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use super::Offence;
use super::source::{Source, identifiers, past_closing};
use crate::workspace::Entry;

/// Marks the files that only tests reach, and reports those that nothing reaches.
pub(super) fn mark_tests_and_find_dead(entries: &[Entry], sources: &mut BTreeMap<String, Source>) -> Vec<Offence> {
    let reached = reached(entries, sources);
    let mut offences = Vec::new();
    for (path, source) in sources {
        match reached.get(path) {
            Some(is_test) => source.is_test = *is_test,
            None => offences.push(source.offence(0, "no `mod` declaration reaches this file, so it is never compiled")),
        }
    }
    offences
}

/// The files that are compiled, each with whether that is for tests only.
fn reached(entries: &[Entry], sources: &BTreeMap<String, Source>) -> BTreeMap<String, bool> {
    let mut reached: BTreeMap<String, bool> = BTreeMap::new();
    let mut queue: VecDeque<(PathBuf, bool, bool)> =
        entries.iter().map(|entry| (entry.path.clone(), true, entry.is_test)).collect();
    while let Some((path, is_entry, is_test)) = queue.pop_front() {
        let name = path.to_string_lossy().into_owned();
        let Some(source) = sources.get(&name) else { continue };
        // A file that tests reach first and others later is walked again, as what it is.
        if reached.get(&name).is_some_and(|known| !*known || is_test) {
            continue;
        }
        reached.insert(name, is_test);
        for module in declared(source) {
            let is_test = is_test || source.is_test_at(module.at);
            let known = |path: &PathBuf| sources.contains_key(path.to_string_lossy().as_ref());
            queue.extend(candidates(&path, is_entry, &module).into_iter().filter(known).map(|path| (path, false, is_test)));
        }
    }
    reached
}

/// A `mod name;`.
#[derive(Debug, PartialEq, Eq)]
struct Declared {
    at: usize,
    /// The inline modules around it, from the outside, and its name.
    names: Vec<String>,
    /// What a `#[path]` on it says.
    path: Option<String>,
}

/// The module declarations of a file that lead to other files.
fn declared(source: &Source) -> Vec<Declared> {
    let code = source.code.as_str();
    let mut inline: Vec<(usize, &str)> = Vec::new();
    let mut found = Vec::new();
    for at in source.places_of("mod") {
        let Some((offset, name)) = identifiers(&code[at..]).nth(1) else { continue };
        let past_name = at + offset + name.len();
        let after = past_name + code[past_name..].len() - code[past_name..].trim_start().len();
        inline.retain(|(end, _)| at < *end);
        if code[after..].starts_with('{') {
            inline.push((past_closing(code, after), name));
        } else if code[after..].starts_with(';') {
            let names = inline.iter().map(|(_, name)| *name).chain([name]).map(str::to_owned).collect();
            found.push(Declared { at, names, path: path_attribute(source, at) });
        }
    }
    found
}

/// The file that a `#[path = "..."]` above names. Only the attributes directly before the item count.
fn path_attribute(source: &Source, at: usize) -> Option<String> {
    let item = source.code[..at].rfind([';', '}', '{']).map_or(0, |end| end + 1);
    let (_, after) = source.text[item..at].split_once("#[path = \"")?;
    after.split('"').next().map(str::to_owned)
}

/// Where a module's file may be.
fn candidates(from: &Path, is_entry: bool, module: &Declared) -> Vec<PathBuf> {
    let folder = from.parent().unwrap_or(Path::new(""));
    if let Some(path) = &module.path {
        return vec![folder.join(path)];
    }
    let owns_its_folder = is_entry || from.file_name().is_some_and(|name| name == "mod.rs");
    let base = if owns_its_folder { folder.to_owned() } else { from.with_extension("") };
    let stem = module.names.iter().fold(base, |path, name| path.join(name));
    vec![stem.with_extension("rs"), stem.join("mod.rs")]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(entry: &str, is_test: bool, files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let mut sources = files.iter().map(|(path, text)| ((*path).to_owned(), Source::new(path, (*text).to_owned()))).collect();
        let offences = mark_tests_and_find_dead(&[Entry { path: entry.into(), is_test }], &mut sources);
        let tests = sources.values().filter(|source| source.is_test).map(|source| source.path.clone()).collect();
        (offences.into_iter().map(|offence| offence.path).collect(), tests)
    }

    #[test]
    fn files_without_a_declaration_are_dead() {
        let files =
            [("src/lib.rs", "mod a;\n// mod dead;\n"), ("src/a.rs", "pub(crate) mod b;"), ("src/a/b.rs", ""), ("src/dead.rs", "")];
        assert_eq!(walk("src/lib.rs", false, &files), (vec!["src/dead.rs".to_owned()], vec![]));
    }

    #[test]
    fn folders_inline_modules_and_paths_are_followed() {
        let library = "mod a; mod x { mod y; }\n#[path = \"odd.rs\"]\nmod z;";
        let files =
            [("src/lib.rs", library), ("src/a/mod.rs", "mod b;"), ("src/a/b.rs", ""), ("src/x/y.rs", ""), ("src/odd.rs", "")];
        assert_eq!(walk("src/lib.rs", false, &files), (vec![], vec![]));
    }

    #[test]
    fn what_only_tests_reach_is_test_code() {
        let files = [
            ("src/lib.rs", "mod a;\n#[cfg(test)]\nmod tests;"),
            ("src/a.rs", ""),
            ("src/tests.rs", "mod b;"),
            ("src/tests/b.rs", ""),
        ];
        let tests = vec!["src/tests.rs".to_owned(), "src/tests/b.rs".to_owned()];
        assert_eq!(walk("src/lib.rs", false, &files), (vec![], tests));
        let files = [("tests/it.rs", "mod help;"), ("tests/help/mod.rs", "")];
        assert_eq!(walk("tests/it.rs", true, &files).1.len(), 2);
    }
}
