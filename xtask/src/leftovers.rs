//! What a run leaves on the machine: cgroups, processes, mounts, network namespaces, files. The promise is: nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

/// The word that gives our things away.
const MARK: &str = "meros";

/// Everything on this machine that looks like ours, one line each. What stands in a later one and not in an earlier one was left.
pub(crate) fn traces(target: &Path) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    cgroups(Path::new("/sys/fs/cgroup"), &mut found);
    processes(&target.join("debug/deps"), &mut found)?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    found.extend(mounts.lines().filter(|line| is_ours(line)).map(|line| format!("mount {line}")));
    for folder in ["/tmp", "/run", "/run/netns"] {
        let names = names(Path::new(folder)).into_iter().filter(|name| is_ours(name));
        found.extend(names.map(|name| format!("file {folder}/{name}")));
    }
    Ok(found)
}

/// Fails with what is there now and was not before.
pub(crate) fn nothing_new(before: &BTreeSet<String>, target: &Path) -> io::Result<()> {
    let after = traces(target)?;
    let left: Vec<&str> = after.difference(before).map(String::as_str).collect();
    if left.is_empty() { Ok(()) } else { Err(io::Error::other(format!("left behind:\n  {}", left.join("\n  ")))) }
}

/// A group may vanish while we look; then there is nothing to report.
fn cgroups(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // Symbolic links (cpu to cpu,cpuacct) are no folders here, so each hierarchy is walked once.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if is_ours(&entry.file_name().to_string_lossy()) {
                found.insert(format!("cgroup {}", entry.path().display()));
            }
            cgroups(&entry.path(), found);
        }
    }
}

/// Our processes carry the mark in their name, or run a test binary: the agent's tests fork from those.
fn processes(test_binaries: &Path, found: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir("/proc")?.flatten() {
        let (pid, folder) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        // What is no process has no name, and a process may end while we look.
        let Ok(name) = fs::read_to_string(folder.join("comm")) else { continue };
        let runs_a_test = fs::read_link(folder.join("exe")).is_ok_and(|program| program.starts_with(test_binaries));
        if (is_ours(&name) || runs_a_test) && pid != std::process::id().to_string() {
            let arguments = fs::read(folder.join("cmdline")).unwrap_or_default();
            let arguments = String::from_utf8_lossy(&arguments).replace('\0', " ");
            found.insert(format!("process {pid} ({}) {}", name.trim(), arguments.trim()));
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn is_ours(name: &str) -> bool {
    name.to_lowercase().contains(MARK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_test_process_is_seen_only_by_others() {
        let program = std::env::current_exe().unwrap();
        let mut found = BTreeSet::new();
        processes(program.parent().unwrap(), &mut found).unwrap();
        let own = format!("process {} ", std::process::id());
        assert!(!found.iter().any(|line| line.starts_with(&own)));
    }

    #[test]
    fn groups_are_found_at_any_depth() {
        let mut found = BTreeSet::new();
        let folder = std::env::temp_dir().join(format!("xtask-groups-{}", std::process::id()));
        fs::create_dir_all(folder.join("cpu/Meros/name")).unwrap();
        cgroups(&folder, &mut found);
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, [format!("cgroup {}/cpu/Meros", folder.display())].into());
    }
}
