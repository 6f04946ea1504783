//! The machine's kernel: Debian's for clouds, small and with everything built in that the machine needs. Fetched at its first use
//! and kept in the target folder. Deliberately absent: installing it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::steps::{output_of, run_command};
use crate::tools;

/// The package that names the newest one.
const NEWEST: &str = "linux-image-cloud-amd64";

/// The path of the kernel.
pub(super) fn fetched(folder: &Path) -> io::Result<PathBuf> {
    let kernel = folder.join("vmlinuz");
    if !kernel.is_file() {
        println!("fetching a kernel for the virtual machine into the target folder, once");
        // Part of a download that was interrupted may be there.
        let download = folder.join("kernel");
        let _ = fs::remove_dir_all(&download);
        fs::create_dir_all(&download)?;
        // The lists of packages may be old, or there are none yet.
        fetch(&download).or_else(|_| tools::update_lists().and_then(|()| fetch(&download)))?;
        fs::rename(unpack(&download)?, &kernel)?;
        fs::remove_dir_all(&download)?;
    }
    Ok(kernel)
}

fn fetch(folder: &Path) -> io::Result<()> {
    let listing = output_of(Command::new("apt-cache").args(["depends", NEWEST]).stdin(Stdio::null()))?;
    let package = dependency(&listing).ok_or_else(|| io::Error::other(format!("apt knows no package {NEWEST}")))?;
    run_command(Command::new("apt-get").args(["--quiet", "download", package]).current_dir(folder).stdin(Stdio::null()))
}

/// The package in a listing of `apt-cache depends` that is the kernel.
fn dependency(listing: &str) -> Option<&str> {
    listing.lines().find_map(|line| line.trim().strip_prefix("Depends: ")).filter(|name| name.starts_with("linux-image-"))
}

/// Unpacks what was downloaded. The result is the kernel itself.
fn unpack(folder: &Path) -> io::Result<PathBuf> {
    let package = only(folder, |name| name.ends_with(".deb"))?;
    run_command(Command::new("dpkg-deb").arg("--extract").arg(package).arg(folder.join("unpacked")))?;
    only(&folder.join("unpacked/boot"), |name| name.starts_with("vmlinuz-"))
}

fn only(folder: &Path, is_it: impl Fn(&str) -> bool) -> io::Result<PathBuf> {
    let found = fs::read_dir(folder)?.flatten().find(|entry| is_it(&entry.file_name().to_string_lossy()));
    found.map(|entry| entry.path()).ok_or_else(|| io::Error::other(format!("no kernel in {}", folder.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_what_the_newest_depends_on() {
        let listing = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-13-cloud-amd64\n";
        assert_eq!(dependency(listing), Some("linux-image-6.1.0-13-cloud-amd64"));
        assert_eq!(dependency("linux-image-cloud-amd64\n"), None);
    }
}
