//! Where a value comes from, in words that an operator can follow to it. Deliberately absent: which of several goes first.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::setting::Setting;

/// The layer that a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Nobody said anything.
    Default,
    /// A configuration file, at this line.
    File {
        /// Which.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// This variable.
    Environment(String),
    /// This flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "in {} line {line}", shown(path)),
            Origin::Environment(variable) => write!(f, "in the environment, {variable}"),
            Origin::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A setting as the daemon takes it.
#[derive(Clone, Debug)]
pub(super) struct Effective<'a> {
    pub(super) setting: Setting<'a>,
    /// As a flag would be given them; none when it is not set.
    pub(super) values: Vec<OsString>,
    pub(super) origin: Origin,
}

impl Effective<'_> {
    /// Name, value and origin, for a complaint.
    pub(super) fn described(&self) -> String {
        let values: Vec<_> = self.values.iter().map(|value| value.to_string_lossy()).collect();
        format!("`{}`, {} ({}),", self.setting.key(), values.join(","), self.origin)
    }
}

/// A path on one line, whatever characters it has.
pub(super) fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}
