//! Names that people choose: roles and agents' attributes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The longest role, attribute name or attribute value, in bytes.
pub const NAME_BYTES_MAX: usize = 256;

/// A name that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {kind}: {reason}")]
pub struct NameError {
    /// What was given.
    pub text: String,
    /// What was wanted, with its article.
    pub kind: &'static str,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// The unit of sharing. `*` is the role of frameworks that name none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Role(Arc<str>);

impl Role {
    /// Takes `*`, or parts of letters, digits, `_`, `.` and `-` joined by `/`; no part begins with `.` or `-`.
    ///
    /// # Errors
    /// [`NameError`] saying which of these rules the text breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let good = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        };
        let reason = if text.len() > NAME_BYTES_MAX {
            "it is longer than 256 bytes"
        } else if text != "*" && !text.split('/').all(good) {
            "a role is * or parts of letters, digits, _, . and - joined by /, none beginning with . or -"
        } else {
            return Ok(Self(text.into()));
        };
        Err(NameError { text: text.to_owned(), kind: "a role", reason })
    }

    /// The role as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Role {
    fn default() -> Self {
        Self("*".into())
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Role {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Role {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Role> for String {
    fn from(role: Role) -> String {
        role.0.to_string()
    }
}

impl Role {
    /// The role around this one: `eng` for `eng/backend`; none at the top.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.into()))
    }

    /// Whether this is the other or somewhere below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.strip_prefix(&*other.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Where an agent stands, for what must not fall together: a zone of a region. Text form `region/zone`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain {
    /// Zones of one region are near each other.
    pub region: String,
    /// What shares power, network or a building.
    pub zone: String,
}

impl FromStr for Domain {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let bad = |reason| NameError { text: text.to_owned(), kind: "a domain", reason };
        let (region, zone) = text.split_once('/').ok_or_else(|| bad("write region/zone, such as eu/eu-1"))?;
        let good = |part: &str| !part.is_empty() && !part.contains(['/', ',', ';']) && !part.contains(char::is_control);
        if !good(region) || !good(zone) {
            return Err(bad("region and zone are not empty and have no / , ; or control characters"));
        }
        if region.len() > NAME_BYTES_MAX || zone.len() > NAME_BYTES_MAX {
            return Err(bad("a part of it is longer than 256 bytes"));
        }
        Ok(Self { region: region.to_owned(), zone: zone.to_owned() })
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.region, self.zone))
    }
}

impl TryFrom<String> for Domain {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.to_string()
    }
}

/// What an operator says of an agent, for schedulers to place by: `rack:a;os:linux`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct Attributes(BTreeMap<String, String>);

impl Attributes {
    /// Takes these pairs.
    ///
    /// # Errors
    /// [`NameError`] when a name or value is empty, over 256 bytes, or has a `;`, or a name has a `:` or begins with `@`.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, NameError> {
        let mut all = BTreeMap::new();
        for (name, value) in pairs {
            if name.starts_with('@') {
                return Err(NameError {
                    text: name,
                    kind: "an attribute's name",
                    reason: "@ begins what Meros itself says of an agent",
                });
            }
            check_attribute(&name, "an attribute's name", &[':', ';'])?;
            check_attribute(&value, "an attribute's value", &[';'])?;
            match all.entry(name) {
                Entry::Vacant(place) => place.insert(value),
                Entry::Occupied(first) => {
                    let text = first.key().clone();
                    return Err(NameError { text, kind: "an attribute's name", reason: "it is given twice" });
                }
            };
        }
        Ok(Self(all))
    }

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Every name and value, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn check_attribute(text: &str, kind: &'static str, forbidden: &[char]) -> Result<(), NameError> {
    let reason = if text.is_empty() {
        "it is empty"
    } else if text.len() > NAME_BYTES_MAX {
        "it is longer than 256 bytes"
    } else if text.contains(forbidden) || text.contains(char::is_control) {
        "it has a character that can't stand there (: ; or a control character)"
    } else {
        return Ok(());
    };
    Err(NameError { text: text.to_owned(), kind, reason })
}

impl TryFrom<BTreeMap<String, String>> for Attributes {
    type Error = NameError;
    fn try_from(pairs: BTreeMap<String, String>) -> Result<Self, NameError> {
        Self::new(pairs)
    }
}

impl From<Attributes> for BTreeMap<String, String> {
    fn from(attributes: Attributes) -> Self {
        attributes.0
    }
}

impl FromStr for Attributes {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let items = text.split(';').map(str::trim).filter(|item| !item.is_empty());
        let pairs: Result<Vec<_>, _> = items
            .map(|item| match item.split_once(':') {
                Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
                None => Err(NameError { text: item.to_owned(), kind: "an attribute", reason: "write name:value, such as rack:a" }),
            })
            .collect();
        Self::new(pairs?)
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: Vec<String> = self.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        f.pad(&items.join(";"))
    }
}
