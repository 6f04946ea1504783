//! Isolation without cgroups, for laptops and agents without root: the shim finds the tree through parents and kills it.
//!
//! Nothing is limited and nothing is counted. Deliberately absent: certainty when a shim is killed. What it supervised is then known
//! only by its environment or its working directory, and a process may change both.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use meros_types::{ContainerId, Limits};

use super::command::SANDBOX_VARIABLE;
use super::isolation::{Enclosure, Isolation, Release};
use super::{ContainerPaths, RuntimeError};

/// Processes kept together by their ancestry. Nothing is enforced.
#[derive(Clone, Copy, Debug)]
pub struct Plain;

impl Isolation for Plain {
    fn supervisors(&self) -> Result<Enclosure, RuntimeError> {
        Ok(Enclosure::default())
    }

    fn prepare(&self, _id: ContainerId, _limits: &Limits) -> Result<Enclosure, RuntimeError> {
        Ok(Enclosure::default())
    }

    fn kill_tree(&self, _enclosure: &Enclosure, paths: &ContainerPaths) -> Result<Release, RuntimeError> {
        let members = members(paths).map_err(|error| RuntimeError::file("list the processes in", "/proc", error))?;
        for pid in &members {
            // It may have ended since.
            let _ = kill(*pid, Signal::SIGKILL);
        }
        Ok(if members.is_empty() { Release::Done } else { Release::NotYet })
    }

    fn release(&self, _enclosure: &Enclosure) -> Result<Release, RuntimeError> {
        Ok(Release::Done)
    }

    fn sweep(&self) -> Result<Release, RuntimeError> {
        Ok(Release::Done)
    }
}

/// The living processes that name the container's sandbox in their environment or work inside it.
fn members(paths: &ContainerPaths) -> io::Result<Vec<Pid>> {
    let sandbox = paths.sandbox();
    let mut variable = format!("{SANDBOX_VARIABLE}=").into_bytes();
    variable.extend(sandbox.as_os_str().as_bytes());
    let numbers =
        fs::read_dir("/proc")?.flatten().filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
    Ok(numbers.filter(|(_, process)| belongs(process, &sandbox, &variable)).map(|(number, _)| Pid::from_raw(number)).collect())
}

/// A process that ended meanwhile, or is another user's, shows neither and belongs to nobody here.
fn belongs(process: &Path, sandbox: &Path, variable: &[u8]) -> bool {
    let inside = fs::read_link(process.join("cwd")).is_ok_and(|directory| directory.starts_with(sandbox));
    inside
        || fs::read(process.join("environ"))
            .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == variable))
}
