//! Sums of scalars over many agents, and the dominant share that follows from two of them.

use std::collections::BTreeMap;

use meros_types::{COMMON_SCALARS, Resources};

/// A share in fixed point: 2^60 is the whole cluster at weight 1. Integers, so that two runs always agree on the order.
pub(crate) type Share = u128;

const WHOLE: u128 = 1 << 60;

/// How much of each scalar. Ports are left out: the same port of two agents is not one thing twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    common: [u64; COMMON_SCALARS],
    custom: BTreeMap<Box<str>, u64>,
}

impl Sum {
    pub(crate) fn add(&mut self, resources: &Resources) {
        for (sum, add) in self.common.iter_mut().zip(resources.common()) {
            *sum = sum.saturating_add(*add);
        }
        for (name, add) in resources.custom() {
            let sum = self.custom.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*add);
        }
    }

    pub(crate) fn subtract(&mut self, resources: &Resources) {
        for (sum, sub) in self.common.iter_mut().zip(resources.common()) {
            *sum = sum.saturating_sub(*sub);
        }
        for (name, sub) in resources.custom() {
            let rest = self.custom.get(name).copied().unwrap_or(0).saturating_sub(*sub);
            match rest {
                0 => drop(self.custom.remove(name)),
                _ => drop(self.custom.insert(name.clone(), rest)),
            }
        }
    }

    /// The largest of these scalars' parts of `total`, divided by `weight`: the dominant share of Ghodsi et al., "Dominant
    /// Resource Fairness" (NSDI 2011). A scalar that the cluster has none of counts nothing.
    pub(crate) fn dominant_share(&self, total: &Sum, weight: u32) -> Share {
        let part = |have: u64, of: u64| (u128::from(have) * WHOLE).checked_div(u128::from(of) * u128::from(weight)).unwrap_or(0);
        let common = self.common.iter().zip(&total.common).map(|(have, of)| part(*have, *of));
        let custom = self.custom.iter().map(|(name, have)| part(*have, total.custom.get(name).copied().unwrap_or(0)));
        common.chain(custom).max().unwrap_or(0)
    }

    /// Everything, for tests and display.
    pub(crate) fn to_resources(&self) -> Resources {
        let common = Resources::none()
            .with_cpu_milli(self.common[0])
            .with_memory_bytes(self.common[1])
            .with_disk_bytes(self.common[2])
            .with_gpu_milli(self.common[3]);
        // A name that came out of one quantity goes into another; past the 32nd the display just leaves it out.
        self.custom.iter().fold(common, |all, (name, milli)| all.clone().with_custom(name, *milli).unwrap_or(all))
    }
}
