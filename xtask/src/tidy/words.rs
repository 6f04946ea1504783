//! The words of the field, and no synonyms: whoever knows one name of a thing finds all of its code.

use super::Offence;
use super::source::{Source, identifiers};

/// Words that no identifier contains, each with the word to use. Plurals are caught too.
const BANNED: &[(&str, &str)] = &[
    ("job", "task, or the framework that runs it"),
    ("minion", "agent"),
    ("node", "agent"),
    ("pod", "task group"),
    ("slave", "agent"),
    ("tenant", "role"),
    ("worker", "agent"),
];

/// Names that others chose and we have to write, each with whose it is.
const OTHERS_NAMES: &[(&str, &str)] = &[("worker_threads", "tokio's runtime builder and its macros")];

/// No identifier contains a banned word.
pub(super) fn banned(source: &Source) -> Vec<Offence> {
    let ours = identifiers(&source.code).filter(|(_, name)| !OTHERS_NAMES.iter().any(|(other, _)| other == name));
    let found = ours.filter_map(|(at, name)| banned_word(name).map(|(word, instead)| (at, name, word, instead)));
    found.map(|(at, name, word, instead)| source.offence(at, format!("`{name}`: not `{word}` but {instead}"))).collect()
}

fn banned_word(name: &str) -> Option<(&'static str, &'static str)> {
    let parts = parts(name);
    BANNED.iter().copied().find(|(word, _)| parts.iter().any(|part| part.strip_suffix('s').unwrap_or(part) == *word))
}

/// The words of an identifier, in lower case: `NodeName`, `node_name` and `NODE_NAME` are node and name.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = '_';
    for letter in name.chars() {
        if letter == '_' || (letter.is_uppercase() && before.is_lowercase()) {
            parts.push(String::new());
        }
        if let (Some(part), true) = (parts.last_mut(), letter != '_') {
            part.extend(letter.to_lowercase());
        }
        before = letter;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synonyms_are_found_in_every_spelling() {
        for name in ["node", "NodeName", "all_nodes", "NODE_COUNT", "runWorker"] {
            assert!(banned_word(name).is_some(), "{name}");
        }
    }

    #[test]
    fn words_that_only_contain_them_are_not() {
        for name in ["inode", "mknod", "MS_NODEV", "podium"] {
            assert_eq!(banned_word(name), None, "{name}");
        }
    }

    #[test]
    fn others_names_comments_and_strings_pass() {
        let text = "// a node\nbuilder.worker_threads(2).name(\"job\");\nlet job = 1;\n";
        let found = banned(&Source::new("a.rs", text.to_owned()));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 3);
    }
}
