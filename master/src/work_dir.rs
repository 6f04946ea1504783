//! The files of a master: the lock on its work directory, its token, and the token's copy below the user's home.
//!
//! What has to survive a crash is written to a temporary file, synced, renamed, and its directory synced. Deliberately absent:
//! the registry, which lies in the same directory and looks after itself.

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use meros_daemon::clock::random;
use meros_daemon::lock::DirectoryLock;
use meros_proto::Token;

use crate::error::Error;

/// The directory is for this user alone.
const PRIVATE_MODE: u32 = 0o700;
/// The bytes of a new token: beyond guessing.
const TOKEN_RANDOM_BYTES: usize = 32;

/// A work directory that is this master's alone for as long as this value lives.
#[derive(Debug)]
pub(crate) struct WorkDir {
    path: PathBuf,
    _lock: DirectoryLock,
}

impl WorkDir {
    /// Makes the directory if need be, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, Error> {
        match DirectoryLock::take(path, PRIVATE_MODE).map_err(Error::file("take", path))? {
            Some(lock) => Ok(Self { path: path.to_owned(), _lock: lock }),
            None => Err(Error::WorkDirTaken { work_dir: path.to_owned() }),
        }
    }

    /// The token: the operator's when there is a file of theirs, else the one of this directory, made at the first start.
    pub(crate) fn token(&self, operators: Option<&Path>) -> Result<Token, Error> {
        if let Some(file) = operators {
            return Ok(Token::read(file)?);
        }
        let path = self.path.join("token");
        if !path.exists() {
            let bytes = random::<TOKEN_RANDOM_BYTES>().map_err(Error::file("read", "/dev/urandom"))?;
            let mut text = String::new();
            for byte in bytes {
                // Writing to a string can't fail.
                let _ = write!(text, "{byte:02x}");
            }
            write_private(&path, &format!("{text}\n"))?;
        }
        Ok(Token::read(&path)?)
    }

    /// Removes the directory and all that is in it.
    pub(crate) fn destroy(self) -> Result<(), Error> {
        fs::remove_dir_all(&self.path).map_err(Error::file("remove", &self.path))
    }
}

/// Leaves the token where the same user's programs look for it. It replaces that of an earlier master at the same address.
pub(crate) fn leave_token(file: &Path, token: &Token) -> Result<(), Error> {
    if let Some(folder) = file.parent() {
        make_private(folder).map_err(Error::file("make", folder))?;
    }
    write_private(file, &format!("{}\n", token.reveal()))
}

/// Takes the token away again, if it is still this one: a later master may have the address by now.
pub(crate) fn take_token_back(file: &Path, token: &Token) {
    if Token::read(file).is_ok_and(|left| left == *token) && fs::remove_file(file).is_ok() {
        // The folder for this address, then the one for all masters, which stays as long as others' tokens are in it.
        let _ = file.ancestors().skip(1).take(2).try_for_each(fs::remove_dir);
    }
}

/// Makes a directory, and those above it, for this user alone.
fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_MODE).create(path)
}

/// Replaces a file as a whole, readable by this user alone, and on the disk when this returns.
fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(Error::file("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_directory_has_one_master() {
        let folder = tempfile::tempdir().unwrap();
        let first = WorkDir::take(folder.path()).unwrap();
        assert!(matches!(WorkDir::take(folder.path()), Err(Error::WorkDirTaken { .. })));
        drop(first);
        WorkDir::take(folder.path()).unwrap();
    }

    #[test]
    fn the_token_is_made_once_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let dir = WorkDir::take(&folder.path().join("a/b")).unwrap();
        let token = dir.token(None).unwrap();
        assert_eq!(dir.token(None).unwrap(), token);
        let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("a/b"), mode("a/b/token")), (0o700, 0o600));
        dir.destroy().unwrap();
        assert!(!folder.path().join("a/b").exists());
    }

    #[test]
    fn a_left_token_is_taken_back_only_if_it_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("all/host_1/token");
        let other = folder.path().join("all/host_2/token");
        let (ours, theirs) = (Token::new("ours").unwrap(), Token::new("theirs").unwrap());
        leave_token(&file, &ours).unwrap();
        take_token_back(&file, &theirs);
        assert!(file.exists());
        leave_token(&other, &theirs).unwrap();
        take_token_back(&file, &ours);
        assert!(!folder.path().join("all/host_1").exists() && other.exists());
        take_token_back(&other, &theirs);
        assert!(!folder.path().join("all").exists());
    }
}
