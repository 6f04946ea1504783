//! Sets of ports, as sorted ranges that neither touch nor overlap.

use std::fmt;

/// Ports `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PortRange {
    /// The lowest.
    pub first: u16,
    /// The highest; never below `first`.
    pub last: u16,
}

impl PortRange {
    fn count(self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }
}

/// A set of ports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ports(Vec<PortRange>);

impl Ports {
    /// No port.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The ports of these ranges, in any order; overlaps count once. A range whose last is below its first is empty.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (u16, u16)>) -> Self {
        let ranges = ranges.into_iter().filter(|(first, last)| first <= last);
        let mut ranges: Vec<_> = ranges.map(|(first, last)| PortRange { first, last }).collect();
        ranges.sort_by_key(|range| range.first);
        let mut merged: Vec<PortRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(before) if u32::from(range.first) <= u32::from(before.last) + 1 => before.last = before.last.max(range.last),
                _ => merged.push(range),
            }
        }
        Self(merged)
    }

    /// The ranges, ascending; between two of them is at least one port that is in neither.
    pub fn ranges(&self) -> &[PortRange] {
        &self.0
    }

    /// Whether no port is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ports are in it.
    pub fn count(&self) -> u32 {
        self.0.iter().map(|range| range.count()).sum()
    }

    /// Every port, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().flat_map(|range| range.first..=range.last)
    }

    /// The lowest `count` ports, or all when there are fewer.
    #[must_use]
    pub fn lowest(&self, count: u32) -> Self {
        let mut left = count;
        let mut taken = Vec::new();
        for range in &self.0 {
            if left == 0 {
                break;
            }
            let take = left.min(range.count());
            // `take` is at most the range's count, so that the sum stays within the range.
            taken.push(PortRange { first: range.first, last: (u32::from(range.first) + take - 1) as u16 });
            left -= take;
        }
        Self(taken)
    }

    /// Whether every port of `other` is here.
    pub fn contains_all(&self, other: &Self) -> bool {
        other.0.iter().all(|want| {
            let at = self.0.partition_point(|have| have.last < want.first);
            self.0.get(at).is_some_and(|have| have.first <= want.first && want.last <= have.last)
        })
    }

    /// The ports of both, or those in common as the error.
    pub(super) fn disjoint_union(&self, other: &Self) -> Result<Self, Self> {
        if other.is_empty() {
            return Ok(self.clone());
        }
        let common = self.minus(&self.minus(other));
        if !common.is_empty() {
            return Err(common);
        }
        let pairs = self.0.iter().chain(&other.0).map(|range| (range.first, range.last));
        Ok(Self::from_ranges(pairs))
    }

    /// The ports that are here and not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        if other.is_empty() {
            return self.clone();
        }
        let mut rest = Vec::with_capacity(self.0.len());
        for range in &self.0 {
            let mut first = u32::from(range.first);
            let from = other.0.partition_point(|cut| cut.last < range.first);
            for cut in other.0[from..].iter().take_while(|cut| cut.first <= range.last) {
                if first < u32::from(cut.first) {
                    // Below `cut.first`, a u16.
                    rest.push(PortRange { first: first as u16, last: cut.first - 1 });
                }
                first = u32::from(cut.last) + 1;
            }
            if first <= u32::from(range.last) {
                rest.push(PortRange { first: first as u16, last: range.last });
            }
        }
        Self(rest)
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (at, range) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{}-{}", range.first, range.last)?;
        }
        f.write_str("]")
    }
}
