//! Arithmetic of amounts that only quotas need: of scalars alone, since ports have no quantity that many agents could share.

use meros_types::{Bounds, COMMON_SCALARS, Resources};

/// The sum of the scalars of both, each at most 2^64 - 1. Past the 32nd user-named scalar nothing is added.
pub(crate) fn plus(one: &Resources, other: &Resources) -> Resources {
    each(one, other, u64::saturating_add)
}

/// The larger of both, scalar by scalar.
pub(crate) fn larger(one: &Resources, other: &Resources) -> Resources {
    each(one, other, u64::max)
}

/// By how much an amount is above a limit, in those scalars in which it is.
pub(crate) fn above(amount: &Resources, limit: &Bounds) -> Option<Resources> {
    let most = |at: usize| limit.common()[at].unwrap_or(u64::MAX);
    let mut common = *amount.common();
    common.iter_mut().enumerate().for_each(|(at, have)| *have = have.saturating_sub(most(at)));
    let custom = limit.custom().iter().map(|(name, most)| (&**name, amount.custom_milli(name).saturating_sub(*most)));
    let excess = with_scalars(common, custom);
    (!excess.is_none()).then_some(excess)
}

/// Those scalars of an amount of which `other` has any.
pub(crate) fn named_in(amount: &Resources, other: &Resources) -> Resources {
    each(amount, other, |have, other| if other > 0 { have } else { 0 })
}

fn each(one: &Resources, other: &Resources, of: impl Fn(u64, u64) -> u64) -> Resources {
    let mut common = [0; COMMON_SCALARS];
    for (at, value) in common.iter_mut().enumerate() {
        *value = of(one.common()[at], other.common()[at]);
    }
    let names = one.custom().iter().chain(other.custom()).map(|(name, _)| &**name);
    with_scalars(common, names.map(|name| (name, of(one.custom_milli(name), other.custom_milli(name)))))
}

fn with_scalars<'a>(common: [u64; COMMON_SCALARS], custom: impl Iterator<Item = (&'a str, u64)>) -> Resources {
    let scalars = Resources::none()
        .with_cpu_milli(common[0])
        .with_memory_bytes(common[1])
        .with_disk_bytes(common[2])
        .with_gpu_milli(common[3]);
    // The names come out of quantities, so that only their number can be too large.
    custom.fold(scalars, |all, (name, value)| all.clone().with_custom(name, value).unwrap_or(all))
}
