//! Upper bounds for amounts of scalars: what a quota limits, and what it says nothing of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{COMMON_NAMES, COMMON_SCALARS, Resources, ResourcesError};

/// The most that may be had of each scalar that is named; of the others there is no limit. Zero is a limit too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bounds {
    common: [Option<u64>; COMMON_SCALARS],
    /// Sorted by name.
    custom: Vec<(Box<str>, u64)>,
}

impl Bounds {
    /// No limit of anything.
    pub const fn none() -> Self {
        Self { common: [None; COMMON_SCALARS], custom: Vec::new() }
    }

    /// Reads `name:amount` pairs parted by `;`, as [`Resources::parse`] does. Empty text is no limit.
    ///
    /// # Errors
    /// [`ResourcesError`] naming the part that can't be read. Ports have no quantity to limit.
    pub fn parse(text: &str) -> Result<Self, ResourcesError> {
        let amounts = Resources::parse(text)?;
        if !amounts.ports().is_empty() {
            return Err(ResourcesError { text: text.to_owned(), reason: "ports can't be limited; only scalars can".to_owned() });
        }
        let named = text.split(';').filter_map(|item| Some(item.split_once(':')?.0.trim()));
        Ok(named.fold(Self::none(), |bounds, name| bounds.with_named(name, &amounts)))
    }

    fn with_named(mut self, name: &str, amounts: &Resources) -> Self {
        match COMMON_NAMES.iter().position(|common| *common == name) {
            Some(at) => self.common[at] = Some(amounts.common()[at]),
            None => self = self.with_custom(name, amounts.custom_milli(name)),
        }
        self
    }

    /// The same with this limit of one of the [`COMMON_NAMES`], by its place; none lifts it.
    #[must_use]
    pub fn with_common(mut self, at: usize, most: Option<u64>) -> Self {
        self.common[at] = most;
        self
    }

    /// The same with this limit of a user-named scalar, in thousandths.
    #[must_use]
    pub fn with_custom(mut self, name: &str, most: u64) -> Self {
        match self.custom.binary_search_by(|(known, _)| (**known).cmp(name)) {
            Ok(at) => self.custom[at].1 = most,
            Err(at) => self.custom.insert(at, (name.into(), most)),
        }
        self
    }

    /// The limits of the common scalars, in the order of [`COMMON_NAMES`].
    pub fn common(&self) -> &[Option<u64>; COMMON_SCALARS] {
        &self.common
    }

    /// The limits of user-named scalars in thousandths, sorted by name.
    pub fn custom(&self) -> &[(Box<str>, u64)] {
        &self.custom
    }

    /// Whether nothing is limited.
    pub fn is_none(&self) -> bool {
        self.common == [None; COMMON_SCALARS] && self.custom.is_empty()
    }

    /// The stricter of the two, scalar by scalar.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (mine, other) in both.common.iter_mut().zip(other.common) {
            *mine = [*mine, other].into_iter().flatten().min();
        }
        for (name, most) in &other.custom {
            let mine = both.custom.iter().find(|(known, _)| known == name).map_or(u64::MAX, |(_, most)| *most);
            both = both.with_custom(name, mine.min(*most));
        }
        both
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let common = self.common.iter().enumerate();
        let common = common.filter_map(|(at, most)| Some(format!("{}:{}", COMMON_NAMES[at], crate::show_common(at, (*most)?))));
        let custom = self.custom.iter().map(|(name, most)| format!("{name}:{}", crate::show_milli(*most)));
        f.pad(&common.chain(custom).collect::<Vec<_>>().join(";"))
    }
}

impl FromStr for Bounds {
    type Err = ResourcesError;
    fn from_str(text: &str) -> Result<Self, ResourcesError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Bounds {
    type Error = ResourcesError;
    fn try_from(text: String) -> Result<Self, ResourcesError> {
        Self::parse(&text)
    }
}

impl From<Bounds> for String {
    fn from(bounds: Bounds) -> Self {
        bounds.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_a_limit_and_what_is_not_named_is_none() {
        let bounds = Bounds::parse("cpus:0;mem:1GiB;licences:2").unwrap();
        assert_eq!(bounds.common(), &[Some(0), Some(1 << 30), None, None]);
        assert_eq!(bounds.to_string(), "cpus:0;mem:1GiB;licences:2");
        assert!(Bounds::parse("").unwrap().is_none());
        assert!(Bounds::parse("ports:[1-2]").unwrap_err().to_string().contains("ports can't be limited"));
    }

    #[test]
    fn the_stricter_of_two_has_the_limits_of_both() {
        let both = Bounds::parse("cpus:4;a:1").unwrap().stricter(&Bounds::parse("cpus:2;mem:1GiB;a:3;b:0").unwrap());
        assert_eq!(both.to_string(), "cpus:2;mem:1GiB;a:1;b:0");
    }
}
