//! The registry in a file of the work directory, by redb: the store of a master that is alone.
//!
//! Every commit is of two phases, so that the newest state in the file is known to be whole; a file in which it is not was
//! changed by something else. redb's other way finds the newest state that has a good checksum, and would silently go on from
//! the one before when the newest is damaged: a term could come twice, and what was acknowledged could be forgotten. For the same
//! reason the whole file is checked when it is opened, which is small work for so small a file.
//!
//! Deliberately absent: the lock against other masters, which is the work directory's.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use meros_master_core::{Change, Registry};
use meros_types::{FrameworkId, Term};
use redb::backends::FileBackend;
use redb::{Builder, Database, Durability, StorageBackend, Table, WriteTransaction};

use super::RegistryStore;
use super::entry;
use super::error::RegistryError;
use super::load::{AGENTS, FILE_VERSION, FRAMEWORKS, META, REMOVED, ROLES, TERM_KEY, Tombstone, VERSION_KEY, WINDOWS, load};

/// The file's name in the work directory.
pub(super) const FILE: &str = "registry.redb";
/// It is made under this name, and gets its own when it is whole.
const NEW_FILE: &str = "registry.redb.new";
/// The file holds agents' secrets.
const PRIVATE_MODE: u32 = 0o600;
/// What redb may keep of the file in memory. The registry of a large cluster is a few MiB; redb's own default is 1 GiB.
const CACHE_BYTES_MAX: usize = 16 << 20;

/// A registry's file, open and checked.
#[derive(Debug)]
pub(crate) struct RegistryFile {
    path: PathBuf,
    database: Database,
    last_removal: u64,
}

impl RegistryFile {
    /// Opens the registry of this work directory, and makes it if there is none.
    pub(crate) fn open(work_dir: &Path) -> Result<Self, RegistryError> {
        let path = work_dir.join(FILE);
        if !path.try_exists().map_err(RegistryError::file("look for", &path))? {
            create(work_dir, &path)?;
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(RegistryError::file("open", &path))?;
        let backend = FileBackend::new(file).map_err(|error| RegistryError::reading(&path)(error.into()))?;
        let database = open_checked(&path, backend)?;
        Ok(Self { path, database, last_removal: 0 })
    }

    /// One transaction, on the disk when this returns.
    fn write(&self, change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>) -> Result<(), RegistryError> {
        write(&self.database, change).map_err(RegistryError::writing(&self.path))
    }
}

impl RegistryStore for RegistryFile {
    fn begin(&mut self) -> Result<(Term, Registry), RegistryError> {
        let loaded = load(&self.path, &self.database)?;
        if let Some(first) = loaded.damaged.into_iter().next() {
            return Err(first);
        }
        // It would take longer than the sun has left to count so far.
        let term = loaded.term.0.checked_add(1).expect("a term fits in 64 bits");
        self.write(|transaction| {
            let mut meta = transaction.open_table(META)?;
            meta.insert(VERSION_KEY, FILE_VERSION)?;
            meta.insert(TERM_KEY, term)?;
            Tables::open(transaction).map(drop)
        })?;
        self.last_removal = loaded.last_removal;
        Ok((Term(term), loaded.registry))
    }

    fn commit(&mut self, changes: &[Change]) -> Result<(), RegistryError> {
        let mut last_removal = self.last_removal;
        self.write(|transaction| {
            let mut tables = Tables::open(transaction)?;
            changes.iter().try_for_each(|change| tables.apply(change, &mut last_removal))
        })?;
        self.last_removal = last_removal;
        Ok(())
    }
}

/// The tables of records, in one transaction.
struct Tables<'a> {
    agents: Table<'a, &'static str, &'static [u8]>,
    frameworks: Table<'a, &'static str, &'static [u8]>,
    removed: Table<'a, &'static str, &'static [u8]>,
    roles: Table<'a, &'static str, &'static [u8]>,
    windows: Table<'a, &'static str, &'static [u8]>,
}

impl<'a> Tables<'a> {
    fn open(transaction: &'a WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            agents: transaction.open_table(AGENTS)?,
            frameworks: transaction.open_table(FRAMEWORKS)?,
            removed: transaction.open_table(REMOVED)?,
            roles: transaction.open_table(ROLES)?,
            windows: transaction.open_table(WINDOWS)?,
        })
    }

    fn apply(&mut self, change: &Change, last_removal: &mut u64) -> Result<(), redb::Error> {
        match change {
            Change::Agent(agent) => {
                self.agents.insert(agent.id.to_string().as_str(), entry::encode(agent).as_slice())?;
            }
            Change::ForgetAgent(agent) => {
                self.agents.remove(agent.to_string().as_str())?;
            }
            Change::Framework(framework) => {
                self.frameworks.insert(framework.id.to_string().as_str(), entry::encode(framework).as_slice())?;
            }
            Change::RemoveFramework(framework) => self.bury(framework, last_removal)?,
            Change::ForgetRemoved(framework) => {
                self.removed.remove(framework.to_string().as_str())?;
            }
            Change::Roles { set, forgotten } => {
                for record in set {
                    self.roles.insert(record.role.as_str(), entry::encode(record).as_slice())?;
                }
                for role in forgotten {
                    self.roles.remove(role.as_str())?;
                }
            }
            Change::Windows { set, removed } => {
                for window in set {
                    self.windows.insert(window.id.as_str(), entry::encode(window).as_slice())?;
                }
                for id in removed {
                    self.windows.remove(id.as_str())?;
                }
            }
        }
        Ok(())
    }

    fn bury(&mut self, framework: &FrameworkId, last_removal: &mut u64) -> Result<(), redb::Error> {
        *last_removal += 1;
        let key = framework.to_string();
        self.frameworks.remove(key.as_str())?;
        self.removed.insert(key.as_str(), entry::encode(&Tombstone { n: *last_removal }).as_slice())?;
        Ok(())
    }
}

/// Opens what is a registry already, and checks every page of it.
pub(super) fn open_checked(path: &Path, backend: impl StorageBackend) -> Result<Database, RegistryError> {
    // redb would take an empty file for a new one. Ours are never empty: something else has emptied it.
    if backend.len().map_err(RegistryError::file("read", path))? == 0 {
        return Err(RegistryError::Damaged { path: path.to_owned(), cause: "it is empty".to_owned() });
    }
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES_MAX).set_check_integrity_on_open(true);
    builder.create_with_backend(backend).map_err(|error| RegistryError::reading(path)(error.into()))
}

/// Makes a registry without records. It appears under its name when it is whole and on the disk, and not before.
fn create(work_dir: &Path, path: &Path) -> Result<(), RegistryError> {
    let new = work_dir.join(NEW_FILE);
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).read(true).write(true).mode(PRIVATE_MODE);
    let file = options.open(&new).map_err(RegistryError::file("make", path))?;
    write_empty(file).map_err(RegistryError::writing(path))?;
    let named = fs::rename(&new, path).and_then(|()| File::open(work_dir)?.sync_all());
    named.map_err(RegistryError::file("make", path))
}

fn write_empty(file: File) -> Result<(), redb::Error> {
    let database = Builder::new().set_cache_size(CACHE_BYTES_MAX).create_with_backend(FileBackend::new(file)?)?;
    write(&database, |transaction| {
        let mut meta = transaction.open_table(META)?;
        meta.insert(VERSION_KEY, FILE_VERSION)?;
        meta.insert(TERM_KEY, 0)?;
        Tables::open(transaction).map(drop)
    })?;
    // Only so is an error at the end seen.
    Ok(database.close()?)
}

fn write(database: &Database, change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    change(&transaction)?;
    Ok(transaction.commit()?)
}
