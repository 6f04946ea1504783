//! The workspace as cargo and git see it: where its compilation units begin, and the files that belong to the repository.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::steps::{cargo_path, output_of};

/// What `cargo metadata` says of this workspace.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// The build folder.
    pub(crate) target: PathBuf,
    /// Where the compilation units of all members begin.
    pub(crate) entries: Vec<Entry>,
}

/// The first file of a compilation unit: a library, a binary, a test, a build script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The file, relative to the root if it is in there.
    pub(crate) path: PathBuf,
    /// Whether the unit is an integration test, so that all of its code is test code.
    pub(crate) is_test: bool,
}

impl Workspace {
    /// Asks cargo about the workspace around the current folder.
    pub(crate) fn load() -> io::Result<Workspace> {
        let mut command = Command::new(cargo_path());
        command.args(["metadata", "--no-deps", "--format-version", "1"]).stdin(Stdio::null());
        let metadata: Value = serde_json::from_str(&output_of(&mut command)?)?;
        let root = path(&metadata["workspace_root"]);
        let targets = list(&metadata["packages"]).iter().flat_map(|package| list(&package["targets"]));
        let entries = targets.map(|target| Entry::read(target, &root)).collect();
        Ok(Workspace { root, target: path(&metadata["target_directory"]), entries })
    }

    /// Every file of the repository, relative to its root: what git tracks, and what is new and not ignored.
    pub(crate) fn files(&self) -> io::Result<Vec<String>> {
        let mut command = Command::new("git");
        command.current_dir(&self.root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listing = output_of(&mut command)?;
        let mut files: Vec<String> = listing.split_terminator('\0').map(str::to_owned).collect();
        // A file that was deleted but is still in git's index is listed too.
        files.retain(|file| self.root.join(file).is_file());
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// Reads a file of the repository; an error names the file.
    pub(crate) fn read(&self, file: impl AsRef<Path>) -> io::Result<String> {
        std::fs::read_to_string(self.root.join(&file)).map_err(|error| in_file(file.as_ref(), &error))
    }
}

impl Entry {
    fn read(target: &Value, root: &Path) -> Entry {
        let path = path(&target["src_path"]);
        let path = path.strip_prefix(root).map(Path::to_owned).unwrap_or(path);
        Entry { path, is_test: list(&target["kind"]).iter().any(|kind| kind == "test") }
    }
}

/// An error that says which file it is about.
pub(crate) fn in_file(file: &Path, what: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {what}", file.display()))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn path(value: &Value) -> PathBuf {
    PathBuf::from(value.as_str().unwrap_or_default())
}
