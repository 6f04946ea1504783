//! The part of a cgroup v2 hierarchy that an agent may use: finding it, moving out of its way, enabling controllers in it.
//!
//! There is one hierarchy, and on most machines it is systemd's, so an agent takes only what was given to it: the group it runs in,
//! if that was delegated (`Delegate=yes`), with or without root; else, as root, the top of the hierarchy, where systemd leaves
//! alone what it does not know. A group can't both have processes and hand its controllers down, so the processes of a delegated
//! group move to a leaf of it, the agent's own among them. Deliberately absent: moving back. The leaf goes with its group.

use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::utsname::uname;
use nix::unistd::{AccessFlags, Pid, access, geteuid};

use super::detect::unusable;
use crate::launcher::sys::has_attribute;
use crate::runtime::RuntimeError;
use crate::runtime::groups::processes;

/// Where the hierarchy is mounted on a machine that has no other.
const MOUNT: &str = "/sys/fs/cgroup";
/// What containers need.
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];
/// The leaf for the processes of a delegated group. systemd can start the agent in it: `DelegateSubgroup=agent`.
const LEAF: &str = "agent";
/// How systemd marks a group that it delegated. The first is for root alone to see, the second came later.
const MARKS: [&CStr; 2] = [c"trusted.delegate", c"user.delegate"];
/// The first kernel that kills a group at once (`cgroup.kill`).
const KERNEL_MIN: (u32, u32) = (5, 14);
/// How often processes are moved out of a group, which may be forking meanwhile.
const MOVES_MAX: u32 = 100;

/// The group that this agent may use, with all that will be below it.
#[derive(Debug)]
pub(super) struct Subtree {
    base: PathBuf,
}

impl Subtree {
    /// Finds it, and sees that this user can use it.
    pub(super) fn find() -> Result<Self, RuntimeError> {
        let own = own_group()?;
        let chosen = choose(&own, Path::new(MOUNT), geteuid().is_root(), is_marked);
        let base = chosen.ok_or_else(|| unusable(format!("the group {} was not delegated to this agent", own.display())))?;
        for file in ["", "cgroup.procs", "cgroup.subtree_control"] {
            let path = base.join(file);
            access(&path, AccessFlags::W_OK).map_err(|_| unusable(format!("{} is not writable for this user", path.display())))?;
        }
        let available = read_file(&base.join("cgroup.controllers"))?;
        if let Some(missing) = missing(&available) {
            return Err(unusable(format!("the group {} does not have the controller {missing:?}", base.display())));
        }
        check_kernel()?;
        Ok(Self { base })
    }

    /// The group itself.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// Moves the processes in the group itself to its leaf. The root of the hierarchy may keep its own.
    pub(super) fn make_way(&self) -> Result<(), RuntimeError> {
        // Only the root has no type.
        if !self.base.join("cgroup.type").exists() {
            return Ok(());
        }
        let leaf = self.base.join(LEAF);
        move_all(&self.base, &leaf).map_err(|error| RuntimeError::file("move the processes of its group to", leaf, error))
    }

    /// Makes a group some levels below the base, with every controller for groups in it.
    pub(super) fn make(&self, group: &Path) -> io::Result<()> {
        fs::create_dir_all(group)?;
        let levels: Vec<_> = group.ancestors().take_while(|level| level.starts_with(&self.base)).collect();
        levels.into_iter().rev().try_for_each(enable)
    }
}

/// The directory of the group that this process is in.
fn own_group() -> Result<PathBuf, RuntimeError> {
    let (mounts, groups) = (read_file(Path::new("/proc/self/mountinfo"))?, read_file(Path::new("/proc/self/cgroup"))?);
    let found = unified_group(&groups).zip(mounted_group(&mounts));
    let inside = found.and_then(|(group, mounted)| group.strip_prefix(mounted).ok());
    let inside = inside.ok_or_else(|| unusable(format!("the group of this process is not below {MOUNT}")))?;
    // Joining an empty path would append a slash.
    Ok(if inside == Path::new("") { MOUNT.into() } else { Path::new(MOUNT).join(inside) })
}

/// Which group of the hierarchy is mounted, in the text of `mountinfo`. The last mount hides earlier ones.
fn mounted_group(mountinfo: &str) -> Option<&Path> {
    mountinfo.lines().rev().find_map(|line| {
        // Between the two halves are optional fields.
        let (mount, file_system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (group, place) = (fields.next()?, fields.next()?);
        (place == MOUNT && file_system.starts_with("cgroup2 ")).then_some(Path::new(group))
    })
}

/// The group under version 2 in the text of `/proc/<pid>/cgroup`.
fn unified_group(text: &str) -> Option<&Path> {
    text.lines().find_map(|line| line.strip_prefix("0::")).map(Path::new)
}

/// The group in which an agent in the group `own` makes its own, if there is one.
fn choose(own: &Path, root: &Path, privileged: bool, is_marked: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    // What was moved to the leaf belongs to the group around it.
    let group = own.parent().filter(|_| own.file_name() == Some(OsStr::new(LEAF))).unwrap_or(own);
    if is_marked(group) {
        return Some(group.to_owned());
    }
    if privileged {
        return Some(root.to_owned());
    }
    // Below a mark somebody else manages the groups, and changes them when it likes. Where nobody marks, permissions tell.
    let is_managed = group.ancestors().take_while(|level| level.starts_with(root)).any(is_marked);
    (!is_managed).then(|| group.to_owned())
}

fn is_marked(group: &Path) -> bool {
    let path = CString::new(group.as_os_str().as_bytes());
    path.is_ok_and(|path| MARKS.iter().any(|mark| has_attribute(&path, mark)))
}

/// The first controller that is not among these.
fn missing(controllers: &str) -> Option<&'static str> {
    CONTROLLERS.into_iter().find(|wanted| !controllers.split_whitespace().any(|name| name == *wanted))
}

