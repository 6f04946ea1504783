//! The tests that need cgroup v2, in a virtual machine with a kernel of its own: few of the machines that tests run on have it.
//!
//! The machine runs the same test programs and the same `meros` as everything else, just built; its kernel is Debian's, fetched
//! once. It is emulated, since not every machine may virtualise, and boots in four seconds. Nothing of it outlives it but its
//! files in the target folder. Deliberately absent: a network, and any means for the machine to reach ours but its console.

mod console;
mod image;
mod kernel;

use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::steps::{cargo, output_of};
use crate::tally::Tally;
use crate::tools::program;
use crate::workspace::Workspace;
use console::Console;

/// The test programs that run in the machine, by the names of their targets.
const TEST_PROGRAMS: [&str; 3] = ["runtime_containers", "daemon_shell", "hostile"];
/// A whole run takes a minute or two; past this it hangs. Generous, since CI machines are slow and shared.
const LIMIT_SECONDS: u32 = 400;
/// Memory for the tests' tasks and for what the kernel keeps of the disk.
const MEMORY_MIB: u32 = 1_024;
/// Enough that a task which got any swap would live on in a test that expects its death.
const SWAP_BYTES: u64 = 512 << 20;
/// The root disk is the first, by the order of the devices below. No message of the kernel may break the tests' lines in two.
const KERNEL_ARGUMENTS: &str = "console=ttyS0 loglevel=0 panic=-1 root=/dev/nvme0n1 rw init=/init";

/// Boots the machine, passes on what it prints, and sums its tests.
///
/// # Errors
/// When there is no such machine to be had.
pub(crate) fn run(workspace: &Workspace) -> io::Result<Tally> {
    let folder = workspace.target.join("vm");
    std::fs::create_dir_all(&folder)?;
    let kernel = kernel::fetched(&folder)?;
    let mut programs = built_tests(workspace)?;
    programs.push(("meros", workspace.target.join("debug/meros")));
    let root = image::build(&folder, &programs)?;
    let swap = folder.join("swap.img");
    std::fs::File::create(&swap)?.set_len(SWAP_BYTES)?;
    boot(&kernel, &[root, swap])
}

/// The test programs, which were built before.
fn built_tests(workspace: &Workspace) -> io::Result<Vec<(&'static str, PathBuf)>> {
    let arguments = ["test", "--workspace", "--locked", "--no-run", "--quiet", "--message-format", "json"];
    let messages = output_of(cargo(workspace).args(arguments))?;
    let find = |name| {
        let found = messages.lines().find_map(|line| executable(line, name));
        found.map(|path| (name, path)).ok_or_else(|| io::Error::other(format!("cargo built no test called `{name}`")))
    };
    TEST_PROGRAMS.into_iter().map(find).collect()
}

/// What one of cargo's messages says of a test binary.
fn executable(message: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let target = &message["target"];
    let is_it = target["name"] == name && target["kind"][0] == "test";
    message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
}

fn boot(kernel: &Path, disks: &[PathBuf]) -> io::Result<Tally> {
    // `timeout` (coreutils) ends it if it hangs.
    let mut command = Command::new("timeout");
    command.arg("--kill-after=5").arg(LIMIT_SECONDS.to_string()).arg(program("qemu-system-x86_64")?);
    command.args(["-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", &MEMORY_MIB.to_string()]);
    command.args(["-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio"]);
    for (number, disk) in disks.iter().enumerate() {
        // Without writing to the file, and with the driver that Debian's kernel does not need a module for.
        let drive = format!("if=none,id=disk{number},format=raw,snapshot=on,file={}", disk.display());
        command.args(["-drive", &drive, "-device", &format!("nvme,serial=disk{number},drive=disk{number}")]);
    }
    command.arg("-kernel").arg(kernel).args(["-append", KERNEL_ARGUMENTS]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let console = child.stdout.take().map_or_else(|| Ok(Console::default()), pass_on)?;
    let status = child.wait()?;
    console.finish(&status.to_string())
}

/// Prints what arrives, line by line as it arrives, with the seconds since the start, and reads it.
fn pass_on(output: ChildStdout) -> io::Result<Console> {
    let started = Instant::now();
    let mut console = Console::default();
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let text = console::plain(&text);
        writeln!(io::stdout().lock(), "vm {:5.1}| {text}", started.elapsed().as_secs_f64())?;
        console.read(&text);
        line.clear();
    }
    Ok(console)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_binary_is_found_among_cargos_messages() {
        let message = r#"{"target":{"kind":["test"],"name":"a"},"executable":"/t/a-1"}"#;
        assert_eq!(executable(message, "a"), Some("/t/a-1".into()));
        assert_eq!(executable(message, "b"), None);
        assert_eq!(executable(r#"{"target":{"kind":["lib"],"name":"a"},"executable":"/t/a-2"}"#, "a"), None);
        assert_eq!(executable(r#"{"reason":"build-finished","success":true}"#, "a"), None);
    }
}
