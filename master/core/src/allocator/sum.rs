//! Sums of scalars over many agents, and the dominant share that follows from two of them.

use std::collections::BTreeMap;

use meros_types::{COMMON_SCALARS, Resources};

/// A share in fixed point: 2^60 is the whole cluster at weight 1. Integers, so that two runs always agree on the order.
pub(crate) type Share = u128;

const WHOLE: u128 = 1 << 60;

/// How much of each scalar. Ports are left out: the same port of two agents is not one thing twice.
///
/// Wider than a quantity, so that no number of agents, whatever they claim to have, makes it overflow: what was added can
/// always be taken out again exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    common: [u128; COMMON_SCALARS],
    custom: BTreeMap<Box<str>, u128>,
}

impl Sum {
    pub(crate) fn add(&mut self, resources: &Resources) {
        for (sum, add) in self.common.iter_mut().zip(resources.common()) {
            *sum += u128::from(*add);
        }
        for (name, add) in resources.custom() {
            *self.custom.entry(name.clone()).or_default() += u128::from(*add);
        }
    }

    pub(crate) fn subtract(&mut self, resources: &Resources) {
        for (sum, sub) in self.common.iter_mut().zip(resources.common()) {
            *sum = sum.saturating_sub(u128::from(*sub));
        }
        for (name, sub) in resources.custom() {
            let rest = self.custom.get(name).copied().unwrap_or(0).saturating_sub(u128::from(*sub));
            match rest {
                0 => drop(self.custom.remove(name)),
                _ => drop(self.custom.insert(name.clone(), rest)),
            }
        }
    }

    /// The same with another sum in it.
    pub(super) fn and(mut self, other: &Sum) -> Self {
        for (sum, add) in self.common.iter_mut().zip(other.common) {
            *sum += add;
        }
        for (name, add) in &other.custom {
            *self.custom.entry(name.clone()).or_default() += add;
        }
        self
    }

    /// The largest of these scalars' parts of `total`, divided by `weight`: the dominant share of Ghodsi et al., "Dominant
    /// Resource Fairness" (NSDI 2011). A scalar that the cluster has none of counts nothing.
    pub(crate) fn dominant_share(&self, total: &Sum, weight: u32) -> Share {
        let part = |have: u128, of: u128| match have {
            0 => 0, // Most scalars of most clients: a wide division saved.
            _ => have.saturating_mul(WHOLE).checked_div(of.saturating_mul(u128::from(weight))).unwrap_or(0),
        };
        let common = self.common.iter().zip(&total.common).map(|(have, of)| part(*have, *of));
        let custom = self.custom.iter().map(|(name, have)| part(*have, total.custom.get(name).copied().unwrap_or(0)));
        common.chain(custom).max().unwrap_or(0)
    }

    /// Everything, for display: what is more than one quantity can say is left out of it.
    pub(super) fn to_resources(&self) -> Resources {
        let shown = |sum: u128| u64::try_from(sum).unwrap_or(u64::MAX);
        let common = Resources::none()
            .with_cpu_milli(shown(self.common[0]))
            .with_memory_bytes(shown(self.common[1]))
            .with_disk_bytes(shown(self.common[2]))
            .with_gpu_milli(shown(self.common[3]));
        // A name that came out of one quantity goes into another; past the 32nd the display just leaves it out.
        self.custom.iter().fold(common, |all, (name, sum)| all.clone().with_custom(name, shown(*sum)).unwrap_or(all))
    }
}
