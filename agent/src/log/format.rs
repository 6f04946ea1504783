//! The log's bytes: a title, then one line for each record, so that people can read it too.
//!
//! ```text
//! meros-agent-log 1
//! 0000004d 1c291ca3 {"v":1,"record":{"Met":{...}}}
//! ```
//!
//! A line begins with its newline, the length and the CRC-32 of its JSON text. JSON as it is written here has no newline, whatever
//! a task is called, so a newline is where the next record may begin after one that is damaged, and no text can forge a record.
//! Deliberately absent: files, and what the records mean.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The first line. Its number rises when records are framed otherwise.
pub(super) const TITLE: &str = "meros-agent-log 1";
/// What the first line of every version begins with.
const TITLE_OF_ALL_VERSIONS: &str = "meros-agent-log ";
/// The version of the records. It rises when a reader of the one before would misunderstand them.
const RECORD_VERSION: u32 = 1;
/// A newline, the length, a space, the checksum, a space.
const HEADER_BYTES: usize = 19;

/// What a record is wrapped in.
#[derive(Serialize, Deserialize)]
struct Envelope<T> {
    v: u32,
    record: T,
}

/// The envelope of a record that may be of any version.
#[derive(Deserialize)]
struct AnyEnvelope {
    v: u32,
}

/// All that could be read of a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents<T> {
    /// The records, in order.
    pub(super) records: Vec<T>,
    /// What could not be read.
    pub(super) damage: Vec<Damage>,
    /// Where the last whole record ends, and the next one is to be written.
    pub(super) end: usize,
}

/// Bytes that are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where they begin in the file.
    pub(crate) offset: usize,
    /// How many they are.
    pub(crate) bytes: usize,
    /// Whether they are the file's last: then the writer was interrupted, or the last record is damaged, and they are cut off.
    pub(crate) at_the_end: bool,
}

/// What is wrong with the content of a log that must not be touched.
#[derive(Debug, thiserror::Error)]
pub enum Malformed {
    /// The first line is another.
    #[error("it is not an agent's log")]
    Foreign,
    /// A later Meros wrote it.
    #[error("a later version of Meros wrote it (version {version}, and this one reads {RECORD_VERSION})")]
    Later {
        /// The version.
        version: String,
    },
    /// A whole record whose checksum is right and whose content is not understood.
    #[error("the record at byte {offset} is not understood: {source}")]
    Unknown {
        /// Where it begins.
        offset: usize,
        /// What is not understood.
        source: serde_json::Error,
    },
}

/// A record, as it stands in the file.
pub(super) fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    // Numbers, strings, and maps whose keys are strings: nothing that JSON can't say.
    let text = serde_json::to_vec(&Envelope { v: RECORD_VERSION, record }).expect("a record is always JSON");
    let mut line = header(&text).into_bytes();
    line.extend(text);
    line
}

fn header(text: &[u8]) -> String {
    format!("\n{:08x} {:08x} ", text.len(), crc32fast::hash(text))
}

/// Reads a whole file. An empty one, and one whose title was cut off, is a log without records.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<Contents<T>, Malformed> {
    let mut contents = Contents { records: Vec::new(), damage: Vec::new(), end: 0 };
    if TITLE.as_bytes().starts_with(bytes) && bytes.len() < TITLE.len() {
        contents.lose(0, bytes.len(), bytes.len());
        return Ok(contents);
    }
    check_title(bytes)?;
    contents.end = TITLE.len();
    let mut at = Some(TITLE.len()).filter(|at| *at < bytes.len());
    while let Some(offset) = at {
        let Some(text) = text_at(bytes, offset) else {
            let next = newline_after(bytes, offset);
            contents.lose(offset, next.unwrap_or(bytes.len()), bytes.len());
            at = next;
            continue;
        };
        contents.records.push(open(text, offset)?);
        contents.end = offset + HEADER_BYTES + text.len();
        at = Some(contents.end).filter(|end| *end < bytes.len());
    }
    Ok(contents)
}

impl<T> Contents<T> {
    /// Notes bytes that are no record; those that follow each other are one loss.
    fn lose(&mut self, from: usize, to: usize, length: usize) {
        if from == to {
            return;
        }
        let at_the_end = to == length;
        match self.damage.last_mut().filter(|damage| damage.offset + damage.bytes == from) {
            Some(damage) => *damage = Damage { bytes: to - damage.offset, at_the_end, ..*damage },
            None => self.damage.push(Damage { offset: from, bytes: to - from, at_the_end }),
        }
    }
}

fn check_title(bytes: &[u8]) -> Result<(), Malformed> {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    // Whatever follows the title directly is no record, and is judged as such.
    if bytes.starts_with(TITLE.as_bytes()) && !first.get(TITLE.len()).is_some_and(u8::is_ascii_digit) {
        return Ok(());
    }
    match first.strip_prefix(TITLE_OF_ALL_VERSIONS.as_bytes()).map(String::from_utf8_lossy) {
        Some(version) if version.parse::<u32>().is_ok() => Err(Malformed::Later { version: version.into_owned() }),
        _ => Err(Malformed::Foreign),
    }
}

