//! Reading a registry's file: its tables, and every record in them. What can't be read is listed and not passed over in silence.
//!
//! Deliberately absent: opening the file, which a master and a look from outside do in different ways.

use std::path::Path;

use meros_master_core::{AgentRecord, FrameworkRecord, Registry, RoleRecord};
use meros_types::{FrameworkId, Term, Window};
use redb::{ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError, TableHandle};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::entry::{self, Unreadable};
use super::error::RegistryError;

/// The table of what is said once: the file's own version, and the term.
pub(super) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// The tables of records, each by the text of its id or its name.
pub(super) const AGENTS: Records = TableDefinition::new("agents");
pub(super) const FRAMEWORKS: Records = TableDefinition::new("frameworks");
pub(super) const REMOVED: Records = TableDefinition::new("removed");
pub(super) const ROLES: Records = TableDefinition::new("roles");
pub(super) const WINDOWS: Records = TableDefinition::new("windows");

/// The keys of [`META`].
pub(super) const VERSION_KEY: &str = "version";
pub(super) const TERM_KEY: &str = "term";
/// The version of the file: which tables there are, and what they mean. A program that doesn't know what operators can decide must
/// not open a file that says it, for it would offer what is off duty or over a limit.
pub(super) const FILE_VERSION: u64 = 2;
/// The version before there were roles, windows and duties. It is read as having none, and the next master's term makes it one
/// of today.
const FILE_VERSION_OLDEST: u64 = 1;

pub(super) type Records = TableDefinition<'static, &'static str, &'static [u8]>;

/// A framework that is removed, by its place in the order of removals, from 1: the core forgets the oldest first.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Tombstone {
    pub(super) n: u64,
}

/// What a file holds.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) term: Term,
    pub(super) registry: Registry,
    /// The place of the latest removal; 0 when there was none.
    pub(super) last_removal: u64,
    /// The records that can't be read, in the order of their tables and keys.
    pub(super) damaged: Vec<RegistryError>,
}

/// Reads all of it. An error means that nothing can be read, or that nobody may.
pub(super) fn load(path: &Path, database: &impl ReadableDatabase) -> Result<Loaded, RegistryError> {
    let transaction = database.begin_read().map_err(|error| RegistryError::reading(path)(error.into()))?;
    let term = meta(path, &transaction)?;
    let mut damaged = Vec::new();
    let mut reader = Reader { path, transaction: &transaction, damaged: &mut damaged };
    let agents = reader.read(AGENTS, |key, agent: AgentRecord| (agent.id.to_string() == key).then_some(agent))?;
    let frameworks =
        reader.read(FRAMEWORKS, |key, framework: FrameworkRecord| (framework.id.to_string() == key).then_some(framework))?;
    let mut removed =
        reader.read(REMOVED, |key, tombstone: Tombstone| key.parse::<FrameworkId>().ok().map(|id| (tombstone.n, id)))?;
    removed.sort_by_key(|(n, _)| *n);
    let last_removal = removed.last().map_or(0, |(n, _)| *n);
    let removed = removed.into_iter().map(|(_, id)| id).collect();
    let roles = reader.read(ROLES, |key, role: RoleRecord| (role.role.as_str() == key).then_some(role))?;
    let windows = reader.read(WINDOWS, |key, window: Window| (window.id == key).then_some(window))?;
    let registry = Registry { agents, frameworks, removed, roles, windows };
    Ok(Loaded { term, registry, last_removal, damaged })
}

/// The term, once the file is known to be a registry that this program understands.
fn meta(path: &Path, transaction: &ReadTransaction) -> Result<Term, RegistryError> {
    let reading = RegistryError::reading(path);
    let table = transaction.open_table(META).map_err(|error| reading(error.into()))?;
    let value = |key| table.get(key).map(|value| value.map(|value| value.value())).map_err(|error| reading(error.into()));
    let path = path.to_owned();
    match value(VERSION_KEY)? {
        Some(FILE_VERSION_OLDEST..=FILE_VERSION) => {}
        Some(found) if found > FILE_VERSION => {
            return Err(RegistryError::Later { path, what: "the file".to_owned(), found, known: FILE_VERSION });
        }
        other => return Err(RegistryError::Foreign { path, cause: format!("its version is {other:?}") }),
    }
    let missing = || RegistryError::Record {
        path,
        table: META.name().to_owned(),
        key: TERM_KEY.to_owned(),
        cause: "it is missing".to_owned(),
    };
    value(TERM_KEY)?.map(Term).ok_or_else(missing)
}

struct Reader<'a> {
    path: &'a Path,
    transaction: &'a ReadTransaction,
    damaged: &'a mut Vec<RegistryError>,
}

impl Reader<'_> {
    /// A table's records, none if an older file doesn't have it. One that can't be read, or is not where it belongs, is set aside.
    fn read<T: DeserializeOwned, R>(
        &mut self,
        records: Records,
        take: impl Fn(&str, T) -> Option<R>,
    ) -> Result<Vec<R>, RegistryError> {
        let reading = RegistryError::reading(self.path);
        let mut found = Vec::new();
        let rows = match self.transaction.open_table(records) {
            Ok(rows) => rows,
            Err(TableError::TableDoesNotExist(_)) if [ROLES.name(), WINDOWS.name()].contains(&records.name()) => return Ok(found),
            Err(error) => return Err(reading(error.into())),
        };
        for row in rows.iter().map_err(|error| reading(error.into()))? {
            let (key, value) = row.map_err(|error| reading(error.into()))?;
            let key = key.value();
            match entry::decode(value.value()) {
                Ok(record) => match take(key, record) {
                    Some(record) => found.push(record),
                    None => self.set_aside(records, key, Unreadable::Malformed("it belongs to another key".to_owned())),
                },
                Err(unreadable) => self.set_aside(records, key, unreadable),
            }
        }
        Ok(found)
    }

    fn set_aside(&mut self, records: Records, key: &str, unreadable: Unreadable) {
        let (path, table, key) = (self.path.to_owned(), records.name().to_owned(), key.to_owned());
        self.damaged.push(match unreadable {
            Unreadable::Malformed(cause) => RegistryError::Record { path, table, key, cause },
            Unreadable::Later(found) => {
                RegistryError::Later { path, what: format!("{key} in the table {table}"), found, known: entry::VERSION }
            }
        });
    }
}
