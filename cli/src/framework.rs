//! Schedulers of this command: from the connection's flags to a framework that runs, and its end.

use std::time::Duration;

use meros::{Framework, Handle, Running, Scheduler};
use meros_types::{CONSTRAINTS_MAX, Constraint, Resources, Role, Shape};

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
    Ok(named(connection, name, role).spawn(scheduler)?)
}

/// A framework of this name that is still to be started.
pub(crate) fn named(connection: &Connection, name: &str, role: &Role) -> Framework {
    let framework = Framework::new(name).master(&connection.master).role(role.as_str());
    match &connection.token_file {
        Some(file) => framework.token_file(file),
        None => framework,
    }
}

/// What each task needs, and where.
pub(crate) fn shape(resources: Resources, constraints: Vec<Constraint>) -> Result<Shape, Error> {
    match constraints.len() {
        0..=CONSTRAINTS_MAX => Ok(Shape { constraints, ..Shape::of(resources) }),
        many => Err(Error::Usage(format!("there are {many} constraints (--on), and {CONSTRAINTS_MAX} is the most"))),
    }
}

/// Ends the framework and every task of it, and gives the scheduler back. A master that can't be told in time finds out by itself.
pub(crate) async fn end<S: Scheduler>(handle: &Handle<S>, running: &mut Running<S>) -> Result<S, Error> {
    // A scheduler that has ended already says so in its own result.
    let _ = timeout(END_TIMEOUT, handle.call(|_, cx| cx.teardown())).await;
    ended(running).await
}

/// Ends the scheduler alone, and gives it back: the framework and its tasks wait for the next process with its key.
pub(crate) async fn leave<S: Scheduler>(handle: &Handle<S>, running: &mut Running<S>) -> Result<S, Error> {
    // As above.
    let _ = timeout(END_TIMEOUT, handle.call(|_, cx| cx.stop())).await;
    ended(running).await
}

async fn ended<S: Scheduler>(running: &mut Running<S>) -> Result<S, Error> {
    match timeout(END_TIMEOUT, running).await {
        Ok(ended) => Ok(ended?),
        Err(_) => Err(Error::Interrupted),
    }
}
