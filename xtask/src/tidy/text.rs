//! Rules on single lines: what must not stand in a file, or not without a reason beside it.

use super::Offence;
use super::source::{Source, identifiers, is_word, past_closing};

/// Marks of unfinished work.
const UNFINISHED: &[&str] = &["TODO", "FIXME", "XXX"];

/// Macros that stand for unfinished work, or that print while somebody looks for an error.
const UNFINISHED_MACROS: &[&str] = &["todo", "unimplemented", "dbg"];

/// The few files that may speak to the kernel directly, each with why.
const UNSAFE_FILES: &[(&str, &str)] = &[
    ("agent/src/launcher/sys.rs", "fork, and the system calls that nix does not have"),
    ("benches/src/launch/bare.rs", "a bare vfork is the floor that a launch is measured against"),
];

/// Folders of the machines that the work was done on: nobody else has them. Split, so that this file does not name them itself.
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/fa", "rm/")];

/// A file says first what it owns and what is deliberately absent.
pub(super) fn opens_with_docs(source: &Source) -> Vec<Offence> {
    let opens = source.text.trim_start().starts_with("//!");
    (!opens)
        .then(|| source.offence(0, "a file opens with `//!`: what it owns, and what is deliberately absent"))
        .into_iter()
        .collect()
}

/// What is not finished does not land; strings may say what they like.
pub(super) fn unfinished(source: &Source) -> Vec<Offence> {
    let comments = source.comment_lines().flat_map(|(start, comment)| marks(comment).map(move |mark| (start, mark.to_owned())));
    let in_code = UNFINISHED.iter().flat_map(|mark| source.places_of(mark).map(|at| (at, (*mark).to_owned())));
    let macros = UNFINISHED_MACROS.iter().flat_map(|name| {
        let is_called = |at: &usize| source.code[*at + name.len()..].starts_with('!');
        source.places_of(name).filter(is_called).map(move |at| (at, format!("{name}!")))
    });
    let found = comments.chain(in_code).chain(macros);
    found.map(|(at, what)| source.offence(at, format!("{what}: finish it, or write it down outside the code"))).collect()
}

/// The same for files that are not Rust. Prose may name the marks, to ban them for instance.
pub(super) fn unfinished_elsewhere(path: &str, text: &str) -> Vec<Offence> {
    if path.ends_with(".md") {
        return Vec::new();
    }
    let lines = text.lines().enumerate().flat_map(|(index, line)| marks(line).map(move |mark| (index + 1, mark)));
    lines.map(|(line, mark)| Offence { path: path.to_owned(), line, message: format!("{mark}: finish it") }).collect()
}

fn marks(line: &str) -> impl Iterator<Item = &str> {
    identifiers(line).map(|(_, word)| word).filter(|word| UNFINISHED.contains(word))
}

/// A test that does not run is no test.
pub(super) fn ignored_tests(source: &Source) -> Vec<Offence> {
    let found = source.places_of("ignore").filter(|at| source.code[..*at].ends_with("#["));
    found.map(|at| source.offence(at, "an ignored test: run it or delete it")).collect()
}

/// A test that sleeps is slow on a fast machine and wrong on a slow one.
pub(super) fn sleeps_in_tests(source: &Source) -> Vec<Offence> {
    let is_a_method = |at: usize| source.code[..at].trim_end().ends_with('.');
    let is_a_definition = |at: usize| source.code[..at].trim_end().ends_with("fn");
    let is_a_call = |at: usize| source.code[at + "sleep".len()..].starts_with('(') && !is_a_method(at) && !is_a_definition(at);
    let found = source.places_of("sleep").filter(|at| source.is_test_at(*at) && is_a_call(*at));
    found.map(|at| source.offence(at, "a test that sleeps: wait for what it waits for")).collect()
}

/// A lint is silenced only for a reason, which stands beside it.
pub(super) fn allows_without_reason(source: &Source) -> Vec<Offence> {
    let code = &source.code;
    let is_attribute = |at: &usize| code[..*at].ends_with("#[") || code[..*at].ends_with("#![");
    let gives_reason = |at: usize| {
        let open = at + "allow".len();
        let whole = code[open..].find('(').map_or("", |bracket| &code[at..past_closing(code, open + bracket)]);
        identifiers(whole).any(|(_, word)| word == "reason") || source.has_reason(at)
    };
    let found = ["allow", "expect"].into_iter().flat_map(|name| source.places_of(name)).filter(is_attribute);
    found.filter(|at| !gives_reason(*at)).map(|at| source.offence(at, "a lint is silenced without a reason")).collect()
}

/// The compiler denies `unsafe` everywhere, and these files alone may allow it.
pub(super) fn unsafe_elsewhere(source: &Source) -> Vec<Offence> {
    if UNSAFE_FILES.iter().any(|(path, _)| *path == source.path) {
        return Vec::new();
    }
    source.places_of("unsafe").map(|at| source.offence(at, "unsafe code outside the files that xtask lists for it")).collect()
}

