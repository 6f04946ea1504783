//! Sums of scalars over many agents.

use std::collections::BTreeMap;

use meros_types::{COMMON_SCALARS, Resources};

/// How much of each scalar. Ports are left out: the same port of two agents is not one thing twice.
///
/// Wider than a quantity, so that no number of agents, whatever they claim to have, makes it overflow: what was added can
/// always be taken out again exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) common: [u128; COMMON_SCALARS],
    /// Each above zero.
    pub(super) custom: BTreeMap<Box<str>, u128>,
}

impl Sum {
    pub(super) fn of(resources: &Resources) -> Self {
        let mut sum = Self::default();
        sum.add(resources);
        sum
    }

    pub(super) fn is_none(&self) -> bool {
        self.common == [0; COMMON_SCALARS] && self.custom.is_empty()
    }

    pub(super) fn custom_milli(&self, name: &str) -> u128 {
        self.custom.get(name).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, resources: &Resources) {
        for (sum, add) in self.common.iter_mut().zip(resources.common()) {
            *sum += u128::from(*add);
        }
        for (name, add) in resources.custom() {
            *self.custom.entry(name.clone()).or_default() += u128::from(*add);
        }
    }

    pub(super) fn subtract(&mut self, resources: &Resources) {
        for (sum, sub) in self.common.iter_mut().zip(resources.common()) {
            *sum = sum.saturating_sub(u128::from(*sub));
        }
        for (name, sub) in resources.custom() {
            self.subtract_custom(name, u128::from(*sub));
        }
    }

    fn subtract_custom(&mut self, name: &str, sub: u128) {
        match self.custom_milli(name).saturating_sub(sub) {
            0 => drop(self.custom.remove(name)),
            rest => drop(self.custom.insert(name.into(), rest)),
        }
    }

    /// The same with another sum in it.
    #[must_use]
    pub(super) fn and(mut self, other: &Self) -> Self {
        for (sum, add) in self.common.iter_mut().zip(other.common) {
            *sum += add;
        }
        for (name, add) in &other.custom {
            *self.custom.entry(name.clone()).or_default() += add;
        }
        self
    }

    /// The same without another sum, zero where that has more.
    #[must_use]
    pub(super) fn without(mut self, other: &Self) -> Self {
        for (sum, sub) in self.common.iter_mut().zip(other.common) {
            *sum = sum.saturating_sub(sub);
        }
        for (name, sub) in &other.custom {
            self.subtract_custom(name, *sub);
        }
        self
    }

    /// The larger of the two, scalar by scalar.
    #[must_use]
    pub(super) fn larger(mut self, other: &Self) -> Self {
        for (mine, other) in self.common.iter_mut().zip(other.common) {
            *mine = (*mine).max(other);
        }
        for (name, other) in &other.custom {
            let mine = self.custom.entry(name.clone()).or_default();
            *mine = (*mine).max(*other);
        }
        self
    }

    /// Whether there is more of something than in the other.
    pub(super) fn exceeds(&self, other: &Self) -> bool {
        self.common.iter().zip(other.common).any(|(mine, other)| *mine > other)
            || self.custom.iter().any(|(name, mine)| *mine > other.custom_milli(name))
    }

    /// Whether there is some of a scalar that the other has none of.
    pub(super) fn names_beyond(&self, other: &Self) -> bool {
        self.common.iter().zip(other.common).any(|(mine, other)| *mine > 0 && other == 0)
            || self.custom.keys().any(|name| other.custom_milli(name) == 0)
    }

    /// Whether both have some of one scalar.
    pub(super) fn has_some_of(&self, resources: &Resources) -> bool {
        self.common.iter().zip(resources.common()).any(|(mine, other)| *mine > 0 && *other > 0)
            || resources.custom().iter().any(|(name, _)| self.custom_milli(name) > 0)
    }

    /// Everything, for display: what is more than one quantity can say is left out of it.
    pub(super) fn to_resources(&self) -> Resources {
        let [cpu, memory, disk, gpu] = self.common.map(quantity);
        let common = Resources::none().with_cpu_milli(cpu).with_memory_bytes(memory).with_disk_bytes(disk).with_gpu_milli(gpu);
        // A name that came out of one quantity goes into another; past the 32nd the display just leaves it out.
        self.custom.iter().fold(common, |all, (name, sum)| all.clone().with_custom(name, quantity(*sum)).unwrap_or(all))
    }
}

/// As much of a sum as one quantity can be.
pub(super) fn quantity(sum: u128) -> u64 {
    u64::try_from(sum).unwrap_or(u64::MAX)
}
