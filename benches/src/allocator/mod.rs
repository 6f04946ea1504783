//! What an allocation pass costs: Mesos' own benchmark grids, and what they leave out (filters at their worst, a tree of roles,
//! one change among thousands of roles under quota, ports in pieces).
//!
//! The measured thing is [`Allocator::pass`](meros_master_core::allocator::Allocator::pass) alone, in CPU time of its thread;
//! what a master would do besides is in [`cluster::Cluster`]. Deliberately absent: reservations, which are not built.

pub mod cluster;
pub mod decline;
pub mod filters;
pub mod goals;
pub mod measure;
pub mod multi;
pub mod ports;
pub mod quota;
pub mod report;
mod tables;
pub mod tree;
pub mod whole;

use meros_types::{Resources, Role};

/// Numbers of agents and of frameworks; a grid measures every pair.
#[derive(Clone, Debug)]
pub struct Sizes {
    /// Agents, ascending.
    pub agents: Vec<usize>,
    /// Frameworks, ascending.
    pub frameworks: Vec<usize>,
}

impl Sizes {
    /// Mesos' own.
    pub fn full() -> Self {
        Self { agents: vec![1_000, 5_000, 10_000, 20_000, 30_000, 50_000], frameworks: vec![1, 50, 200, 1_000, 3_000, 6_000] }
    }

    /// Small ones, to see that it works.
    pub fn quick() -> Self {
        Self { agents: vec![100, 200, 500, 1_000], frameworks: vec![1, 20, 50, 100, 200] }
    }

    /// Every pair, by agents.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.agents.iter().flat_map(|agents| self.frameworks.iter().map(|frameworks| (*agents, *frameworks)))
    }
}

/// Resources of a constant text.
fn amounts(text: &str) -> Resources {
    Resources::parse(text).expect("a constant that every run reads")
}

/// The role of a name that is made of letters, digits, dashes and slashes.
fn role(name: &str) -> Role {
    Role::new(name).expect("letters, digits, dashes and slashes make a role")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each checks its books and that it was offered what it must be.
    #[test]
    fn every_grid_comes_to_its_end() {
        let sizes = Sizes { agents: vec![4, 8, 12, 16], frameworks: vec![5] };
        let mut report = report::Report::default();
        decline::run(&sizes, &mut report);
        decline::run_suppressed(&sizes, &mut report);
        filters::run(&sizes, &mut report);
        quota::run(&[30], &mut report);
        tree::run(&sizes, &mut report);
        ports::run(&sizes, &mut report);
        whole::run(&[(10, 3)], &mut report);
        report.conclude();
        let everything = report.lines.iter().filter(|line| line.grid == decline::GRID && line.case == decline::UNFILTERED);
        assert!(everything.clone().count() == 4 && everything.clone().all(|line| line.offers == line.size.agents));
        assert!(!report.slopes.is_empty() && report.lines.iter().all(|line| line.passes > 0));
    }
}
