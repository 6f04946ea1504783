//! The log's file: opened, written at its end, synced, replaced. Every call may block and makes one attempt.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::LogError;
use super::format::{Damage, TITLE, decode};
use crate::fail_point::fail_point;

/// The log's name in the work directory.
pub(super) const NAME: &str = "agent.log";
/// What a log is called until it is complete. One that is left over is overwritten.
const NAME_UNFINISHED: &str = "agent.log.new";
/// The agent's secret is in it.
const MODE: u32 = 0o600;

/// The open log.
#[derive(Debug)]
pub(crate) struct LogFile {
    directory: PathBuf,
    file: Arc<File>,
    /// Where the next record is written: what stands behind it is what an interrupted write left.
    end: u64,
}

/// An opened log, and what is in it.
#[derive(Debug)]
pub(crate) struct Opened<T> {
    /// To be written on.
    pub(crate) file: LogFile,
    /// Its records, in order.
    pub(crate) records: Vec<T>,
    /// What could not be read. The end is cut off by now; what is damaged before it stays until the log is rewritten.
    pub(crate) damage: Vec<Damage>,
}

impl LogFile {
    /// Opens the log in a directory that nobody else works in, or makes one.
    ///
    /// # Errors
    /// When the file is no log, a later Meros wrote it, or it can't be read or made.
    pub(crate) fn open<T: DeserializeOwned>(directory: &Path) -> Result<Opened<T>, LogError> {
        let path = directory.join(NAME);
        let failed = |action| LogError::file(action, &path);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed("read")(error)),
        };
        let contents = decode(&bytes).map_err(|source| LogError::Format { path: path.clone(), source })?;
        let file = if contents.end == 0 {
            Self::make(directory, &[]).map_err(failed("make"))?
        } else {
            let file = OpenOptions::new().write(true).open(&path).map_err(failed("open"))?;
            file.set_len(contents.end as u64).map_err(failed("cut the damaged end off"))?;
            let mut log = Self { directory: directory.to_owned(), file: Arc::new(file), end: contents.end as u64 };
            log.renew(&bytes[TITLE.len()..contents.end]).map_err(failed("write anew"))?;
            log
        };
        Ok(Opened { file, records: contents.records, damage: contents.damage })
    }

    /// Writes these lines behind all others, in one call. If that fails nothing of them is left, and it may be tried again.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        match self.file.write_at(lines, self.end) {
            Ok(length) if length == lines.len() => {
                self.end += length as u64;
                Ok(())
            }
            outcome => {
                // If this fails too, the next attempt overwrites what was written, and a reader takes it for torn.
                let _ = self.file.set_len(self.end);
                // The kernel writes less than it was given only when there is no room for the rest.
                Err(outcome.err().unwrap_or_else(|| io::ErrorKind::StorageFull.into()))
            }
        }
    }

    /// Puts a log of these lines alone in the place of this one, on the disk before it takes the name.
    pub(super) fn rewrite(&mut self, lines: &[u8]) -> io::Result<()> {
        *self = Self::make(&self.directory, lines)?;
        Ok(())
    }

    /// Puts what was read onto the disk before anybody relies on it. It may stand in memory alone, after a write that failed, and the
    /// kernel calls that synced when it is asked again. A full disk must not keep an agent from its tasks: then it stays as it is.
    fn renew(&mut self, lines: &[u8]) -> io::Result<()> {
        match self.rewrite(lines) {
            Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
                tracing::warn!(%error, "the log can't be written anew at the start; going on with the file that is there");
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// The file as it is now, for whoever syncs it beside the writer.
    pub(super) fn handle(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    fn make(directory: &Path, lines: &[u8]) -> io::Result<Self> {
        let unfinished = directory.join(NAME_UNFINISHED);
        let made = write_whole(&unfinished, lines).and_then(|file| {
            fail_point("log-rewritten");
            fs::rename(&unfinished, directory.join(NAME))?;
            fail_point("log-renamed");
            // By now the old file has no name any more: whatever the reason, this is no full disk that one could go on without.
            File::open(directory)?.sync_all().map_err(io::Error::other)?;
            Ok(file)
        });
        let file = made.inspect_err(|_| {
            // It may be what fills the disk.
            let _ = fs::remove_file(&unfinished);
        })?;
        Ok(Self { directory: directory.to_owned(), file: Arc::new(file), end: (TITLE.len() + lines.len()) as u64 })
    }
}

fn write_whole(path: &Path, lines: &[u8]) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(path)?;
    file.write_all_at(TITLE.as_bytes(), 0)?;
    file.write_all_at(lines, TITLE.len() as u64)?;
    file.sync_data()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::format::encode;
    use super::*;

    fn reopen(directory: &Path) -> Opened<String> {
        LogFile::open(directory).unwrap()
    }

    #[test]
    fn what_was_appended_is_read_after_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        assert!(reopen(folder.path()).records.is_empty());
        reopen(folder.path()).file.append(&encode(&"a")).unwrap();
        let mut log = reopen(folder.path()).file;
        log.append(&[encode(&"b"), encode(&"c")].concat()).unwrap();
        log.append(&encode(&"d")).unwrap();
        let opened = reopen(folder.path());
        assert_eq!((opened.records, opened.damage), (["a", "b", "c", "d"].map(str::to_owned).to_vec(), vec![]));
    }

    #[test]
    fn a_torn_end_is_cut_off_before_more_is_written() {
        let folder = tempfile::tempdir().unwrap();
        reopen(folder.path()).file.append(&encode(&"whole")).unwrap();
        let mut bytes = OpenOptions::new().append(true).open(folder.path().join(NAME)).unwrap();
        bytes.write_all(&encode(&"a record that is torn")[..30]).unwrap();
        let mut torn = reopen(folder.path());
        assert!(torn.damage[0].at_the_end);
        torn.file.append(&encode(&"next")).unwrap();
        let opened = reopen(folder.path());
        assert_eq!((opened.records, opened.damage), (["whole", "next"].map(str::to_owned).to_vec(), vec![]));
    }

    #[test]
    fn a_rewritten_log_holds_the_new_records_alone() {
        let folder = tempfile::tempdir().unwrap();
        // As a crash in the middle of an earlier attempt leaves it.
        fs::write(folder.path().join(NAME_UNFINISHED), "a".repeat(1_000)).unwrap();
        let mut log = reopen(folder.path()).file;
        log.append(&encode(&"old")).unwrap();
        log.rewrite(&[encode(&"new"), encode(&"newer")].concat()).unwrap();
        log.append(&encode(&"newest")).unwrap();
        assert_eq!(reopen(folder.path()).records, ["new", "newer", "newest"]);
        assert!(!folder.path().join(NAME_UNFINISHED).exists());
    }

    /// After a write to the disk that failed, what is read may stand in memory alone.
    #[test]
    fn what_was_read_is_written_anew_before_it_is_relied_on() {
        let folder = tempfile::tempdir().unwrap();
        reopen(folder.path()).file.append(&encode(&"a")).unwrap();
        let before = File::open(folder.path().join(NAME)).unwrap();
        let mut log = reopen(folder.path()).file;
        let inode = |file: &File| std::os::unix::fs::MetadataExt::ino(&file.metadata().unwrap());
        assert_ne!(inode(&before), inode(&log.file));
        log.append(&encode(&"b")).unwrap();
        assert_eq!(reopen(folder.path()).records, ["a", "b"]);
    }

    #[test]
    fn a_foreign_file_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "my diary\n").unwrap();
        let error = LogFile::open::<String>(folder.path()).unwrap_err();
        assert!(matches!(error, LogError::Format { .. }) && error.to_string().contains("agent.log"), "{error}");
        assert_eq!(fs::read_to_string(folder.path().join(NAME)).unwrap(), "my diary\n");
    }
}
