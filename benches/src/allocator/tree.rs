//! DeclineOffers in a tree of roles, three levels deep.

use meros_types::{Demand, Role, RoleSettings};

use super::decline::{takers, unfiltered};
use super::report::Report;
use super::{Sizes, role};

/// The name of the grid.
pub const GRID: &str = "RoleTree";
/// Its pass.
pub const CASE: &str = "everything again";
/// How many roles each role has below it, at each of the levels.
const CHILDREN: usize = 10;
/// Weights go from 1 to this.
const WEIGHTS: usize = 3;

/// Every size, in ten roles of ten roles of ten roles each, as many of them as there are frameworks for.
pub fn run(sizes: &Sizes, report: &mut Report) {
    for (agents, frameworks) in sizes.pairs().filter(|(_, frameworks)| *frameworks > 1) {
        let mut cluster = takers(agents, frameworks, leaf, |_| Demand::anything());
        for framework in 0..frameworks.min(CHILDREN.pow(3)) {
            let weight = u32::try_from(framework % WEIGHTS).unwrap_or(0) + 1;
            let leaf = leaf(framework);
            let around = leaf.parent().into_iter().chain([leaf]);
            around.for_each(|role| cluster.set_role(&role, RoleSettings { weight, ..RoleSettings::default() }));
        }
        unfiltered(&mut cluster, GRID, CASE, report);
        cluster.check();
    }
}

fn leaf(framework: usize) -> Role {
    let (top, middle, last) = (framework % CHILDREN, framework / CHILDREN % CHILDREN, framework / CHILDREN.pow(2) % CHILDREN);
    role(&format!("division-{top}/team-{middle}/service-{last}"))
}
