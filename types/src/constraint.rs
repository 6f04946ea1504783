//! What an agent must be like: predicates on its attributes, its hostname and where it stands.
//!
//! Owned here: the rule that allocator, accept check and SDK all ask, and its text form.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{NameError, OfferedAgent};

/// How many constraints one shape may have.
pub const CONSTRAINTS_MAX: usize = 16;
/// How many values one constraint may compare with.
pub const CONSTRAINT_VALUES_MAX: usize = 64;

/// One predicate on an agent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Constraint {
    /// What is looked at.
    pub subject: Subject,
    /// What it must be.
    pub test: Test,
}

/// What a constraint looks at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The attribute of this name.
    Attribute(String),
    /// `@hostname`: where the agent runs.
    Hostname,
    /// `@region`: the region of its domain.
    Region,
    /// `@zone`: the zone of its domain.
    Zone,
}

/// What the subject must be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Test {
    /// There is one.
    Exists,
    /// There is none.
    NotExists,
    /// It is one of these.
    OneOf(BTreeSet<String>),
    /// It is none of these, or there is none.
    NoneOf(BTreeSet<String>),
}

impl Subject {
    /// Its value for an agent, if it has one.
    pub fn of<'a>(&self, agent: &'a OfferedAgent) -> Option<&'a str> {
        match self {
            Self::Attribute(name) => agent.attributes.get(name),
            Self::Hostname => Some(&agent.hostname),
            Self::Region => agent.domain.as_ref().map(|domain| domain.region.as_str()),
            Self::Zone => agent.domain.as_ref().map(|domain| domain.zone.as_str()),
        }
    }
}

impl Constraint {
    /// Whether an agent is like this.
    pub fn holds(&self, agent: &OfferedAgent) -> bool {
        let value = self.subject.of(agent);
        match &self.test {
            Test::Exists => value.is_some(),
            Test::NotExists => value.is_none(),
            Test::OneOf(values) => value.is_some_and(|value| values.contains(value)),
            Test::NoneOf(values) => value.is_none_or(|value| !values.contains(value)),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Attribute(name) => name,
            Self::Hostname => "@hostname",
            Self::Region => "@region",
            Self::Zone => "@zone",
        })
    }
}

impl FromStr for Subject {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let bad = |reason| NameError { text: text.to_owned(), kind: "what a constraint looks at", reason };
        match text {
            "@hostname" => Ok(Self::Hostname),
            "@region" => Ok(Self::Region),
            "@zone" => Ok(Self::Zone),
            "" => Err(bad("it is empty")),
            _ if text.starts_with('@') => Err(bad("with @ there are @hostname, @region and @zone")),
            _ if text.len() > crate::names::NAME_BYTES_MAX => Err(bad("it is longer than 256 bytes")),
            _ if text.contains(['=', '!', ',', ':', ';']) || text.contains(char::is_control) => {
                Err(bad("it has a character that can't stand there (= ! , : ; or a control character)"))
            }
            _ => Ok(Self::Attribute(text.to_owned())),
        }
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |values: &BTreeSet<String>| values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let text = match &self.test {
            Test::Exists => format!("{}", self.subject),
            Test::NotExists => format!("!{}", self.subject),
            Test::OneOf(values) => format!("{}={}", self.subject, list(values)),
            Test::NoneOf(values) => format!("{}!={}", self.subject, list(values)),
        };
        f.pad(&text)
    }
}

/// Reads `rack` (there is one), `!rack` (there is none), `rack=a,b` (one of these), `rack!=a,b` (none of these).
impl FromStr for Constraint {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let (subject, test) = if let Some((subject, list)) = text.split_once("!=") {
            (subject, Test::NoneOf(values(list)?))
        } else if let Some((subject, list)) = text.split_once('=') {
            (subject, Test::OneOf(values(list)?))
        } else if let Some(subject) = text.strip_prefix('!') {
            (subject, Test::NotExists)
        } else {
            (text, Test::Exists)
        };
        Ok(Self { subject: subject.trim().parse()?, test })
    }
}

fn values(list: &str) -> Result<BTreeSet<String>, NameError> {
    let values: BTreeSet<String> = list.split(',').map(|value| value.trim().to_owned()).collect();
    let bad = |reason| NameError { text: list.to_owned(), kind: "a constraint's list of values", reason };
    if values.iter().any(String::is_empty) {
        return Err(bad("a value is empty"));
    }
    if values.len() > CONSTRAINT_VALUES_MAX {
        return Err(bad("it has more than 64 values"));
    }
    Ok(values)
}

impl TryFrom<String> for Constraint {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Constraint> for String {
    fn from(constraint: Constraint) -> Self {
        constraint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AgentId, Attributes, Domain};

    fn agent(attributes: &str, domain: Option<&str>) -> OfferedAgent {
        let domain = domain.map(|text| text.parse::<Domain>().unwrap());
        let attributes: Attributes = attributes.parse().unwrap();
        OfferedAgent { attributes, domain, ..OfferedAgent::new(AgentId::from_bytes([1; 16]), "h1") }
    }

    #[test]
    fn each_test_says_what_it_should() {
        let there = agent("rack:a;disk:ssd", Some("eu/eu-1"));
        for holds in ["rack", "!gpu", "rack=a", "rack=b,a", "rack!=b", "gpu!=x", "@hostname=h1", "@region=eu", "@zone=eu-1,eu-2"] {
            assert!(holds.parse::<Constraint>().unwrap().holds(&there), "{holds}");
        }
        for fails in ["gpu", "!rack", "rack=b", "gpu=x", "rack!=a", "@hostname=h2", "@zone=eu", "!@zone"] {
            assert!(!fails.parse::<Constraint>().unwrap().holds(&there), "{fails}");
        }
        assert!(!"@region".parse::<Constraint>().unwrap().holds(&agent("", None)));
    }

    #[test]
    fn the_text_is_what_is_read() {
        for text in ["rack", "!rack", "rack=a,b", "@zone!=eu-1"] {
            assert_eq!(text.parse::<Constraint>().unwrap().to_string(), text);
        }
        for bad in ["", "rack=", "rack=a,,b", "@rack=a", "a:b", "=a"] {
            assert!(bad.parse::<Constraint>().is_err(), "{bad}");
        }
    }
}
