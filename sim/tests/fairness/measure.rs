//! Shares, and how fair they are.
//!
//! A share is a dominant share: the largest part that a framework or role has of any scalar of the cluster, offers and tasks
//! together, as the allocator counts it. What is compared are siblings: the roles directly under one parent by share / weight, the share
//! of a role being that of all below it; and the frameworks of one role by their shares.

use std::collections::BTreeMap;

use meros_types::{ClusterState, Resources, Role};

/// Jain's index: 1 when all are equal, 1/n when one has everything.
pub(crate) fn jain(values: &[f64]) -> f64 {
    let (sum, squares) = values.iter().fold((0.0, 0.0), |(sum, squares), value| (sum + value, squares + value * value));
    if squares == 0.0 { 1.0 } else { sum * sum / (values.len() as f64 * squares) }
}

/// Cores and memory.
type Amount = [u64; 2];

fn amount(resources: &Resources) -> Amount {
    [resources.cpu_milli(), resources.memory_bytes()]
}

/// What each framework has, added up over the looks that were taken at it.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    looks: u32,
    frameworks: BTreeMap<(Role, String), f64>,
    roles: BTreeMap<Role, f64>,
}

impl Shares {
    /// Takes a look.
    pub(crate) fn look(&mut self, state: &ClusterState) {
        let total = sum(state.agents.iter().map(|agent| amount(&agent.total)));
        let mut roles: BTreeMap<Role, Amount> = BTreeMap::new();
        for framework in &state.frameworks {
            let (role, had) = (&framework.roles[0], amount(&framework.allocated));
            *self.frameworks.entry((role.clone(), framework.name.clone())).or_default() += dominant(had, total);
            for role in std::iter::successors(Some(role.clone()), Role::parent) {
                let all = roles.entry(role).or_default();
                *all = sum([*all, had]);
            }
        }
        for (role, had) in roles {
            *self.roles.entry(role).or_default() += dominant(had, total);
        }
        self.looks += 1;
    }

    /// What a role had on average, with all below it.
    pub(crate) fn of_role(&self, role: &str) -> f64 {
        let sum = self.roles.iter().find(|(known, _)| known.as_str() == role).map_or(0.0, |(_, sum)| *sum);
        sum / f64::from(self.looks.max(1))
    }

    /// What a role's frameworks had on average.
    pub(crate) fn within(&self, role: &str) -> Vec<f64> {
        let own = self.frameworks.iter().filter(|((known, _), _)| known.as_str() == role);
        own.map(|(_, sum)| sum / f64::from(self.looks.max(1))).collect()
    }
}

fn sum(amounts: impl IntoIterator<Item = Amount>) -> Amount {
    amounts.into_iter().fold([0, 0], |[cpu, memory], [more_cpu, more_memory]| [cpu + more_cpu, memory + more_memory])
}

fn dominant(had: Amount, total: Amount) -> f64 {
    let parts = had.iter().zip(total).map(|(had, total)| *had as f64 / total.max(1) as f64);
    parts.fold(0.0, f64::max)
}

#[test]
fn the_index_tells_equal_from_unequal() {
    assert!((jain(&[0.2, 0.2, 0.2]) - 1.0).abs() < 1e-9);
    assert!((jain(&[1.0, 0.0, 0.0, 0.0]) - 0.25).abs() < 1e-9);
}
