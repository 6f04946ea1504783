//! What a framework wants of a role: level-triggered, versioned, and nothing until it is said.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::{Constraint, OfferedAgent, Resources};

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
    /// What an agent must be like: all of them, at most [`CONSTRAINTS_MAX`](crate::CONSTRAINTS_MAX).
    pub constraints: Vec<Constraint>,
}

impl Shape {
    /// This much, on any agent, without end.
    pub const fn of(resources: Resources) -> Self {
        Self { resources, any_ports: 0, copies: None, constraints: Vec::new() }
    }

    /// The same this many times.
    #[must_use]
    pub fn copies(mut self, copies: u64) -> Self {
        self.copies = Some(copies);
        self
    }

    /// The same with so many further ports, whichever they are.
    #[must_use]
    pub fn any_ports(mut self, ports: u32) -> Self {
        self.any_ports = ports;
        self
    }

    /// The same, only on agents that are like this too.
    #[must_use]
    pub fn on(mut self, constraint: Constraint) -> Self {
        self.constraints.push(constraint);
        self
    }

    /// Whether any offer will do.
    pub fn is_anything(&self) -> bool {
        self.resources.is_none() && self.any_ports == 0
    }

    /// The first constraint that an agent doesn't meet.
    pub fn excluded_by(&self, agent: &OfferedAgent) -> Option<&Constraint> {
        self.constraints.iter().find(|constraint| !constraint.holds(agent))
    }

    /// Whether one copy fits in `available`, whatever the agent. The one feasibility rule: the allocator, the check of accepts
    /// and the SDK all ask it, and [`Shape::excluded_by`] of the agent.
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
        Self { shapes: vec![Shape::of(Resources::none())] }
    }

    /// `copies` times this much.
    pub fn of(resources: Resources, copies: u64) -> Self {
        match copies {
            0 => Self::nothing(),
            _ => Self { shapes: vec![Shape::of(resources).copies(copies)] },
        }
    }

    /// Whether nothing is wanted.
    pub fn is_nothing(&self) -> bool {
        self.shapes.iter().all(|shape| shape.copies == Some(0))
    }
}
