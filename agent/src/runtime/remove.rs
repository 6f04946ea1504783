//! Removing a directory with all that is in it, whatever a task made of it.
//!
//! A task may nest directories deeper than any path can name and than any stack can hold. So nothing here recurses: a directory in
//! a directory is first moved up to the top, and so every one is emptied there, with two open at a time. Symlinks are removed and
//! never followed. What a task has closed to its own user, which without root is the agent's, is opened first. Nothing that belongs to the task may run any more. Deliberately absent: which directory, and when.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, renameat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// Removes it. Ok when there is none.
pub(super) fn remove_tree(path: &Path) -> io::Result<()> {
    let top = match take_over(AT_FDCWD, path) {
        Ok(top) => top,
        Err(Errno::ENOENT) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    };
    let mut moved = 0;
    // What is moved up is found in the next round.
    while !pass(&top, &mut moved)? {}
    match unlinkat(AT_FDCWD, path, UnlinkatFlags::RemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Removes what is in the top directory now. Says whether it was empty.
fn pass(top: &OwnedFd, moved: &mut u64) -> nix::Result<bool> {
    let mut was_empty = true;
    for_each(top, |name, is_directory| {
        was_empty = false;
        if !remove_entry(top, name, is_directory)? {
            let directory = take_over(top, name)?;
            for_each(&directory, |inner, is_directory| match remove_entry(&directory, inner, is_directory)? {
                true => Ok(()),
                false => move_up(&directory, inner, top, moved),
            })?;
            unlinkat(top, name, UnlinkatFlags::RemoveDir)?;
        }
        Ok(())
    })?;
    Ok(was_empty)
}

/// Removes a file, or a directory that is empty. False for a directory that is not.
fn remove_entry(parent: &OwnedFd, name: &CStr, is_directory: bool) -> nix::Result<bool> {
    let removed = match is_directory {
        true => Err(Errno::EISDIR),
        false => unlinkat(parent, name, UnlinkatFlags::NoRemoveDir),
    };
    let removed = match removed {
        Err(Errno::EISDIR) => unlinkat(parent, name, UnlinkatFlags::RemoveDir),
        other => other,
    };
    match removed {
        Ok(()) | Err(Errno::ENOENT) => Ok(true),
        Err(Errno::ENOTEMPTY | Errno::EEXIST) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Gives a directory a name of its own in the top one.
fn move_up(parent: &OwnedFd, name: &CStr, top: &OwnedFd, moved: &mut u64) -> nix::Result<()> {
    // One that may not be written to may not be moved to another either.
    take_over(parent, name)?;
    loop {
        *moved += 1;
        match renameat(parent, name, top, format!("removed.{moved}").as_str()) {
            // Something has that name already.
            Err(Errno::ENOTEMPTY | Errno::EEXIST | Errno::ENOTDIR) => {}
            other => return other,
        }
    }
}

/// Calls `act` with the name of each entry, and whether it is known to be a directory.
fn for_each(directory: &OwnedFd, mut act: impl FnMut(&CStr, bool) -> nix::Result<()>) -> nix::Result<()> {
    for entry in Dir::from_fd(open(directory, c".")?)?.iter() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            act(entry.file_name(), entry.file_type() == Some(Type::Directory))?;
        }
    }
    Ok(())
}

/// Opens a directory that is to go, whatever its owner allowed itself.
fn take_over(parent: impl AsFd, name: &(impl nix::NixPath + ?Sized)) -> nix::Result<OwnedFd> {
    let directory = match open(&parent, name) {
        Err(Errno::EACCES) => {
            fchmodat(&parent, name, Mode::S_IRWXU, FchmodatFlags::NoFollowSymlink)?;
            open(&parent, name)
        }
        outcome => outcome,
    }?;
    fchmod(&directory, Mode::S_IRWXU)?;
    Ok(directory)
}

fn open(parent: impl AsFd, name: &(impl nix::NixPath + ?Sized)) -> nix::Result<OwnedFd> {
    openat(parent, name, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use nix::unistd::{Uid, geteuid, setfsuid};
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn everything_goes_and_nothing_that_is_pointed_at() {
        let folder = TempDir::new().unwrap();
        let (top, other) = (folder.path().join("top"), folder.path().join("other"));
        fs::create_dir_all(&other).unwrap();
        fs::write(other.join("file"), "kept").unwrap();
        for name in ["a/b/c/d", "a/b/e", "removed.1/removed.2/removed.3", "x"] {
            fs::create_dir_all(top.join(name)).unwrap();
            fs::write(top.join(name).join("file"), "").unwrap();
        }
        fs::write(top.join("removed.4"), "").unwrap();
        symlink(&other, top.join("a/b/link")).unwrap();
        symlink(&other, top.join("link")).unwrap();
        remove_tree(&top).unwrap();
        assert!(!top.exists());
        assert_eq!(fs::read_to_string(other.join("file")).unwrap(), "kept");
        remove_tree(&top).unwrap();
    }

    /// Without root, what a task has closed is closed to its agent too.
    #[test]
    fn what_its_owner_has_closed_to_itself_goes_too() {
        const NOBODY: u32 = 65_534;
        let folder = TempDir::new().unwrap();
        let top = folder.path().join("top");
        for name in ["a/b/c/d", "a/e/f", "g/h"] {
            fs::create_dir_all(top.join(name)).unwrap();
            fs::write(top.join(name).join("file"), "").unwrap();
        }
        for (name, mode) in [("a/b/c", 0o000), ("a/b", 0o500), ("a/e", 0o000), ("g", 0o500), ("", 0o400)] {
            fs::set_permissions(top.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let is_root = geteuid().is_root();
        for name in ["a/b/c/d", "a/b/c", "a/b", "a/e/f", "a/e", "a", "g/h", "g", ""].into_iter().filter(|_| is_root) {
            chown(top.join(name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        if is_root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        // Of this thread alone, and with it the right to pass over permissions.
        let before = setfsuid(Uid::from_raw(if is_root { NOBODY } else { geteuid().as_raw() }));
        let removed = remove_tree(&top);
        setfsuid(before);
        removed.unwrap();
        assert!(!top.exists());
    }
}
