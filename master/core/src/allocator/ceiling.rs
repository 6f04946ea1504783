//! How much somebody may have: what limits leave, and what guarantees of others leave.

use meros_types::{Bounds, Resources, Shape};

use super::floor::{Amounts, Floor};
use super::sum::{Sum, quantity};

/// For everybody below one branch. Without bounds everything may be had.
#[derive(Clone, Debug, Default)]
pub(super) struct Ceiling {
    /// The least that is left of any limit on the path.
    pub(super) limit: Bounds,
    /// What is free and not kept back for others.
    pub(super) slack: Bounds,
}

impl Ceiling {
    pub(super) fn is_open(&self) -> bool {
        self.limit.is_none() && self.slack.is_none()
    }

    /// How much of one agent's free resources may be had: `free`, cut.
    pub(super) fn cut(&self, free: Resources) -> Resources {
        cut(&self.slack, cut(&self.limit, free))
    }

    /// How many copies may be had.
    pub(super) fn copies(&self, shape: &Shape) -> u64 {
        copies(&self.limit, &shape.resources).min(copies(&self.slack, &shape.resources))
    }

    /// Whether it leaves this much.
    pub(super) fn leaves(&self, resources: &Resources) -> bool {
        copies(&self.limit, resources) > 0 && copies(&self.slack, resources) > 0
    }

    /// Whether anything of `free` may be had.
    pub(super) fn leaves_any(&self, free: &Resources) -> bool {
        let is_left = |at: usize| [&self.limit, &self.slack].iter().all(|bounds| bounds.common()[at] != Some(0));
        let is_left_custom = |name: &str| {
            let zero = |bounds: &Bounds| bounds.custom().iter().any(|(known, most)| **known == *name && *most == 0);
            !zero(&self.limit) && !zero(&self.slack)
        };
        !free.ports().is_empty()
            || free.common().iter().enumerate().any(|(at, amount)| *amount > 0 && is_left(at))
            || free.custom().iter().any(|(name, _)| is_left_custom(name))
    }

    /// Whether it leaves enough for one alternative of a floor.
    pub(super) fn meets(&self, floor: &Floor) -> bool {
        floor.met_by(&room(&self.limit.stricter(&self.slack)))
    }
}

/// How many times the bounds contain this.
pub(super) fn copies(bounds: &Bounds, unit: &Resources) -> u64 {
    let common = bounds.common().iter().zip(unit.common());
    let common = common.filter_map(|(most, each)| most.and_then(|most| most.checked_div(*each)));
    let custom = bounds.custom().iter().filter_map(|(name, most)| most.checked_div(unit.custom_milli(name)));
    common.chain(custom).min().unwrap_or(u64::MAX)
}

/// What the bounds leave of the common scalars.
pub(super) fn room(bounds: &Bounds) -> Amounts {
    let [cpu, memory, disk, gpu] = bounds.common().map(|most| most.unwrap_or(u64::MAX));
    [cpu, memory, disk, gpu, u64::MAX]
}

fn cut(bounds: &Bounds, resources: Resources) -> Resources {
    if bounds.is_none() {
        return resources;
    }
    let most = |at: usize| resources.common()[at].min(bounds.common()[at].unwrap_or(u64::MAX));
    let [cpu, memory, disk, gpu] = std::array::from_fn(most);
    let common = resources.with_cpu_milli(cpu).with_memory_bytes(memory).with_disk_bytes(disk).with_gpu_milli(gpu);
    bounds.custom().iter().fold(common, |cut, (name, most)| {
        let left = cut.custom_milli(name).min(*most);
        match cut.custom_milli(name) {
            0 => cut,
            _ => cut.with_custom(name, left).expect("a name that is there already is a good one"),
        }
    })
}

/// The bounds that leave this much of each scalar that `kept` has some of.
pub(super) fn leaving(slack: &Sum, kept: &Sum) -> Bounds {
    let common = kept.common.iter().zip(slack.common).enumerate().filter(|(_, (kept, _))| **kept > 0);
    let common = common.fold(Bounds::none(), |all, (at, (_, slack))| all.with_common(at, Some(quantity(slack))));
    kept.custom.keys().fold(common, |all, name| all.with_custom(name, quantity(slack.custom_milli(name))))
}
