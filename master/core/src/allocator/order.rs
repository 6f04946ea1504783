//! Who comes first: the policy of sharing, and all of it.
//!
//! The rest of the allocator asks only [`share`], and sorts siblings by the [`Key`] that it goes into. Another policy is another
//! `share`: any number that follows from what a child has, what there is, and its weight, and doesn't sink when the child gets
//! more. Here it is the dominant share of Ghodsi et al., "Dominant Resource Fairness" (NSDI 2011), applied at each level of the
//! tree of roles, divided by the weight.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::{COMMON_NAMES, COMMON_SCALARS};

use super::sum::Sum;

/// A share in fixed point: [`WHOLE`] is the whole cluster at weight 1. Integers, so that two runs always agree on the order.
pub(super) type Share = u64;

const WHOLE: Share = 1 << 60;

/// A child's place among its siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// Whether guarantees owe it nothing. Those that are owed something are found first.
    pub(super) met: bool,
    pub(super) share: Share,
    /// Its index: an agreed order of those that have equally much.
    pub(super) child: u32,
}

/// What shares are shares of: the cluster's total, without the scalars that don't count.
#[derive(Clone, Debug, Default)]
pub(super) struct Whole {
    common: [f64; COMMON_SCALARS],
    custom: BTreeMap<Box<str>, f64>,
}

impl Whole {
    pub(super) fn new(total: &Sum, excluded: &BTreeSet<String>) -> Self {
        let mut common = total.common.map(to_float);
        for (name, of) in COMMON_NAMES.iter().zip(&mut common) {
            if excluded.contains(*name) {
                *of = 0.0;
            }
        }
        let custom = total.custom.iter().filter(|(name, _)| !excluded.contains(&***name));
        Self { common, custom: custom.map(|(name, of)| (name.clone(), to_float(*of))).collect() }
    }
}

/// The largest of these scalars' parts of the whole, divided by `weight`. A scalar that the cluster has none of counts nothing.
///
/// Each part is one division of IEEE 754, whose result every machine agrees on: the correctly rounded quotient. So it never sinks
/// when more is had, and equal parts give equal shares as long as the quantities are below 2^53, which is 8 PiB in bytes.
pub(super) fn share(have: &Sum, whole: &Whole, weight: u32) -> Share {
    let weight = f64::from(weight);
    let part = |have: u128, of: f64| if have == 0 || of == 0.0 { 0.0 } else { to_float(have) / (of * weight) };
    let common = have.common.iter().zip(whole.common).map(|(have, of)| part(*have, of)).fold(0.0, f64::max);
    let custom = have.custom.iter().map(|(name, have)| part(*have, whole.custom.get(name).copied().unwrap_or(0.0)));
    // The product is exact, and the cast rounds down and ends at the largest share.
    (custom.fold(common, f64::max) * WHOLE as f64) as Share
}

/// The share in millionths, for people.
pub(super) fn millionths(share: Share) -> u64 {
    (u128::from(share) * 1_000_000 / u128::from(WHOLE)) as u64
}

/// Nearly all sums are below 2^64, and their conversion is one instruction.
fn to_float(sum: u128) -> f64 {
    u64::try_from(sum).map_or(sum as f64, |sum| sum as f64)
}
