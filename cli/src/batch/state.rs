//! The state file of a batch that goes on in a new process: whose it is and of which commands. Deliberately absent: how far the batch
//! is, which the scheduler saves in the same file, and all that the SDK keeps there.

use std::error::Error as _;
use std::path::Path;

use meros::{FileStore, Saved, StateChange, StateError, StateStore};
use meros_batch::Item;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The value, beside the scheduler's own, that says what the file is for.
const NAME: &str = "batch";
/// How many commands a batch with a state may have: the SDK keeps 65,536 values, one for each command and this one.
const COMMANDS_MAX: usize = 65_000;

/// What a state file is for. All that an earlier process left in it is of use for the same alone.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Purpose {
    key: String,
    commands: usize,
    /// Of the commands, in their order.
    checksum: u64,
}

/// Opens the state file of the batch with this key and these commands, or makes it.
pub(super) fn open(path: &Path, key: &str, items: &[Item]) -> Result<FileStore, Error> {
    if items.len() > COMMANDS_MAX {
        let count = items.len();
        return Err(Error::Usage(format!("with --key a batch has {COMMANDS_MAX} commands at most, and this one has {count}")));
    }
    let mut store = FileStore::open(path).map_err(refused)?;
    let saved = store.load().map_err(refused)?;
    let purpose = Purpose { key: key.to_owned(), commands: items.len(), checksum: checksum(items) };
    if saved == Saved::default() {
        let value = serde_json::to_vec(&purpose).expect("it is plain data");
        store.commit(&[StateChange::Put { key: NAME.to_owned(), value }]).map_err(refused)?;
    } else {
        purpose.check(path, saved.values.get(NAME))?;
    }
    Ok(store)
}

impl Purpose {
    fn check(&self, path: &Path, found: Option<&Vec<u8>>) -> Result<(), Error> {
        let path = path.display();
        let Some(found) = found.and_then(|found| serde_json::from_slice::<Purpose>(found).ok()) else {
            return Err(Error::Usage(format!("the state file {path} is not a batch's: name another one with --state")));
        };
        let (key, stored) = (&self.key, &found.key);
        if stored != key {
            return Err(Error::Usage(format!(
                "the state file {path} is of the batch with the key {stored:?}, and this one has {key:?}: a batch needs both its own"
            )));
        }
        if *self != found {
            let (before, now) = (found.commands, self.commands);
            return Err(Error::Usage(format!(
                "the commands are not those of the state file {path}: it was made for {before}, and these are {now} or others. Put the \
                 list back as it was, or run the new list with a key and a state file of its own"
            )));
        }
        Ok(())
    }
}

/// What can't be opened was named wrongly; all else is beyond the command line. With its cause, which the SDK tells apart from it.
fn refused(error: StateError) -> Error {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    let sentence = format!("{error}{cause}");
    if matches!(error, StateError::Open { .. }) { Error::Usage(sentence) } else { Error::Outcome(sentence) }
}

/// Fowler, Noll and Vo's hash (1a, 64 bits) of the commands, which tells a changed list and is no secret's.
fn checksum(items: &[Item]) -> u64 {
    let commands = items.iter().flat_map(|item| serde_json::to_vec(&item.command).expect("a command is plain data"));
    commands.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path, key: &str, commands: &str) -> String {
        match open(path, key, &Item::from_lines(commands)) {
            Ok(_) => panic!("it is opened"),
            Err(error) => format!("{} {error}", error.exit_code()),
        }
    }

    #[test]
    fn a_state_is_of_one_key_and_one_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        drop(open(&path, "k", &Item::from_lines("a\nb")).unwrap());
        let of_another_key = refusal(&path, "other", "a\nb");
        assert!(of_another_key.starts_with("2 ") && of_another_key.contains("\"k\""), "{of_another_key}");
        for changed in ["a", "a\nc", "b\na", "a\nb\nc"] {
            let refusal = refusal(&path, "k", changed);
            assert!(refusal.starts_with("2 ") && refusal.contains("list"), "{refusal}");
        }
        // Neither comments nor what a refusal left behind change it.
        drop(open(&path, "k", &Item::from_lines("# both\na\n\n b \n")).unwrap());
    }

    #[test]
    fn a_state_of_another_scheduler_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let put = StateChange::Put { key: "n".to_owned(), value: vec![1] };
        FileStore::open(&path).unwrap().commit(&[put]).unwrap();
        let refusal = refusal(&path, "k", "a");
        assert!(refusal.starts_with("2 ") && refusal.contains("not a batch's"), "{refusal}");
    }

    #[test]
    fn a_state_is_one_process_s() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let store = open(&path, "k", &Item::from_lines("a")).unwrap();
        let refusal = refusal(&path, "k", "a");
        assert!(refusal.starts_with("1 ") && refusal.contains("in use by another process"), "{refusal}");
        drop(store);
    }

    #[test]
    fn what_can_t_be_opened_is_said_with_its_cause() {
        let refusal = refusal(Path::new("/does-not-exist/state"), "k", "a");
        assert!(refusal.starts_with("2 ") && refusal.contains("No such file"), "{refusal}");
    }
}
