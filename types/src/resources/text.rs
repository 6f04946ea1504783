//! The text form that Mesos users know: `cpus:8;mem:32GiB;ports:[31000-32000]`.

use std::fmt;
use std::str::FromStr;

use super::{COMMON_NAMES, DISK, GPU, MEMORY, Ports, Resources};

/// The largest amount that a person or an agent may name, in thousandths or bytes: a pebibyte, and exact as a JSON number.
pub const AMOUNT_MAX: u64 = 1 << 50;
/// The longest name of a user-named scalar, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// The units that bytes may be given in, and how many bytes each has; what is printed uses the binary ones.
const UNITS: [(&str, u64); 10] = [
    ("PiB", 1 << 50),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Text that is not a quantity of resources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?}: {reason}")]
pub struct ResourcesError {
    /// The part that is wrong.
    pub text: String,
    /// What is wrong with it, and what to write instead.
    pub reason: String,
}

impl ResourcesError {
    pub(super) fn new(text: &str, reason: impl Into<String>) -> Self {
        Self { text: text.to_owned(), reason: reason.into() }
    }
}

impl Resources {
    /// Reads `name:amount` pairs parted by `;`. `cpus`, `gpus` and user-named scalars take up to three decimals; `mem` and
    /// `disk` need a unit; `ports` takes ranges such as `[31000-32000,33000-33000]`. User names are lower-case letters,
    /// digits, `_`, `.` and `-`, beginning with a letter, at most 64 bytes.
    ///
    /// # Errors
    /// [`ResourcesError`] naming the part that can't be read and what to write instead.
    pub fn parse(text: &str) -> Result<Self, ResourcesError> {
        let mut all = Self::none();
        let mut seen = Vec::new();
        for item in text.split(';').map(str::trim).filter(|item| !item.is_empty()) {
            let (name, amount) = item
                .split_once(':')
                .ok_or_else(|| ResourcesError::new(item, "a resource is written name:amount, such as cpus:4"))?;
            let (name, amount) = (name.trim(), amount.trim());
            if seen.contains(&name) {
                return Err(ResourcesError::new(item, format!("{name} is given twice")));
            }
            seen.push(name);
            all = all.with_parsed(name, amount)?;
        }
        Ok(all)
    }

    pub(super) fn with_parsed(mut self, name: &str, amount: &str) -> Result<Self, ResourcesError> {
        match COMMON_NAMES.iter().position(|common| *common == name) {
            Some(at) => {
                self.common[at] = if is_bytes(at) { parse_bytes(amount)? } else { parse_milli(amount)? };
                Ok(self)
            }
            None if name == "ports" => Ok(self.with_ports(parse_ports(amount)?)),
            None => {
                check_custom_name(name)?;
                self.with_custom(name, parse_milli(amount)?)
            }
        }
    }
}

fn is_bytes(common: usize) -> bool {
    common == MEMORY || common == DISK
}

/// The amount of a common scalar, by its place, with its unit.
pub fn show_common(at: usize, value: u64) -> String {
    if is_bytes(at) { show_bytes(value) } else { show_milli(value) }
}

pub(super) fn check_custom_name(name: &str) -> Result<(), ResourcesError> {
    let reason = if name.contains('(') {
        "reserved resources are not implemented yet"
    } else if COMMON_NAMES.contains(&name) || name == "ports" {
        "this name has a meaning of its own and can't be a user's scalar"
    } else if name.is_empty() || name.len() > NAME_BYTES_MAX {
        "a resource's name has 1 to 64 bytes"
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase())
        || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b))
    {
        "a resource's name is lower-case letters, digits, _, . and -, beginning with a letter"
    } else {
        return Ok(());
    };
    Err(ResourcesError::new(name, reason))
}

/// Reads a decimal number as thousandths: `0.5` is 500.
///
/// # Errors
/// When it isn't a number from 0 to about 10^12 with at most three decimals.
pub fn parse_milli(text: &str) -> Result<u64, ResourcesError> {
    decimal(text, 1_000).map_err(|reason| ResourcesError::new(text, reason))
}

