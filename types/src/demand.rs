//! What a framework wants of a role: level-triggered, versioned, and nothing until it is said.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::Resources;

/// How many shapes one demand may have.
pub const SHAPES_MAX: usize = 64;

/// The smallest offer that is useful to a framework, and how many of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// What one copy needs. Ports named here are these very ports.
    pub resources: Resources,
    /// How many further ports one copy needs, whichever they are.
    pub any_ports: u32,
    /// How many copies are wanted that are neither launched nor on offer; none means without end.
    pub copies: Option<u64>,
}

impl Shape {
    /// Whether one copy fits in `available`. The one feasibility rule: the allocator, the check of accepts and the SDK all
    /// ask it.
    pub fn fits(&self, available: &Resources) -> bool {
        self.fitting(available) > 0
    }

    /// How many copies fit in `available`, at most `copies`. Ports named in the shape can be had once.
    pub fn fitting(&self, available: &Resources) -> u64 {
        let mut most = self.copies.unwrap_or(u64::MAX).min(available.scalar_copies(&self.resources));
        if !self.resources.ports().is_empty() {
            most = most.min(u64::from(available.ports().contains_all(self.resources.ports())));
        }
        if let Some(each) = NonZeroU32::new(self.any_ports) {
            let free = available.ports().count().saturating_sub(self.resources.ports().count());
            most = most.min(u64::from(free / each));
        }
        most
    }

    /// What `copies` copies take out of `available`: just their scalars and ports, the lowest ports first.
    pub fn take(&self, available: &Resources, copies: u64) -> Resources {
        if copies == 0 {
            return Resources::none();
        }
        let named = self.resources.ports();
        let any = u64::from(self.any_ports).saturating_mul(copies);
        let others = available.ports().minus(named).lowest(u32::try_from(any).unwrap_or(u32::MAX));
        let ranges = named.ranges().iter().chain(others.ranges()).map(|range| (range.first, range.last));
        self.resources.scalars_times(copies).with_ports(crate::Ports::from_ranges(ranges))
    }
}

/// All that a framework wants of one role now. Empty: no offers, please.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// The shapes; an offer suits when it fits one of them.
    pub shapes: Vec<Shape>,
}

impl Demand {
    /// Nothing: suppressed, in Mesos' word.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Whatever there is, without end: an offer of each agent's whole remainder.
    pub fn anything() -> Self {
        Self { shapes: vec![Shape { resources: Resources::none(), any_ports: 0, copies: None }] }
    }

    /// `copies` times this much.
    pub fn of(resources: Resources, copies: u64) -> Self {
        match copies {
            0 => Self::nothing(),
            _ => Self { shapes: vec![Shape { resources, any_ports: 0, copies: Some(copies) }] },
        }
    }

    /// Whether nothing is wanted.
    pub fn is_nothing(&self) -> bool {
        self.shapes.iter().all(|shape| shape.copies == Some(0))
    }
}
