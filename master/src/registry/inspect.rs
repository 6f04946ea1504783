//! A look into a registry that no master has open: what is in it, and what of it can't be read.
//!
//! The file is copied into memory and opened there, so that a look changes nothing: what a crash left is repaired in the copy,
//! and evidence of damage stays as it is. Deliberately absent: secrets, which nobody is shown.

use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use meros_master_core::{AgentRecord, AgentStanding, FrameworkRecord, Registry, RoleRecord};
use meros_types::{AgentId, Duty, FrameworkId, Term, Window};
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use serde::Serialize;

use super::error::RegistryError;
use super::file::{FILE, open_checked};
use super::load::load;

/// What a registry holds, as people may see it.
#[derive(Debug, Serialize)]
pub struct StoredRegistry {
    /// The file.
    pub path: PathBuf,
    /// The last term that a master of it began; 0 when there was none.
    pub term: Term,
    /// The agents, by their ids.
    pub agents: Vec<StoredAgent>,
    /// The frameworks, by their ids.
    pub frameworks: Vec<FrameworkRecord>,
    /// The frameworks that were removed, the oldest removal first. Their ids never return.
    pub removed: Vec<FrameworkId>,
    /// The roles that have settings of their own, by their names.
    pub roles: Vec<RoleRecord>,
    /// The maintenance windows, by their names; some may be over.
    pub windows: Vec<Window>,
    /// The records that can't be read, each with what to do. With one of these, no master starts on the file.
    #[serde(skip)]
    pub damaged: Vec<RegistryError>,
}

/// An agent's record, without its secret.
#[derive(Debug, Serialize)]
pub struct StoredAgent {
    /// The agent.
    pub id: AgentId,
    /// Its host, as it said itself.
    pub hostname: String,
    /// Whether it is admitted, unreachable or gone.
    pub state: AgentStanding,
    /// Whether it may be offered, and whether its tasks may stay.
    pub duty: Duty,
}

/// Reads the registry in this work directory. Takes memory for all of it.
///
/// # Errors
/// When there is none, a master has it open, or the file as a whole can't be read. Single records that can't are no error: they
/// are in [`StoredRegistry::damaged`].
pub fn inspect(work_dir: &Path) -> Result<StoredRegistry, RegistryError> {
    let path = work_dir.join(FILE);
    let database = open_checked(&path, in_memory(&path)?)?;
    let loaded = load(&path, &database)?;
    let Registry { agents, frameworks, removed, roles, windows } = loaded.registry;
    let agents = agents.into_iter().map(StoredAgent::from).collect();
    Ok(StoredRegistry { path, term: loaded.term, agents, frameworks, removed, roles, windows, damaged: loaded.damaged })
}

/// A copy of the file. A master that has it open holds a lock, without which the copy could be of two moments.
fn in_memory(path: &Path) -> Result<InMemoryBackend, RegistryError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(RegistryError::Missing { path: path.to_owned() }),
        Err(error) => return Err(RegistryError::file("open", path)(error)),
    };
    file.try_lock_shared().map_err(|error| match error {
        TryLockError::WouldBlock => RegistryError::InUse { path: path.to_owned() },
        TryLockError::Error(error) => RegistryError::file("lock", path)(error),
    })?;
    let mut copied = || -> io::Result<InMemoryBackend> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let backend = InMemoryBackend::new();
        backend.set_len(bytes.len() as u64)?;
        backend.write(0, &bytes)?;
        Ok(backend)
    };
    copied().map_err(RegistryError::file("read", path))
}

impl From<AgentRecord> for StoredAgent {
    fn from(agent: AgentRecord) -> Self {
        Self { id: agent.id, hostname: agent.hostname, state: agent.state, duty: agent.duty }
    }
}