/// Reads a number of bytes with its unit: `512MiB`, `1.5GiB`, `2GB`.
///
/// # Errors
/// When the unit is missing (Mesos meant megabytes by that, so that a guess would be wrong for somebody) or unknown, or the
/// number isn't a whole number of bytes up to a pebibyte.
pub fn parse_bytes(text: &str) -> Result<u64, ResourcesError> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = (text[..split].trim_end(), &text[split..]);
    if unit.is_empty() {
        return match number.parse::<u64>() {
            Ok(0) => Ok(0),
            _ => Err(ResourcesError::new(text, format!("a unit is missing: write {number}MiB or {number}GiB"))),
        };
    }
    let known = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let (_, bytes) =
        known.ok_or_else(|| ResourcesError::new(text, "the unit is not one of B, KiB, MiB, GiB, TiB, PiB, KB, MB, GB, TB"))?;
    decimal(number, *bytes).map_err(|reason| ResourcesError::new(text, reason))
}

/// `text` times `scale`, when that is a whole number up to [`AMOUNT_MAX`].
fn decimal(text: &str, scale: u64) -> Result<u64, &'static str> {
    const NOT_A_NUMBER: &str = "it is not a number such as 4 or 0.5";
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(NOT_A_NUMBER);
    }
    if whole.len() > 20 || fraction.len() > 15 {
        return Err("it has too many digits");
    }
    // 20 digits and 15 decimals scaled by 2^50 fit: 10^20 * 10^15 < 2^117 is checked by u128's own bounds below.
    let unit = 10_u128.pow(fraction.len() as u32);
    let parse = |part: &str| part.parse::<u128>().map_err(|_| NOT_A_NUMBER);
    let scaled = (parse(whole)? * unit + parse(fraction)?).checked_mul(u128::from(scale)).ok_or("it is too large")?;
    if scaled % unit != 0 {
        return Err(if scale == 1_000 { "it has more than three decimals" } else { "it is not a whole number of bytes" });
    }
    u64::try_from(scaled / unit).ok().filter(|amount| *amount <= AMOUNT_MAX).ok_or("it is too large")
}

fn parse_ports(text: &str) -> Result<Ports, ResourcesError> {
    let bad = |reason: &str| ResourcesError::new(text, reason);
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let inner = inner.ok_or_else(|| bad("ports are written as ranges in brackets, such as [31000-32000]"))?;
    let mut ranges = Vec::new();
    for range in inner.split(',').map(str::trim).filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let port = |text: &str| text.trim().parse::<u16>().map_err(|_| bad("a port is a number from 0 to 65535"));
        let (first, last) = (port(first)?, port(last)?);
        if first > last {
            return Err(bad("a range's first port is above its last"));
        }
        ranges.push((first, last));
    }
    Ok(Ports::from_ranges(ranges))
}

/// Thousandths as a decimal number without needless zeros: 500 is `0.5`.
pub fn show_milli(milli: u64) -> String {
    let (whole, rest) = (milli / 1_000, milli % 1_000);
    if rest == 0 {
        return whole.to_string();
    }
    format!("{whole}.{rest:03}").trim_end_matches('0').to_owned()
}

/// Bytes in the largest binary unit that shows them exactly.
pub fn show_bytes(bytes: u64) -> String {
    let binary = UNITS.iter().filter(|(name, _)| name.ends_with("iB") || *name == "B");
    let fits = |unit: &&(&str, u64)| bytes >= unit.1 && bytes.is_multiple_of(unit.1);
    binary.into_iter().find(fits).map_or_else(|| format!("{bytes}B"), |(name, unit)| format!("{}{name}", bytes / unit))
}

impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = [super::CPU, MEMORY, DISK, GPU];
        let common = order.into_iter().filter(|at| self.common[*at] > 0);
        let common = common.map(|at| format!("{}:{}", COMMON_NAMES[at], show_common(at, self.common[at])));
        let custom = self.custom.iter().map(|(name, milli)| format!("{name}:{}", show_milli(*milli)));
        let ports = (!self.ports.is_empty()).then(|| format!("ports:{}", self.ports));
        let items: Vec<String> = common.chain(custom).chain(ports).collect();
        f.pad(&items.join(";"))
    }
}

impl FromStr for Resources {
    type Err = ResourcesError;
    fn from_str(text: &str) -> Result<Self, ResourcesError> {
        Self::parse(text)
    }
}
