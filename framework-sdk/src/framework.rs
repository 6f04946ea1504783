//! What a user says about a framework before it runs.

use std::fmt;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use meros_proto::TokenError;
use meros_session::{Host, Identity, Saved, Scheduler};
use meros_types::{OfferPreferences, Resources, Role};
use tokio::sync::{mpsc, oneshot};

use crate::address::Master;
use crate::clock::{self, Clock};
use crate::driver::Driver;
use crate::handle::{CALLS_MAX, Handle, Running};
use crate::state::Committer;
use crate::{Error, StateStore};

/// The variable that names the master when the program doesn't.
pub const MASTER_VARIABLE: &str = "MEROS_MASTER";
/// The master when nobody names one.
pub const MASTER_DEFAULT: &str = "127.0.0.1:5050";

// What the session checks before a launch is what the wire would refuse.
const _: () = assert!(meros_session::limits::COMMAND_BYTES_MAX == meros_proto::COMMAND_BYTES_MAX);
const _: () = assert!(meros_session::limits::TASK_NAME_BYTES_MAX == meros_proto::DISPLAY_NAME_BYTES_MAX);

/// A framework that is to run: who it is, and where its master is.
pub struct Framework {
    name: String,
    key: Option<String>,
    roles: Vec<String>,
    failover_timeout: Option<Duration>,
    preferences: OfferPreferences,
    master: Option<String>,
    token_file: Option<PathBuf>,
    state: Option<Box<dyn StateStore>>,
}

impl fmt::Debug for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framework").field("name", &self.name).field("key", &self.key).finish_non_exhaustive()
    }
}

impl Framework {
    /// A framework of this name, in the role `*`, at the master that `MEROS_MASTER` names or else at 127.0.0.1:5050.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            key: None,
            roles: Vec::new(),
            failover_timeout: None,
            preferences: OfferPreferences::default(),
            master: None,
            token_file: None,
            state: None,
        }
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

    /// How long each offer stands, from a second to an hour. By default as the master has it: 30 s unless its operator says
    /// otherwise.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.preferences.lease = Some(lease);
        self
    }

    /// What an offer must contain at least where any will do ([`meros_types::Demand::anything`]). May be said up to 16 times: one of them is
    /// enough. By default as the master has it.
    #[must_use]
    pub fn least(mut self, least: Resources) -> Self {
        self.preferences.least.push(least);
        self
    }

    /// Wants offers of agents with GPUs also for shapes that ask for none. By default those agents are left to whoever does.
    #[must_use]
    pub fn gpu_agents(mut self) -> Self {
        self.preferences.gpu_agents = true;
        self
    }

    /// Wants offers of agents in other regions than the master's, also for shapes without a constraint on the region.
    #[must_use]
    pub fn remote_regions(mut self) -> Self {
        self.preferences.remote_regions = true;
        self
    }

    /// The file with the master's token. By default the one that `MEROS_TOKEN_FILE` names, else
    /// `~/.meros/<host>_<port>/token`.
    #[must_use]
    pub fn token_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.token_file = Some(path.into());
        self
    }

    /// Where the scheduler's state is kept, such as a [`crate::FileStore`]: a new process with the same [`Framework::key`] then
    /// goes on where the one before was. Without a key it begins anew each time.
    #[must_use]
    pub fn state(mut self, store: impl StateStore) -> Self {
        self.state = Some(Box::new(store));
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
    pub fn spawn<S: Scheduler>(mut self, scheduler: S) -> Result<(Handle<S>, Running<S>), Error> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let state = self.state.take();
        let (identity, master) = self.resolve()?;
        let (calls, called) = mpsc::channel(CALLS_MAX);
        let (end, ended) = oneshot::channel();
        let run = move || {
            let ended = recover(identity, scheduler, state).and_then(|(host, committer)| {
                let driver = Driver::new(host, Clock::start(), master, called, committer);
                runtime.block_on(driver.run()).map_err(Error::from)
            });
            // Nobody may be waiting.
            let _ = end.send(ended);
        };
        thread::Builder::new().name("meros-scheduler".to_owned()).spawn(run).map_err(Error::Thread)?;
        Ok((Handle { calls }, Running { ended }))
    }

    fn resolve(self) -> Result<(Identity, Master), Error> {
        let mut identity = Identity::new(self.name);
        identity.key = self.key;
        identity.failover_timeout = self.failover_timeout;
        identity.preferences = self.preferences;
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

/// The scheduler where the process before left it, and its store at work.
fn recover<S: Scheduler>(
    identity: Identity,
    scheduler: S,
    state: Option<Box<dyn StateStore>>,
) -> Result<(Host<S>, Option<Committer>), Error> {
    let (saved, committer) = match state {
        None => (Saved::default(), None),
        Some(mut store) => (store.load()?, Some(Committer::start(store).map_err(Error::Thread)?)),
    };
    Ok((Host::recovered(identity, clock::seed(), scheduler, saved)?, committer))
}
