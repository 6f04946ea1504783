//! Amounts of the five scalars that these tests know, wide enough for any sum. Deliberately absent: ports, which have no sum.

use meros_types::{Bounds, COMMON_NAMES, Resources};

/// The scalars of these tests: the common ones and one that users named.
pub(crate) const NAMES: [&str; 5] = ["cpus", "mem", "disk", "gpus", "licences"];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amounts(pub(crate) [u128; NAMES.len()]);

impl Amounts {
    pub(crate) fn of(resources: &Resources) -> Self {
        assert_eq!(NAMES[..COMMON_NAMES.len()], COMMON_NAMES);
        let [cpus, mem, disk, gpus] = resources.common().map(u128::from);
        Self([cpus, mem, disk, gpus, resources.custom_milli("licences").into()])
    }

    pub(crate) fn each(f: impl FnMut(usize) -> u128) -> Self {
        Self(std::array::from_fn(f))
    }

    #[must_use]
    pub(crate) fn and(self, more: Self) -> Self {
        Self::each(|k| self.0[k] + more.0[k])
    }

    /// The difference, with zero where there is less.
    #[must_use]
    pub(crate) fn without(self, less: Self) -> Self {
        Self::each(|k| self.0[k].saturating_sub(less.0[k]))
    }

    #[must_use]
    pub(crate) fn max(self, other: Self) -> Self {
        Self::each(|k| self.0[k].max(other.0[k]))
    }

    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What a limit says of each scalar.
pub(crate) fn limits(bounds: &Bounds) -> [Option<u128>; NAMES.len()] {
    let [cpus, mem, disk, gpus] = bounds.common().map(|most| most.map(u128::from));
    let licences = bounds.custom().iter().find(|(name, _)| **name == *"licences").map(|(_, most)| u128::from(*most));
    [cpus, mem, disk, gpus, licences]
}

/// The resources with no more than this of each scalar; ports stay.
pub(crate) fn cut(resources: &Resources, most: &Amounts) -> Resources {
    let cut = Amounts::each(|k| Amounts::of(resources).0[k].min(most.0[k])).0.map(|amount| u64::try_from(amount).unwrap());
    let common = Resources::none().with_cpu_milli(cut[0]).with_memory_bytes(cut[1]).with_disk_bytes(cut[2]).with_gpu_milli(cut[3]);
    common.with_custom("licences", cut[4]).unwrap().with_ports(resources.ports().clone())
}

/// A share of the cluster, exactly: numerator and denominator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fraction(pub(crate) u128, pub(crate) u128);

impl Fraction {
    pub(crate) const ZERO: Self = Self(0, 1);
}

impl PartialEq for Fraction {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Fraction {}

impl PartialOrd for Fraction {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Fraction {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0 * other.1).cmp(&(other.0 * self.1))
    }
}
