//! The cluster of these tests: agents, roles with weights at two levels, and who runs in them.

use std::time::Duration;

use meros_session::Identity;
use meros_sim::{Cluster, Failure, Handle, Options, Outcome};
use meros_types::{Resources, Role};

use crate::player::{Habit, Player};

/// How many seeds each claim is tried with.
const SEEDS: u64 = 20;
/// Runs one seed alone.
const SEED_VARIABLE: &str = "FAIRNESS_SEED";
/// The roles with their weights. The bad ones have a role of their own, beside the others.
const WEIGHTS: [(&str, u32); 5] = [("eng", 4), ("ops", 2), ("eng/a", 3), ("eng/b", 1), ("bad", 1)];
/// How often the process of a flapping one crashes.
const CRASH_EVERY: Duration = Duration::from_secs(7);

/// A running cluster.
pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    flapping: Vec<Handle<Player>>,
    until_crash: Duration,
}

impl Scene {
    /// Agents with nothing on them yet. Tasks run for a time within these bounds.
    pub(crate) fn new(seed: u64, test: &str, agents: usize, runs: (Duration, Duration)) -> Self {
        let mut options = Options::new(seed);
        options.master.weights = WEIGHTS.map(|(name, weight)| (role(name), weight)).into();
        options.reproduce = Some(reproduce(seed, test));
        let mut cluster = Cluster::new(options);
        cluster.agents(agents, resources("cpus:8;mem:8GiB"));
        cluster.tasks(move |_, random| Outcome::exits(0, random.duration(runs.0, runs.1)));
        Self { cluster, flapping: Vec::new(), until_crash: CRASH_EVERY }
    }

    /// Adds a framework. One that flaps comes back when its process dies.
    pub(crate) fn add(&mut self, in_role: &str, habit: Habit, unit: &str) -> Handle<Player> {
        let unit = resources(unit);
        let name = format!("{}-{habit:?}-{}", in_role.replace('/', "-"), self.cluster.state().frameworks.len());
        let identity = Identity { roles: vec![role(in_role)], ..Identity::new(name.to_lowercase()) };
        if habit != Habit::Flapping {
            return self.cluster.framework_as(identity, Player::new(habit, unit));
        }
        let identity = Identity { key: Some(identity.name.clone()), ..identity };
        let flapping = self.cluster.framework_from(identity, move || Player::new(habit, unit.clone()));
        self.flapping.push(flapping);
        flapping
    }

    /// Adds one framework of each of these habits.
    pub(crate) fn add_all(&mut self, in_role: &str, habits: &[Habit], unit: &str) {
        for habit in habits {
            self.add(in_role, *habit, unit);
        }
    }

    /// Lets so many seconds pass.
    pub(crate) fn seconds(&mut self, count: u32) -> Result<(), String> {
        (0..count).try_for_each(|_| self.second()).map_err(|failure| failure.to_string())
    }

    /// Lets a second pass.
    pub(crate) fn second(&mut self) -> Result<(), Failure> {
        let second = Duration::from_secs(1);
        self.until_crash = self.until_crash.saturating_sub(second);
        if self.until_crash.is_zero() {
            self.until_crash = CRASH_EVERY;
            for flapping in self.flapping.clone() {
                self.cluster.crash_framework(flapping);
            }
        }
        self.cluster.try_run_for(second)
    }
}

pub(crate) fn role(name: &str) -> Role {
    Role::new(name).expect("this is a role")
}

pub(crate) fn resources(text: &str) -> Resources {
    Resources::parse(text).expect("these are resources")
}

/// What a role's share is divided by.
pub(crate) fn weight(role: &str) -> f64 {
    WEIGHTS.iter().find(|(name, _)| *name == role).map_or(1.0, |(_, weight)| f64::from(*weight))
}

fn reproduce(seed: u64, test: &str) -> String {
    format!("{SEED_VARIABLE}={seed} cargo test -p meros-sim --test fairness {test}")
}

/// Tries something with many seeds, or with the one that is asked for. Whatever is wrong is shown with its seed, and how to see it
/// again.
#[track_caller]
#[expect(clippy::print_stdout, reason = "the figures of each seed, for who asks for them")]
pub(crate) fn try_seeds(test: &str, attempt: impl Fn(u64) -> Result<String, String>) {
    let asked = std::env::var(SEED_VARIABLE).ok().and_then(|seed| seed.parse().ok());
    let seeds = asked.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    let results: Vec<(u64, Result<String, String>)> = seeds.map(|seed| (seed, attempt(seed))).collect();
    for (seed, result) in &results {
        println!("seed {seed}: {}", result.as_ref().unwrap_or_else(|wrong| wrong));
    }
    if let Some((seed, Err(wrong))) = results.iter().find(|(_, result)| result.is_err()) {
        panic!("seed {seed}: {wrong}\nreproduce: {}", reproduce(*seed, test));
    }
}
