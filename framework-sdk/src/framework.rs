//! What a user says about a framework before it runs.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use meros_proto::TokenError;
use meros_session::{Host, Identity, Scheduler};
use meros_types::Role;
use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::address::Master;
use crate::clock::{self, Clock};
use crate::driver::Driver;
use crate::handle::{CALLS_MAX, Handle, Running};

/// The variable that names the master when the program doesn't.
pub const MASTER_VARIABLE: &str = "MEROS_MASTER";
/// The master when nobody names one.
pub const MASTER_DEFAULT: &str = "127.0.0.1:5050";

// What the session checks before a launch is what the wire would refuse.
const _: () = assert!(meros_session::limits::COMMAND_BYTES_MAX == meros_proto::COMMAND_BYTES_MAX);
const _: () = assert!(meros_session::limits::TASK_NAME_BYTES_MAX == meros_proto::DISPLAY_NAME_BYTES_MAX);

/// A framework that is to run: who it is, and where its master is.
#[derive(Clone, Debug)]
pub struct Framework {
    name: String,
    key: Option<String>,
    roles: Vec<String>,
    failover_timeout: Option<Duration>,
    master: Option<String>,
    token_file: Option<PathBuf>,
}

impl Framework {
    /// A framework of this name, in the role `*`, at the master that `MEROS_MASTER` names or else at 127.0.0.1:5050.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), key: None, roles: Vec::new(), failover_timeout: None, master: None, token_file: None }
    }

    /// The master's address: `host:port`.
    #[must_use]
    pub fn master(mut self, address: impl Into<String>) -> Self {
        self.master = Some(address.into());
        self
    }

    /// A role that offers are wanted for. May be said several times.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// The framework's identity over restarts of its process: its tasks then outlive it, and a new process takes them over.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// How long the tasks outlive the process. By default a week with a key, and a minute without.
    #[must_use]
    pub fn failover_timeout(mut self, timeout: Duration) -> Self {
        self.failover_timeout = Some(timeout);
        self
    }

    /// The file with the master's token. By default the one that `MEROS_TOKEN_FILE` names, else
    /// `~/.meros/<host>_<port>/token`.
    #[must_use]
    pub fn token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.token_file = Some(path.into());
        self
    }

    /// Runs `scheduler` until it stops, and gives it back. A master that can't be reached is tried until it can.
    ///
    /// # Errors
    /// [`Error`] when what was said of the framework is wrong, or its session has ended for good.
    pub async fn run<S: Scheduler>(self, scheduler: S) -> Result<S, Error> {
        self.spawn(scheduler)?.1.await
    }

    /// Starts `scheduler` on a thread of its own: a handle to call it by, and a future of its end.
    ///
    /// # Errors
    /// [`Error`] when what was said of the framework is wrong.
    pub fn spawn<S: Scheduler>(self, scheduler: S) -> Result<(Handle<S>, Running<S>), Error> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let (identity, master) = self.resolve()?;
        let (calls, called) = mpsc::channel(CALLS_MAX);
        let (end, ended) = oneshot::channel();
        let host = Host::new(identity, clock::seed(), scheduler);
        let run = move || {
            let driver = Driver::new(host, Clock::start(), master, called);
            // Nobody may be waiting.
            let _ = end.send(runtime.block_on(driver.run()).map_err(Error::from));
        };
        thread::Builder::new().name("meros-scheduler".to_owned()).spawn(run).map_err(Error::Thread)?;
        Ok((Handle { calls }, Running { ended }))
    }

    fn resolve(self) -> Result<(Identity, Master), Error> {
        let mut identity = Identity::new(self.name);
        identity.key = self.key;
        identity.failover_timeout = self.failover_timeout;
        if !self.roles.is_empty() {
            identity.roles = self.roles.iter().map(|role| Role::new(role)).collect::<Result<_, _>>()?;
        }
        let named = self.master.or_else(|| std::env::var(MASTER_VARIABLE).ok().filter(|address| !address.is_empty()));
        let master = Master::new(named.as_deref().unwrap_or(MASTER_DEFAULT), self.token_file)?;
        match master.token() {
            // A master that is not up yet may still write its token; a file that was named should be there.
            Ok(_) | Err(TokenError::Absent { .. }) => Ok((identity, master)),
            Err(error) => Err(error.into()),
        }
    }
}
