//! The programs that tests call and a fresh machine may lack. Rust's toolchain and a C linker are there, or xtask could not run.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::steps::run_command;

/// A program, the Debian package that has it, and which test wants it for what.
type Tool = (&'static str, &'static str, &'static str);

/// Nothing at present: the tests need the kernel and the toolchain alone. A line comes with the first test that needs it.
const TOOLS: &[Tool] = &[];

/// Installs what is missing, if we are root; otherwise says what to install.
pub(crate) fn install_missing() -> io::Result<()> {
    let missing = missing(TOOLS, &std::env::var_os("PATH").unwrap_or_default());
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
    run_command(&mut apt_get(&["update"]))?;
    run_command(apt_get(&["install", "--yes", "--no-install-recommends"]).args(packages))
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn missing(tools: &[Tool], search_path: &OsStr) -> Vec<Tool> {
    let is_there =
        |binary: &str| std::env::split_paths(search_path).any(|folder: std::path::PathBuf| is_file(&folder.join(binary)));
    tools.iter().filter(|(binary, _, _)| !is_there(binary)).copied().collect()
}

fn is_file(path: &Path) -> bool {
    path.is_file()
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