fn check_kernel() -> Result<(), RuntimeError> {
    let release = uname().map(|names| names.release().to_string_lossy().into_owned()).unwrap_or_default();
    match kernel_version(&release) {
        Some(version) if version < KERNEL_MIN => {
            let (major, minor) = KERNEL_MIN;
            Err(unusable(format!("cgroup v2 needs Linux {major}.{minor} or later, and this is {release}")))
        }
        _ => Ok(()),
    }
}

/// The first two numbers of a release such as `6.1.0-13-amd64`.
fn kernel_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Moves every process from one group to another. What is left after many rounds shows when the controllers are handed down.
fn move_all(from: &Path, to: &Path) -> io::Result<()> {
    for _ in 0..MOVES_MAX {
        let found = processes(from)?;
        if found.is_empty() {
            break;
        }
        fs::create_dir_all(to)?;
        found.into_iter().try_for_each(|pid| move_one(pid, to))?;
    }
    Ok(())
}

fn move_one(pid: Pid, to: &Path) -> io::Result<()> {
    match fs::write(to.join("cgroup.procs"), pid.to_string()) {
        // It ended meanwhile.
        Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32) => Ok(()),
        result => result,
    }
}

/// Hands the controllers of a group down, and sees that they are.
fn enable(group: &Path) -> io::Result<()> {
    let file = group.join("cgroup.subtree_control");
    // A group that does is left alone: it may be somebody else's.
    if missing(&fs::read_to_string(&file)?).is_none() {
        return Ok(());
    }
    let order = CONTROLLERS.map(|controller| format!("+{controller}")).join(" ");
    fs::write(&file, order).map_err(|error| explain(group, error))?;
    match missing(&fs::read_to_string(&file)?) {
        None => Ok(()),
        Some(missing) => Err(io::Error::other(format!("{} does not hand down {missing:?}", group.display()))),
    }
}

fn explain(group: &Path, error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(Errno::EBUSY as i32) {
        let reason = format!("there are processes in {}, which has to be free of them", group.display());
        return io::Error::new(error.kind(), reason);
    }
    error
}

fn read_file(path: &Path) -> Result<String, RuntimeError> {
    fs::read_to_string(path).map_err(|error| unusable(format!("cannot read {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "/sys/fs/cgroup/system.slice/meros.service";
    const SCOPE: &str = "/sys/fs/cgroup/user.slice/user-1.slice/user@1.service/app.slice/shell.scope";

    #[track_caller]
    fn check(own: &str, privileged: bool, marked: &[&str], expected: Option<&str>) {
        let is_marked = |group: &Path| marked.iter().any(|marked| group == Path::new(marked));
        assert_eq!(choose(Path::new(own), Path::new(MOUNT), privileged, is_marked), expected.map(PathBuf::from));
    }

    #[test]
    fn a_delegated_group_is_used_whoever_asks() {
        for privileged in [true, false] {
            check(SERVICE, privileged, &[SERVICE], Some(SERVICE));
            check(&format!("{SERVICE}/agent"), privileged, &[SERVICE], Some(SERVICE));
        }
    }

    #[test]
    fn root_without_a_delegated_group_takes_the_top() {
        check(SERVICE, true, &[], Some(MOUNT));
        check(MOUNT, true, &[], Some(MOUNT));
        check(SCOPE, true, &["/sys/fs/cgroup/user.slice/user-1.slice/user@1.service"], Some(MOUNT));
    }

    #[test]
    fn a_users_group_is_its_managers_unless_nobody_manages() {
        check(SCOPE, false, &["/sys/fs/cgroup/user.slice/user-1.slice/user@1.service"], None);
        check(SCOPE, false, &[], Some(SCOPE));
        check("/sys/fs/cgroup/mine/agent", false, &[], Some("/sys/fs/cgroup/mine"));
    }

    #[test]
    fn the_mount_that_counts_is_the_last_at_its_place() {
        let text = "21 1 0:20 / /proc rw - proc proc rw\n\
                    30 1 0:26 / /sys/fs/cgroup rw shared:4 - tmpfs tmpfs rw\n\
                    31 1 0:27 /some/group /sys/fs/cgroup rw,nosuid shared:9 master:1 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(mounted_group(text), Some(Path::new("/some/group")));
        let beside = "31 1 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        assert_eq!(mounted_group(beside), None);
        assert_eq!(mounted_group("nonsense\n- -\n"), None);
    }

    #[test]
    fn the_own_group_is_the_one_without_a_controller() {
        assert_eq!(
            unified_group("4:memory:/old\n1:name=systemd:/a\n0::/system.slice/x.service\n"),
            Some(Path::new("/system.slice/x.service"))
        );
        assert_eq!(unified_group("4:memory:/old\n"), None);
    }

    #[test]
    fn a_missing_controller_is_named() {
        assert_eq!(missing("cpuset cpu io memory hugetlb pids rdma misc\n"), None);
        assert_eq!(missing("cpuset memory pids\n"), Some("cpu"));
        assert_eq!(missing("\n"), Some("cpu"));
    }

    #[test]
    fn kernels_are_told_apart_by_two_numbers() {
        assert_eq!(kernel_version("6.1.0-13-amd64"), Some((6, 1)));
        assert_eq!(kernel_version("5.14"), Some((5, 14)));
        assert_eq!(kernel_version("next"), None);
        assert!(kernel_version("5.4.0-150-generic") < Some(KERNEL_MIN));
    }
}
