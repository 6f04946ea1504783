//! The JSON form: `{"cpus": 0.5, "mem": 67108864, "ports": [[31000, 32000]]}`. Bytes are whole numbers, the rest decimals.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{AMOUNT_MAX, COMMON_NAMES, DISK, MEMORY, Ports, Resources};

impl Serialize for Resources {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (at, name) in COMMON_NAMES.iter().enumerate().filter(|(at, _)| self.common[*at] > 0) {
            if at == MEMORY || at == DISK {
                map.serialize_entry(name, &self.common[at])?;
            } else {
                map.serialize_entry(name, &decimal(self.common[at]))?;
            }
        }
        for (name, milli) in &self.custom {
            map.serialize_entry(name, &decimal(*milli))?;
        }
        if !self.ports.is_empty() {
            let ranges: Vec<(u16, u16)> = self.ports.ranges().iter().map(|range| (range.first, range.last)).collect();
            map.serialize_entry("ports", &ranges)?;
        }
        map.end()
    }
}

/// The largest decimal that is read: as much as the text form takes.
const DECIMAL_MAX: f64 = AMOUNT_MAX as f64 / 1_000.0;

/// Exact up to 2^50 thousandths: the nearest double, read back, rounds to the same thousandth.
fn decimal(milli: u64) -> f64 {
    milli as f64 / 1_000.0
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Whole(u64),
    Decimal(f64),
    Ports(Vec<(u16, u16)>),
    Text(String),
}

impl<'de> Deserialize<'de> for Resources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, Value>::deserialize(deserializer)?;
        let mut all = Resources::none();
        for (name, value) in map {
            all = with_value(all, &name, value).map_err(|reason| D::Error::custom(format!("{name}: {reason}")))?;
        }
        Ok(all)
    }
}

fn with_value(mut all: Resources, name: &str, value: Value) -> Result<Resources, String> {
    let bytes = name == COMMON_NAMES[MEMORY] || name == COMMON_NAMES[DISK];
    let amount = match value {
        Value::Ports(ranges) if name == "ports" => {
            if ranges.iter().any(|(first, last)| first > last) {
                return Err("a range's first port is above its last".to_owned());
            }
            return Ok(all.with_ports(Ports::from_ranges(ranges)));
        }
        Value::Text(text) => return all.with_parsed(name, &text).map_err(|error| error.to_string()),
        Value::Whole(bytes_count) if bytes => bytes_count,
        Value::Whole(whole) => whole.checked_mul(1_000).ok_or("it is too large")?,
        Value::Decimal(decimal) if !bytes && (0.0..=DECIMAL_MAX).contains(&decimal) => thousandths(decimal)?,
        Value::Decimal(_) | Value::Ports(_) => return Err("it is not an amount of this resource".to_owned()),
    };
    match COMMON_NAMES.iter().position(|common| *common == name) {
        Some(at) => {
            all.common[at] = amount;
            Ok(all)
        }
        None => all.with_custom(name, amount).map_err(|error| error.to_string()),
    }
}

fn thousandths(value: f64) -> Result<u64, String> {
    let milli = (value * 1_000.0).round();
    if (milli / 1_000.0 - value).abs() > f64::EPSILON * value.max(1.0) {
        return Err("it has more than three decimals".to_owned());
    }
    // Bounded by the caller to AMOUNT_MAX, which a double and a u64 both hold exactly.
    Ok(milli as u64)
}
