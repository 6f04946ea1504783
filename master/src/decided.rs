//! What operators decide about, as figures for `/metrics`: how roles share, and which agents are on duty.

use meros_daemon::metrics::{Label, Sample, gauge, gauges};
use meros_types::{Bounds, COMMON_NAMES, ClusterState, Duty, Resources, RoleState};

/// How many roles have figures of their own: frameworks choose their roles, so that their number is not ours to bound. Those that
/// an operator has settings for go first.
const ROLES_MAX: usize = 1_000;

/// The common scalars that are counted in bytes; the others are in thousandths.
const BYTES: [&str; 2] = ["mem", "disk"];

/// The figures, from one state.
#[derive(Debug)]
pub(crate) struct Decided {
    roles: Vec<RoleState>,
    role_count: u64,
    agents: Vec<(&'static str, u64)>,
}

impl Decided {
    pub(crate) fn of(state: &ClusterState) -> Self {
        let mut roles: Vec<&RoleState> = state.roles.iter().collect();
        roles.sort_by_key(|role| role.settings == Default::default());
        let roles = roles.into_iter().take(ROLES_MAX).cloned().collect();
        let count = |is: fn(Duty, bool) -> bool| state.agents.iter().filter(|agent| is(agent.duty, agent.drained)).count() as u64;
        let agents = vec![
            ("ACTIVE", count(|duty, _| duty == Duty::Active)),
            ("DEACTIVATED", count(|duty, _| duty == Duty::Deactivated)),
            ("DRAINING", count(|duty, drained| matches!(duty, Duty::Draining(_)) && !drained)),
            ("DRAINED", count(|duty, drained| matches!(duty, Duty::Draining(_)) && drained)),
        ];
        Self { roles, role_count: state.roles.len() as u64, agents }
    }

    pub(crate) fn samples(&self) -> Vec<Sample> {
        let agents = self.agents.iter().map(|(duty, count)| (vec![("duty", (*duty).to_owned())], *count as f64));
        let share = self.roles.iter().map(|role| (vec![of_role(role)], role.share_millionths as f64 / 1_000_000.0));
        let by_resource = |amounts: fn(&RoleState) -> Vec<(String, f64)>| {
            let labelled = |role: &RoleState| {
                let label = of_role(role);
                amounts(role).into_iter().map(move |(name, amount)| (vec![label.clone(), ("resource", name)], amount))
            };
            self.roles.iter().flat_map(labelled).collect::<Vec<_>>()
        };
        let with_figures = vec![
            gauges("meros_master_agents_by_duty", "Agents, by whether they may be offered.", agents.collect()),
            gauges(
                "meros_master_role_share_ratio",
                "A role's dominant share of the cluster divided by its weight.",
                share.collect(),
            ),
            gauges(
                "meros_master_role_allocated",
                "What a role has in offers and tasks, in bytes or units.",
                by_resource(|role| amounts(&role.allocated)),
            ),
            gauges(
                "meros_master_role_limit",
                "The most that a role may have, in bytes or units; what is not here has no limit.",
                by_resource(|role| limits(&role.settings.limit)),
            ),
            gauges(
                "meros_master_role_unmet_guarantee",
                "What of a role's guarantee it does not have, in bytes or units.",
                by_resource(|role| amounts(&role.unmet)),
            ),
        ];
        let count = gauge("meros_master_roles", "Roles that are known; the first thousand have figures.", self.role_count);
        with_figures.into_iter().chain([count]).collect()
    }
}

fn of_role(role: &RoleState) -> Label {
    ("role", role.role.to_string())
}

/// What there is of each scalar.
fn amounts(resources: &Resources) -> Vec<(String, f64)> {
    let common = COMMON_NAMES.iter().zip(resources.common()).filter(|(_, amount)| **amount > 0);
    let common = common.map(|(name, amount)| ((*name).to_owned(), in_units(name, *amount)));
    let custom = resources.custom().iter().map(|(name, milli)| (name.to_string(), in_units(name, *milli)));
    common.chain(custom).collect()
}

/// The limit of each scalar that has one, zero included.
fn limits(bounds: &Bounds) -> Vec<(String, f64)> {
    let common =
        COMMON_NAMES.iter().zip(bounds.common()).filter_map(|(name, most)| Some(((*name).to_owned(), in_units(name, (*most)?))));
    let custom = bounds.custom().iter().map(|(name, milli)| (name.to_string(), in_units(name, *milli)));
    common.chain(custom).collect()
}

fn in_units(name: &str, amount: u64) -> f64 {
    if BYTES.contains(&name) { amount as f64 } else { amount as f64 / 1_000.0 }
}

#[cfg(test)]
mod tests {
    use meros_types::{Role, RoleSettings};

    use super::*;

    fn role(name: &str, limit: &str) -> RoleState {
        let limit = Bounds::parse(limit).unwrap();
        RoleState {
            role: Role::new(name).unwrap(),
            settings: RoleSettings { limit, ..RoleSettings::default() },
            allocated: Resources::parse("cpus:1.5;mem:1GiB;a:2").unwrap(),
            consumed: Resources::none(),
            unmet: Resources::parse("gpus:1").unwrap(),
            share_millionths: 250_000,
            frameworks: 1,
        }
    }

    #[test]
    fn each_figure_has_its_role_and_resource() {
        let state = ClusterState { roles: vec![role("eng", "cpus:0;disk:1GiB")], ..ClusterState::default() };
        let page = meros_daemon::metrics::page(Decided::of(&state).samples()).unwrap();
        for line in [
            "meros_master_agents_by_duty{duty=\"ACTIVE\"} 0.0",
            "meros_master_role_share_ratio{role=\"eng\"} 0.25",
            "meros_master_role_allocated{role=\"eng\",resource=\"cpus\"} 1.5",
            "meros_master_role_allocated{role=\"eng\",resource=\"mem\"} 1073741824.0",
            "meros_master_role_allocated{role=\"eng\",resource=\"a\"} 2.0",
            "meros_master_role_limit{role=\"eng\",resource=\"cpus\"} 0.0",
            "meros_master_role_limit{role=\"eng\",resource=\"disk\"} 1073741824.0",
            "meros_master_role_unmet_guarantee{role=\"eng\",resource=\"gpus\"} 1.0",
            "meros_master_roles 1.0",
        ] {
            assert!(page.lines().any(|one| one == line), "no {line} in:\n{page}");
        }
    }

    #[test]
    fn of_very_many_roles_those_with_settings_are_shown() {
        let mut roles: Vec<RoleState> = (0..ROLES_MAX).map(|n| role(&format!("r{n}"), "")).collect();
        roles.push(role("limited", "cpus:1"));
        let decided = Decided::of(&ClusterState { roles, ..ClusterState::default() });
        assert_eq!((decided.roles.len(), decided.role_count), (ROLES_MAX, ROLES_MAX as u64 + 1));
        assert_eq!(decided.roles[0].role.as_str(), "limited");
    }
}