/// The text of the record that begins here, if a whole one does.
fn text_at(bytes: &[u8], offset: usize) -> Option<&[u8]> {
    let found = bytes.get(offset..offset + HEADER_BYTES)?;
    let length = usize::from_str_radix(std::str::from_utf8(found.get(1..9)?).ok()?, 16).ok()?;
    let begin = offset + HEADER_BYTES;
    let text = bytes.get(begin..begin.checked_add(length)?)?;
    (header(text).as_bytes() == found).then_some(text)
}

fn newline_after(bytes: &[u8], offset: usize) -> Option<usize> {
    let rest = bytes.get(offset + 1..)?;
    rest.iter().position(|byte| *byte == b'\n').map(|distance| offset + 1 + distance)
}

fn open<T: DeserializeOwned>(text: &[u8], offset: usize) -> Result<T, Malformed> {
    let unknown = |source| Malformed::Unknown { offset, source };
    let AnyEnvelope { v } = serde_json::from_slice(text).map_err(unknown)?;
    if v > RECORD_VERSION {
        return Err(Malformed::Later { version: v.to_string() });
    }
    let envelope: Envelope<T> = serde_json::from_slice(text).map_err(unknown)?;
    Ok(envelope.record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(records: &[&str]) -> Vec<u8> {
        records.iter().fold(TITLE.as_bytes().to_vec(), |file, record| [file, encode(record)].concat())
    }

    fn read(bytes: &[u8]) -> Contents<String> {
        decode(bytes).unwrap()
    }

    #[test]
    fn records_read_as_written() {
        for records in [vec![], vec![""], vec!["a", "line\nbreak", "0000000c 12345678 {}"]] {
            let bytes = file(&records);
            let contents = read(&bytes);
            assert_eq!(
                (contents.records, contents.damage, contents.end),
                (records.iter().map(|r| (*r).to_owned()).collect(), vec![], bytes.len())
            );
        }
        assert_eq!(read(b"").records, [""; 0]);
    }

    #[test]
    fn a_log_torn_at_any_byte_keeps_what_is_whole() {
        let (first, both) = (file(&["first"]), file(&["first", "second"]));
        for length in 0..both.len() {
            let contents = read(&both[..length]);
            let whole = usize::from(length >= first.len());
            assert_eq!(contents.records, &["first"][..whole], "the first {length} bytes");
            let end = [if length < TITLE.len() { 0 } else { TITLE.len() }, first.len()][whole];
            assert_eq!(contents.end, end, "the first {length} bytes");
            let torn = (length > end).then_some(Damage { offset: end, bytes: length - end, at_the_end: true });
            assert_eq!(contents.damage, Vec::from_iter(torn), "the first {length} bytes");
        }
    }

    #[test]
    fn a_flipped_bit_costs_its_record_and_no_other() {
        let (before, through, whole) = (file(&["one"]), file(&["one", "two"]), file(&["one", "two", "three"]));
        for at in before.len()..through.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                let contents = read(&bytes);
                assert_eq!(contents.records, ["one", "three"], "byte {at}, bit {bit}");
                let lost = Damage { offset: before.len(), bytes: through.len() - before.len(), at_the_end: false };
                assert_eq!((contents.damage, contents.end), (vec![lost], whole.len()), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_damaged_last_record_is_cut_off() {
        let (before, mut whole) = (file(&["one"]), file(&["one", "two"]));
        *whole.last_mut().unwrap() ^= 1;
        whole.extend([0; 100]);
        let contents = read(&whole);
        assert_eq!((contents.records.len(), contents.end), (1, before.len()));
        assert!(contents.damage[0].at_the_end && contents.damage.len() == 1);
    }

    #[test]
    fn other_files_and_later_versions_are_refused() {
        for foreign in ["hello", "meros-agent-log", "meros-agent-log x\n", "\n", "meros-shim 1\n"] {
            let is_prefix = TITLE.starts_with(foreign);
            assert!(is_prefix || matches!(decode::<String>(foreign.as_bytes()), Err(Malformed::Foreign)), "{foreign:?}");
        }
        for (later, expected) in [("meros-agent-log 2\n", "2"), ("meros-agent-log 12", "12")] {
            let error = decode::<String>(later.as_bytes()).unwrap_err();
            assert!(matches!(error, Malformed::Later { ref version } if version == expected), "{error}");
        }
        let text = br#"{"v":2,"record":{"whatever":1}}"#;
        let later = [TITLE.as_bytes(), header(text).as_bytes(), text].concat();
        assert!(matches!(decode::<String>(&later), Err(Malformed::Later { .. })));
        let text = br#"{"v":1,"record":{"whatever":1}}"#;
        let unknown = [TITLE.as_bytes(), header(text).as_bytes(), text].concat();
        assert!(matches!(decode::<String>(&unknown), Err(Malformed::Unknown { offset, .. }) if offset == TITLE.len()));
    }
}
