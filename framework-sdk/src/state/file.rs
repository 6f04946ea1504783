//! The state in a file, by redb. Owned: the file's making and checking, and which table has what. Deliberately absent: compaction
//! (the space of what is forgotten is used again).
//!
//! Every commit is of two phases and the whole file is checked when it is opened. redb's other way would silently go on from the
//! transaction before the last when the last is damaged: what was acknowledged would then be heard by nobody.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use meros_session::{Saved, StateChange};
use meros_types::TaskId;
use redb::backends::FileBackend;
use redb::{Builder, Database, Durability, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::{StateError, StateStore, record};

/// Records by what they are about: [`FRAMEWORK`], or [`TASK`] with an id.
const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");
/// The scheduler's own values, as it gave them.
const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");
const FRAMEWORK: &str = "framework";
const TASK: &str = "task/";

/// What a scheduler saves may be nobody else's business.
const PRIVATE_MODE: u32 = 0o600;
/// What redb may keep of the file in memory: the state is in memory already.
const CACHE_BYTES_MAX: usize = 4 << 20;

/// A state in one file, which one process uses at a time. It survives the end of the process at any instant, and a power loss.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    database: Database,
}

impl FileStore {
    /// The state in the file at `path`, which is made, for its owner alone, when there is none. Its folder must exist. It is
    /// locked until the store is dropped, and all of it is read.
    ///
    /// # Errors
    /// [`StateError`] when another process has it, when it can't be opened or made, or when it is damaged.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StateError> {
        let path = path.into();
        if !path.try_exists().map_err(StateError::opening(&path))? {
            create(&path)?;
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(StateError::opening(&path))?;
        // redb would take an empty file for a new one. Ours are never empty: something else has emptied it.
        if file.metadata().map_err(StateError::opening(&path))?.len() == 0 {
            return Err(StateError::Damaged { path, cause: "it is empty".to_owned() });
        }
        let database = database(file, true).map_err(StateError::reading(&path))?;
        Ok(Self { path, database })
    }

    /// Forgets the framework and its tasks, and keeps what the scheduler saved itself: its next process registers as a new
    /// framework. For one that was removed because its failover timeout passed, or whose cluster is no more.
    ///
    /// # Errors
    /// [`StateError`] when that is not certain to be stored.
    pub fn forget_framework(&mut self) -> Result<(), StateError> {
        self.commit(&[StateChange::ForgetFramework])
    }

    fn read(&self) -> Result<(Vec<Entry>, Vec<Entry>), redb::Error> {
        let transaction = self.database.begin_read()?;
        Ok((entries(&transaction.open_table(RECORDS)?)?, entries(&transaction.open_table(VALUES)?)?))
    }
}

impl StateStore for FileStore {
    fn load(&mut self) -> Result<Saved, StateError> {
        let (records, values) = self.read().map_err(StateError::reading(&self.path))?;
        let mut saved = Saved { values: values.into_iter().collect(), ..Saved::default() };
        for (name, bytes) in records {
            if name == FRAMEWORK {
                saved.framework = Some(record::decode(&self.path, &name, &bytes)?);
            } else if let Some(id) = name.strip_prefix(TASK).and_then(|id| TaskId::new(id).ok()) {
                saved.tasks.insert(id, record::decode(&self.path, &name, &bytes)?);
            } else {
                return Err(StateError::Damaged { path: self.path.clone(), cause: format!("it has a record {name:?}") });
            }
        }
        Ok(saved)
    }

    fn commit(&mut self, changes: &[StateChange]) -> Result<(), StateError> {
        write(&self.database, |transaction| {
            let mut tables = Tables::open(transaction)?;
            changes.iter().try_for_each(|change| tables.apply(change))
        })
        .map_err(StateError::writing(&self.path))
    }
}

/// A name and what stands under it.
type Entry = (String, Vec<u8>);

fn entries(table: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<Vec<Entry>, redb::Error> {
    let mut all = Vec::new();
    for entry in table.iter()? {
        let (name, value) = entry?;
        all.push((name.value().to_owned(), value.value().to_owned()));
    }
    Ok(all)
}

/// Both tables in one transaction.
struct Tables<'a> {
    records: Table<'a, &'static str, &'static [u8]>,
    values: Table<'a, &'static str, &'static [u8]>,
}

impl<'a> Tables<'a> {
    fn open(transaction: &'a WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self { records: transaction.open_table(RECORDS)?, values: transaction.open_table(VALUES)? })
    }

    fn apply(&mut self, change: &StateChange) -> Result<(), redb::Error> {
        match change {
            StateChange::Framework(framework) => drop(self.records.insert(FRAMEWORK, record::encode(framework).as_slice())?),
            StateChange::ForgetFramework => self.records.retain(|_, _| false)?,
            StateChange::Task { id, task } => drop(self.records.insert(task_name(id).as_str(), record::encode(task).as_slice())?),
            StateChange::ForgetTask { id } => drop(self.records.remove(task_name(id).as_str())?),
            StateChange::Put { key, value } => drop(self.values.insert(key.as_str(), value.as_slice())?),
            StateChange::Delete { key } => drop(self.values.remove(key.as_str())?),
        }
        Ok(())
    }
}

fn task_name(id: &TaskId) -> String {
    format!("{TASK}{id}")
}

fn database(file: File, checked: bool) -> Result<Database, redb::Error> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES_MAX).set_check_integrity_on_open(checked);
    Ok(builder.create_with_backend(FileBackend::new(file)?)?)
}

/// One transaction, on the disk when this returns.
fn write(database: &Database, change: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_two_phase_commit(true);
    change(&transaction)?;
    Ok(transaction.commit()?)
}

/// Makes an empty state. It appears under its name when it is whole and on the disk, and not before.
fn create(path: &Path) -> Result<(), StateError> {
    let mut new = OsString::from(path);
    new.push(".new");
    let new = PathBuf::from(new);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true).mode(PRIVATE_MODE);
    let file = options.open(&new).map_err(StateError::opening(path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StateError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => return Err(StateError::opening(path)(error)),
    }
    // Whoever had the lock may have finished just now, and then this is the file under its name.
    if path.try_exists().map_err(StateError::opening(path))? {
        return Ok(());
    }
    let made = file.set_len(0).map_err(redb::Error::Io).and_then(|()| write_empty(file));
    made.map_err(StateError::writing(path))?;
    fs::rename(&new, path).and_then(|()| sync_folder(path)).map_err(StateError::opening(path))
}

fn write_empty(file: File) -> Result<(), redb::Error> {
    let database = database(file, false)?;
    write(&database, |transaction| Tables::open(transaction).map(drop))?;
    // Only so is an error at the end seen.
    Ok(database.close()?)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
