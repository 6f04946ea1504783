//! What a value looks like in the file: JSON with its version in front, `{"v":1,...}`. Deliberately absent: where it is kept.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of the records that this program writes, and the highest that it reads.
pub(super) const VERSION: u64 = 1;

/// Why a value can't be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It was written by a later program.
    Later(u64),
    /// It is no record of this kind.
    Malformed(String),
}

/// A record with its version.
#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u64,
    #[serde(flatten)]
    record: &'a T,
}

/// The version alone, which says how to read the rest.
#[derive(Deserialize)]
struct Version {
    v: u64,
}

/// A record as it is stored.
pub(super) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    // Our records are structs whose maps have text for keys, which is all that JSON asks.
    serde_json::to_vec(&Versioned { v: VERSION, record }).expect("a record is a JSON object")
}

/// The record that these bytes are.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    let malformed = |error: serde_json::Error| Unreadable::Malformed(error.to_string());
    match serde_json::from_slice::<Version>(bytes).map_err(malformed)?.v {
        VERSION => serde_json::from_slice(bytes).map_err(malformed),
        later if later > VERSION => Err(Unreadable::Later(later)),
        other => Err(Unreadable::Malformed(format!("there is no version {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Record {
        name: String,
    }

    #[test]
    fn the_version_comes_first_and_decides() {
        let record = Record { name: "a".to_owned() };
        assert_eq!(encode(&record), br#"{"v":1,"name":"a"}"#);
        assert_eq!(decode::<Record>(&encode(&record)), Ok(record));
        // A later version's record may look like anything.
        assert_eq!(decode::<Record>(br#"{"v":2,"title":"a"}"#), Err(Unreadable::Later(2)));
    }

    #[test]
    fn what_is_torn_or_foreign_is_said_so() {
        for bytes in [&b""[..], b"{", b"{}", b"null", br#"{"v":0,"name":"a"}"#, br#"{"v":1}"#, br#"{"v":1,"name":"#, &[0xff, 0xfe]]
        {
            assert!(matches!(decode::<Record>(bytes), Err(Unreadable::Malformed(_))), "{bytes:?}");
        }
    }
}
