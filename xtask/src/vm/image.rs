//! The machine's disk: this machine's own programs and libraries, the programs to test, and `init.sh` to start them.
//!
//! Made of what is installed here, so that tests find in there what they find here. Made anew for each run, which takes a second.
//! Deliberately absent: a bootloader and a service manager. The machine starts its kernel and that `init.sh`.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::steps::{output_of, run_command};
use crate::tools::program;

/// The packages whose programs the tests, their tasks and `init.sh` call.
const PACKAGES: &[&str] = &[
    "attr",
    "coreutils",
    "dash",
    "diffutils",
    "findutils",
    "grep",
    "gzip",
    "iproute2",
    "mount",
    "perl-base",
    "sed",
    "tar",
    "util-linux",
];
/// A program that several packages have, of which one is installed.
const AWK: &str = "/usr/bin/awk";
const FOLDERS: &[&str] =
    &["dev", "etc", "proc", "root", "run", "sys", "tests", "tmp", "usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "var/tmp"];
/// The folders that are part of `usr` today.
const MERGED: &[&str] = &["bin", "lib", "lib64", "sbin"];
const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const INIT: &str = include_str!("init.sh");
/// Sparse, so that it takes what is on it.
const DISK_BYTES: u64 = 2 << 30;

/// Makes the disk; the programs are in its folder `tests`.
pub(super) fn build(folder: &Path, programs: &[(&str, PathBuf)]) -> io::Result<PathBuf> {
    let root = folder.join("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    skeleton(&root)?;
    let mut installed = copy_programs(&root)?;
    for (name, program) in programs {
        // The information for debuggers is most of them.
        run_command(Command::new("strip").arg("-o").arg(root.join("tests").join(name)).arg(program))?;
        installed.push(program.clone());
    }
    copy_libraries(&root, &installed)?;
    make_disk(&root, folder.join("root.img"))
}

fn skeleton(root: &Path) -> io::Result<()> {
    for name in FOLDERS {
        fs::create_dir_all(root.join(name))?;
    }
    for name in MERGED {
        symlink(Path::new("usr").join(name), root.join(name))?;
    }
    for name in ["tmp", "var/tmp"] {
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o1777))?;
    }
    symlink("dash", root.join("bin/sh"))?;
    fs::write(root.join("etc/passwd"), USERS)?;
    fs::File::create(root.join("init"))?.write_all(INIT.as_bytes())?;
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755))
}

/// Copies the programs of the packages. The result is where they are here.
fn copy_programs(root: &Path) -> io::Result<Vec<PathBuf>> {
    let listing = output_of(Command::new("dpkg").arg("--listfiles").args(PACKAGES).stdin(Stdio::null()))?;
    let programs: Vec<_> = listing.lines().filter(|file| is_program(file)).map(PathBuf::from).chain([AWK.into()]).collect();
    for program in &programs {
        let copy = inside(root, program);
        // What the skeleton has already, it has for a reason.
        if program.is_file() && !copy.exists() {
            fs::copy(program, copy)?;
        }
    }
    Ok(programs)
}

fn is_program(file: &str) -> bool {
    ["/bin/", "/sbin/"].iter().any(|folder| file.strip_prefix("/usr").unwrap_or(file).starts_with(folder))
}

/// Copies every library that the programs ask for.
fn copy_libraries(root: &Path, programs: &[PathBuf]) -> io::Result<()> {
    // It complains about scripts, which need no libraries.
    let output = Command::new("ldd").args(programs).stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    for library in libraries(&String::from_utf8_lossy(&output.stdout)) {
        let copy = inside(root, library);
        if !copy.exists() {
            copy.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::copy(library, copy)?;
        }
    }
    Ok(())
}

/// The paths in what `ldd` says: `name => /path (address)` or `/path (address)`, below the program's own path with a colon.
fn libraries(listing: &str) -> impl Iterator<Item = &Path> {
    let needed = listing.lines().filter(|line| line.starts_with('\t'));
    needed.filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/'))).map(Path::new)
}

/// Where a file of this machine goes.
fn inside(root: &Path, file: &Path) -> PathBuf {
    root.join(file.strip_prefix("/").unwrap_or(file))
}

fn make_disk(root: &Path, disk: PathBuf) -> io::Result<PathBuf> {
    fs::File::create(&disk)?.set_len(DISK_BYTES)?;
    let mut command = Command::new(program("mke2fs")?);
    // Root's, whoever runs this; and without a journal, since the disk is thrown away.
    command.args(["-q", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0", "-d"]).arg(root);
    run_command(command.arg(&disk).stdin(Stdio::null()))?;
    Ok(disk)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_from_other_files() {
        for file in ["/bin/ls", "/usr/bin/env", "/sbin/swapon", "/usr/sbin/x"] {
            assert!(is_program(file), "{file}");
        }
        for file in ["/usr/share/doc/dash", "/usr/bin", "/etc/sbin/x"] {
            assert!(!is_program(file), "{file}");
        }
    }

    #[test]
    fn libraries_are_read_from_ldd() {
        let listing = "/bin/ls:\n\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x2)\n\t/lib64/ld-linux.so.2 (0x3)\n\
                       /bin/script:\n\tnot a dynamic executable\n";
        let found: Vec<_> = libraries(listing).collect();
        assert_eq!(found, [Path::new("/lib/x/libc.so.6"), Path::new("/lib64/ld-linux.so.2")]);
    }
}
