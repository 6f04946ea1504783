//! The end of an agent that leaves nothing behind: every container is destroyed, and the attempt is repeated.
//!
//! Deliberately absent: what an earlier life left, which the runtime adopts or destroys at the start.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::runtime::{ContainerRuntime, Ended, RuntimeError};

/// How often destroying is tried. A shim that has just lost its task may write its record into a directory that is being removed.
const ATTEMPTS: u32 = 10;
/// How long to leave the shims alone between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// Destroys every container of the runtime, and removes all its directories and cgroups. The ends of containers are taken and
/// dropped meanwhile, since a runtime may wait until somebody takes them.
pub(crate) async fn destroy_all(runtime: &dyn ContainerRuntime, mut ends: mpsc::Receiver<Ended>) -> Result<(), RuntimeError> {
    let taking = async {
        while ends.recv().await.is_some() {}
        std::future::pending::<()>().await;
    };
    let destroying = async {
        for _ in 1..ATTEMPTS {
            match runtime.destroy_all().await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::debug!(%error, "not everything could be destroyed; trying again"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        runtime.destroy_all().await
    };
    tokio::select! {
        destroyed = destroying => destroyed,
        () = taking => Ok(()),
    }
}
