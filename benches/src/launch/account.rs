//! CPU time by cgroup. See the module above for what is counted where.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The hierarchies that containers use, in the order in which they are joined.
pub const HIERARCHIES: [&str; 5] = ["freezer", "pids", "memory", "cpu", "cpuacct"];

/// Where a group of this name is in one hierarchy.
pub fn group(hierarchy: &str, name: &str) -> PathBuf {
    Path::new("/sys/fs/cgroup").join(hierarchy).join(name)
}

/// A CPU account that this process and all that it starts from now on write to.
#[derive(Debug)]
pub struct Account {
    own: PathBuf,
}

impl Account {
    /// Opens it. Call it before there are threads, of which only those of the caller's process move along.
    ///
    /// # Errors
    /// When the group can't be made or joined.
    pub fn open(name: &str) -> io::Result<Self> {
        let own = group("cpuacct", name);
        fs::create_dir(&own)?;
        fs::write(own.join("cgroup.procs"), "0")?;
        Ok(Self { own })
    }

    /// The CPU time of this process, of what it started, and of the groups below `tasks`.
    ///
    /// # Errors
    /// When the kernel's counter can't be read.
    pub fn cpu(&self, tasks: &str) -> io::Result<Duration> {
        Ok(usage(&self.own)? + usage(&group("cpuacct", tasks))?)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        // Back where it came from, for all practical purposes; then the group is empty. If not, it is only a directory.
        let _ = fs::write("/sys/fs/cgroup/cpuacct/cgroup.procs", "0");
        let _ = fs::remove_dir(&self.own);
    }
}

fn usage(group: &Path) -> io::Result<Duration> {
    let text = fs::read_to_string(group.join("cpuacct.usage"))?;
    text.trim().parse().map(Duration::from_nanos).map_err(io::Error::other)
}
