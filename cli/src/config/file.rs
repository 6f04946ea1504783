//! The configuration file: finding it, reading it, and naming the place of each thing in it that is wrong.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::origin::{Origin, shown};
use super::setting::Daemon;

/// Where the files are that nobody has to name.
const FOLDER: &str = "/etc/meros";
/// What `--config` is given to read no file at all.
const NO_FILE: &str = "none";
/// How large a configuration file may be, in bytes. With every setting and a page on each it is a hundredth of this; what is larger
/// is another file.
const BYTES_MAX: u64 = 1 << 20;

/// What a configuration file says.
#[derive(Debug)]
pub(super) struct ConfigFile {
    path: PathBuf,
    /// In the file's order.
    pub(super) entries: Vec<Entry>,
}

/// A setting as the file says it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// As the flag would be given them.
    pub(super) texts: Vec<String>,
    /// Counted from 1.
    line: usize,
}

impl ConfigFile {
    /// The file that was named, or the one of `/etc/meros` if it exists.
    pub(super) fn find(daemon: &Daemon) -> Result<Option<Self>, String> {
        match daemon.config() {
            Some((path, _)) if path == Path::new(NO_FILE) => Ok(None),
            Some((path, origin)) => match read(&path) {
                Ok(bytes) => Self::parse(daemon, path, bytes).map(Some),
                Err(error) => Err(format!("{origin}: can't read {}: {error}", shown(&path))),
            },
            None => Self::optional(daemon, Path::new(FOLDER).join(format!("{}.toml", daemon.name))),
        }
    }

    /// A file that need not be there. That it can't be read is an error all the same: somebody wanted it to be heeded.
    fn optional(daemon: &Daemon, path: PathBuf) -> Result<Option<Self>, String> {
        match read(&path) {
            Ok(bytes) => Self::parse(daemon, path, bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("can't read {}: {error}", shown(&path))),
        }
    }

    /// Takes it apart, and has every value checked by its flag's parser: also those that a flag or variable goes before.
    fn parse(daemon: &Daemon, path: PathBuf, bytes: Vec<u8>) -> Result<Self, String> {
        let name = shown(&path);
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = line_of(error.as_bytes(), error.utf8_error().valid_up_to());
            format!("in {name} line {line}: it is not UTF-8 text")
        })?;
        let table = DeTable::parse(&text).map_err(|error| {
            let place = error.span().map_or_else(String::new, |span| format!(" {}", place(&text, span.start)));
            format!("in {name}{place}: {}", error.message().lines().collect::<Vec<_>>().join("; "))
        })?;
        let mut found: Vec<_> = table.get_ref().iter().collect();
        found.sort_by_key(|(key, _)| key.span().start);
        let entries: Result<_, _> = found.into_iter().map(|(key, value)| entry(daemon, &name, &text, key, value)).collect();
        Ok(Self { path, entries: entries? })
    }

    /// Where it says this, if it does.
    pub(super) fn origin(&self, key: &str) -> Option<Origin> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(Origin::File { path: self.path.clone(), line: entry.line })
    }
}

fn entry(daemon: &Daemon, file: &str, text: &str, key: &Spanned<DeString>, value: &Spanned<DeValue>) -> Result<Entry, String> {
    let (name, at) = (key.get_ref(), key.span().start);
    let Some(setting) = daemon.setting(name) else {
        let hint = match daemon.nearest(name) {
            Some(setting) => format!("did you mean `{}`?", setting.key()),
            None => format!("`meros {} --help` lists them", daemon.name),
        };
        return Err(format!("in {file} {}, key `{}`: there is no such setting; {hint}", place(text, at), name.escape_debug()));
    };
    let line = line_of(text.as_bytes(), at);
    let texts = setting.form().texts(value.get_ref());
    let checked = texts.and_then(|texts| setting.check(&texts).map(|()| texts));
    let texts = checked.map_err(|reason| format!("in {file} line {line}, key `{name}`: {reason}"))?;
    Ok(Entry { key: name.to_string(), texts, line })
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB, so it is no configuration file"));
    }
    Ok(bytes)
}

/// Line and column, in characters, both counted from 1.
fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {} column {column}", line_of(text.as_bytes(), at))
}

fn line_of(text: &[u8], at: usize) -> usize {
    text.iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;
    use crate::config::setting::built;

    #[test]
    fn a_file_that_nobody_named_may_be_absent_but_not_unreadable() {
        let matches = Cli::command().try_get_matches_from(["meros", "agent"]).unwrap();
        let command = built(&Cli::command());
        let daemon = Daemon::of(&command, &matches).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        assert!(ConfigFile::optional(&daemon, path.clone()).unwrap().is_none());
        std::fs::write(&path, "\nhostname = \"a\"\n").unwrap();
        let file = ConfigFile::optional(&daemon, path.clone()).unwrap().unwrap();
        assert_eq!(file.origin("hostname"), Some(Origin::File { path: path.clone(), line: 2 }));
        let refused = ConfigFile::optional(&daemon, folder.path().to_owned()).unwrap_err();
        assert!(refused.starts_with("can't read ") && refused.contains("directory"), "{refused}");
    }
}
