//! Dependencies are named once, in the root's `Cargo.toml`, and each has its reason written down.

use std::path::Path;

use super::Offence;

/// Where the reasons stand.
pub(super) const REASONS: &str = "docs/decisions/0002-dependencies.md";

/// The rules for one `Cargo.toml`; other files have none.
pub(super) fn check(path: &str, text: &str, reasons: &str) -> Vec<Offence> {
    if Path::new(path).file_name().is_none_or(|name| name != "Cargo.toml") {
        return Vec::new();
    }
    let mut section = "";
    let mut offences = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end().trim_end_matches(']');
        } else if let Some(message) = offence(section, line, reasons) {
            offences.push(Offence { path: path.to_owned(), line: index + 1, message });
        }
    }
    offences
}

fn offence(section: &str, line: &str, reasons: &str) -> Option<String> {
    let (name, value) = line.split_once('=')?;
    let name = name.trim().split('.').next().unwrap_or_default();
    if line.starts_with('#') || !section.ends_with("dependencies") {
        None
    } else if section == "workspace.dependencies" {
        let is_explained = value.contains("path = ") || reasons.contains(&format!("| `{name}`"));
        (!is_explained).then(|| format!("{name} has no row in {REASONS} that says why it beats its rivals"))
    } else {
        let is_inherited = line.contains("workspace = true");
        (!is_inherited).then(|| format!("{name} is not inherited from the workspace, so its version and features are named twice"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn lines(text: &str) -> Vec<usize> {
        check("a/Cargo.toml", text, "| `serde` | why |").into_iter().map(|offence| offence.line).collect()
    }

    #[test]
    fn the_root_names_only_what_is_explained() {
        let root = "[workspace.dependencies]\nmeros = { path = \"framework-sdk\" }\nserde = \"1\"\nrand = \"1\"\n[profile.dev]\ndebug = 1\n";
        assert_eq!(lines(root), [4]);
    }

    #[test]
    fn members_inherit() {
        assert_eq!(
            lines("[dependencies]\nserde.workspace = true\nrand = \"1\"\n[dev-dependencies]\nserde = { workspace = true }\n"),
            [3]
        );
        assert_eq!(check("a.toml", "[dependencies]\nrand = \"1\"\n", ""), []);
    }
}
