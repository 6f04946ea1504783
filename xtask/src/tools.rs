//! The programs that tests call and a fresh machine may lack. Rust's toolchain and a C linker are there, or xtask could not run.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;

use crate::steps::run_command;

/// A program, the Debian package that has it, and which test wants it for what.
type Tool = (&'static str, &'static str, &'static str);

/// What the tests need beside the kernel and the toolchain.
const TOOLS: &[Tool] = &[
    ("qemu-system-x86_64", "qemu-system-x86", "the tests on cgroup v2 run in a virtual machine"),
    ("mke2fs", "e2fsprogs", "makes that machine's disk"),
    ("ip", "iproute2", "brings up loopback in that machine"),
    ("setfattr", "attr", "marks a cgroup in that machine as delegated, as systemd does"),
    ("systemd-analyze", "systemd", "checks the units in dist/"),
    ("setpriv", "util-linux", "runs an agent with the capabilities that its unit leaves it"),
];

/// Where administrators' programs are, which a user's path may lack.
const FOLDERS_OF_ROOT: &str = "/usr/local/sbin:/usr/sbin:/sbin";

/// Installs what is missing, if we are root; otherwise says what to install.
pub(crate) fn install_missing() -> io::Result<()> {
    let missing = missing(TOOLS, &search_path());
    if missing.is_empty() {
        return Ok(());
    }
    for (binary, package, why) in &missing {
        println!("missing: {binary} (package {package}): {why}");
    }
    let packages: Vec<&str> = missing.iter().map(|(_, package, _)| *package).collect();
    // The owner of our own entry in /proc is the user that we run as.
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        return Err(io::Error::other(format!("not root, so install them first: apt-get install {}", packages.join(" "))));
    }
    update_lists()?;
    run_command(apt_get(&["install", "--yes", "--no-install-recommends"]).args(packages))
}

/// Fetches the lists of packages anew. For root alone.
pub(crate) fn update_lists() -> io::Result<()> {
    run_command(&mut apt_get(&["update"]))
}

/// Where a program is.
///
/// # Errors
/// When no folder has it.
pub(crate) fn program(name: &str) -> io::Result<PathBuf> {
    let found = std::env::split_paths(&search_path()).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| io::Error::other(format!("there is no program {name}")))
}

fn search_path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":");
    path.push(FOLDERS_OF_ROOT);
    path
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn missing(tools: &[Tool], search_path: &OsStr) -> Vec<Tool> {
    let is_there = |binary: &str| std::env::split_paths(search_path).any(|folder: PathBuf| folder.join(binary).is_file());
    tools.iter().filter(|(binary, _, _)| !is_there(binary)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_folder_of_the_path_has_is_missing() {
        let shell = ("sh", "dash", "every test machine has it");
        let invented = ("no-such-binary", "no-such-package", "to be missed");
        assert_eq!(missing(&[shell, invented], OsStr::new("/usr/bin:/bin")), [invented]);
        assert_eq!(missing(&[shell], OsStr::new("/nowhere")), [shell]);
        assert!(missing(TOOLS, OsStr::new("")).len() == TOOLS.len());
    }
}
