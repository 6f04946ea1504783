//! The limit on open files: raised for the agent, which holds a pipe or two for each container, and kept as it was for tasks.
//!
//! A program that still uses `select` breaks with a high limit, so that tasks get what the agent was started with.

use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The limits that this process was started with. It may have several agents, of which only the first finds them.
static STARTED_WITH: OnceLock<Option<(u64, u64)>> = OnceLock::new();

/// Raises the limit as far as it goes. What comes back is what it was: soft and hard; none when the system doesn't say.
pub(crate) fn raise() -> Option<(u64, u64)> {
    *STARTED_WITH.get_or_init(|| {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
        if let Err(errno) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            tracing::warn!(%errno, soft, "the limit on open files can't be raised; it bounds how many tasks run here at a time");
        }
        Some((soft, hard))
    })
}
