//! How records are written: as JSON in an envelope with a version. A later version's are refused, since what they say may
//! matter.

use std::path::Path;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use super::StateError;

/// The version that this code writes, and the latest that it reads.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    v: u32,
    record: T,
}

pub(super) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    serde_json::to_vec(&Envelope { v: VERSION, record }).expect("records are plain data with text for keys")
}

pub(super) fn decode<T: DeserializeOwned>(path: &Path, name: &str, bytes: &[u8]) -> Result<T, StateError> {
    let damaged = |error: serde_json::Error| StateError::Damaged {
        path: path.to_owned(),
        cause: format!("its record {name:?} is wrong: {error}"),
    };
    let version = serde_json::from_slice::<Envelope<IgnoredAny>>(bytes).map_err(damaged)?.v;
    if version > VERSION {
        return Err(StateError::LaterVersion { path: path.to_owned(), version, known: VERSION });
    }
    Ok(serde_json::from_slice::<Envelope<T>>(bytes).map_err(damaged)?.record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back() {
        assert_eq!(decode::<u8>(Path::new("f"), "n", &encode(&7_u8)).unwrap(), 7);
    }

    #[test]
    fn a_later_version_is_refused() {
        let error = decode::<u8>(Path::new("f"), "n", br#"{"v":2,"record":{"new":1}}"#).unwrap_err();
        assert!(matches!(error, StateError::LaterVersion { version: 2, known: 1, .. }));
    }

    #[test]
    fn what_is_no_record_is_told_by_its_name() {
        let error = decode::<u8>(Path::new("f"), "task/a", b"{}").unwrap_err().to_string();
        assert!(error.contains("task/a"), "{error}");
    }
}
