//! Schedulers of this command: from the connection's flags to a framework that runs, and its end.

use std::time::Duration;

use meros::{Framework, Handle, Running, Scheduler};
use meros_types::Role;

use tokio::time::timeout;

use crate::args::Connection;
use crate::error::Error;

/// How long the end of a framework may take: the master is asked once.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Registers a scheduler under this name. A master that can't be reached is tried until it can.
pub(crate) fn start<S: Scheduler>(
    connection: &Connection,
    name: &str,
    role: &Role,
    scheduler: S,
) -> Result<(Handle<S>, Running<S>), Error> {
    let mut framework = Framework::new(name).master(&connection.master).role(role.as_str());
    if let Some(file) = &connection.token_file {
        framework = framework.token_file(file);
    }
    Ok(framework.spawn(scheduler)?)
}

/// Ends the framework and every task of it, and gives the scheduler back. A master that can't be told in time finds out by itself.
pub(crate) async fn end<S: Scheduler>(handle: &Handle<S>, running: &mut Running<S>) -> Result<S, Error> {
    // A scheduler that has ended already says so in its own result.
    let _ = timeout(END_TIMEOUT, handle.call(|_, cx| cx.teardown())).await;
    match timeout(END_TIMEOUT, running).await {
        Ok(ended) => Ok(ended?),
        Err(_) => Err(Error::Interrupted),
    }
}