/// Outside tests an `unwrap` says why it cannot fail; mostly a value or an `expect` is better.
pub(super) fn unwraps(source: &Source) -> Vec<Offence> {
    let is_method = |at: usize| source.code[..at].ends_with('.') && source.code[at..].starts_with("unwrap()");
    let found = source.places_of("unwrap").filter(|at| is_method(*at) && !source.is_test_at(*at) && !source.has_reason(*at));
    found.map(|at| source.offence(at, "unwrap() outside tests without a comment that says why it cannot fail")).collect()
}

/// No path of the machine that somebody happened to work on.
pub(super) fn machine_paths(path: &str, text: &str) -> Vec<Offence> {
    let mut offences = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for found in MACHINE_PATHS.iter().filter(|found| begins_a_path(line, found)) {
            let message = format!("a path of one machine: {found}");
            offences.push(Offence { path: path.to_owned(), line: index + 1, message });
        }
    }
    offences
}

/// Within a longer path (`/var/lib/<name>/...`, `<dir>/...`) the same letters are somebody's own folder.
fn begins_a_path(line: &str, path: &str) -> bool {
    let continues = |letter: char| is_word(letter) || matches!(letter, '.' | '-' | '~' | '>' | '}' | ')' | '*' | '/');
    line.match_indices(path).any(|(at, _)| !line[..at].ends_with(continues))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&Source) -> Vec<Offence>, text: &str, lines: &[usize]) {
        let found: Vec<usize> = rule(&Source::new("a.rs", text.to_owned())).iter().map(|offence| offence.line).collect();
        assert_eq!(found, lines, "{text}");
    }

    #[test]
    fn files_open_with_docs() {
        check(opens_with_docs, "//! What it owns.\n", &[]);
        check(opens_with_docs, "// Not docs.\n", &[1]);
    }

    #[test]
    fn unfinished_work_is_found() {
        let mark = UNFINISHED[0];
        check(unfinished, &format!("a();\n// {mark}: more\n"), &[2]);
        check(unfinished, &format!("let a = \"{mark}\"; // method\n"), &[]);
        check(unfinished, "fn a() {\n    todo!()\n}\nfn todo() {}\n", &[2]);
        assert_eq!(unfinished_elsewhere("a.proto", &format!("// {mark}\n")).len(), 1);
        assert_eq!(unfinished_elsewhere("a.md", &format!("no {mark}\n")).len(), 0);
    }

    #[test]
    fn ignored_tests_are_found() {
        check(ignored_tests, "#[test]\n#[ignore]\nfn a() {}\n#[ignore = \"slow\"]\n", &[2, 4]);
        check(ignored_tests, "let ignore = 1; // #[ignore]\n", &[]);
    }

    #[test]
    fn sleeping_is_for_no_test() {
        let tests =
            "fn a() { sleep(1) }\n#[cfg(test)]\nmod tests {\n    fn b() { std::thread::sleep(1) }\n    fn c() { cx.sleep(1) }\n}\n";
        check(sleeps_in_tests, tests, &[4]);
    }

    #[test]
    fn silenced_lints_have_a_reason() {
        check(allows_without_reason, "#[allow(dead_code)]\nfn a() {}\n", &[1]);
        check(allows_without_reason, "/// Docs.\n#[allow(dead_code)]\nfn a() {}\n", &[2]);
        check(allows_without_reason, "#![expect(a)]\n", &[1]);
        check(allows_without_reason, "#[allow(dead_code)] // why\n// why\n#[allow(b)]\n", &[]);
        check(allows_without_reason, "#[expect(\n    dead_code,\n    reason = \"why\"\n)]\n#[allowed(x)]\n", &[]);
    }

    #[test]
    fn unsafe_has_its_files() {
        check(unsafe_elsewhere, "fn a() { unsafe {} }\n#![deny(unsafe_code)]\n", &[1]);
        assert_eq!(unsafe_elsewhere(&Source::new(UNSAFE_FILES[0].0, "unsafe fn a() {}".to_owned())), []);
    }

    #[test]
    fn unwraps_say_why() {
        check(unwraps, "a.unwrap();\nb.unwrap(); // checked above\n// checked above\nc.unwrap();\nd.unwrap_or(1);\n", &[1]);
        check(unwraps, "#[cfg(test)]\nmod tests {\n    fn a() { b.unwrap() }\n}\n", &[]);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        let folder = MACHINE_PATHS[0];
        assert_eq!(machine_paths("a.md", &format!("see {folder}x\n`{folder}`\n")).len(), 2);
        assert_eq!(machine_paths("a.md", &format!("<dir>{folder}x /var/lib{folder}x ..{folder}x\n")).len(), 0);
    }
}
