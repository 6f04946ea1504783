//! What differs between the runtimes: how the processes of a container are kept together, limited and counted.

use std::collections::BTreeSet;

use nix::unistd::Pid;

use meros_types::{ContainerId, Limits};

use super::groups::Groups;
use super::{ContainerPaths, RuntimeError};

/// The groups of a container, opaque outside the runtime.
#[derive(Clone, Debug, Default)]
pub struct Enclosure(pub(crate) Groups);

/// Whether a container's isolation is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Nothing of it lives and nothing of it is left.
    Done,
    /// Something lives, or the kernel still counts it as living.
    NotYet,
}

/// A way to keep the processes of a container together. Every method may block.
pub trait Isolation: Send + Sync + 'static {
    /// Makes, if need be, what the launcher and its shims live in: never a container's, so that no limit and no kill meant for a
    /// task can hit its supervisor.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn supervisors(&self) -> Result<Enclosure, RuntimeError>;

    /// Makes what the task's process will join, with these limits in force. On an error nothing of it is left.
    ///
    /// # Errors
    /// When the kernel refuses, or accepts and then shows another limit.
    fn prepare(&self, id: ContainerId, limits: &Limits) -> Result<Enclosure, RuntimeError>;

    /// What an earlier agent prepared for a container, whether it is still there or not.
    fn recall(&self, id: ContainerId) -> Enclosure;

    /// Kills what lives in it, without waiting for the deaths. Done when nothing was found. Its shim normally does this; here it is
    /// for containers whose shim was killed, or hangs.
    ///
    /// # Errors
    /// When the kernel does not show or does not kill the processes.
    fn kill_tree(&self, enclosure: &Enclosure, paths: &ContainerPaths) -> Result<Release, RuntimeError>;

    /// Removes it, in one attempt that does not wait, once its processes are dead.
    ///
    /// # Errors
    /// When the kernel refuses for another reason than that something lives.
    fn release(&self, enclosure: &Enclosure) -> Result<Release, RuntimeError>;

    /// Makes one attempt to remove everything of this agent, known or not, that this isolation ever made.
    ///
    /// # Errors
    /// When the kernel refuses for another reason than that something lives.
    fn sweep(&self) -> Result<Release, RuntimeError>;

    /// The same, but for the known containers, and for these supervisors and what they have just forked.
    ///
    /// # Errors
    /// When the kernel refuses for another reason than that something lives.
    fn sweep_strangers(&self, known: &BTreeSet<ContainerId>, supervisors: &BTreeSet<Pid>) -> Result<Release, RuntimeError>;
}
