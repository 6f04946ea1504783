//! Whole scenarios from a seed: a safety phase in which things break, then a liveness phase in which nothing does and everything
//! must come to its end. Owned: what is drawn and the order of the phases. Absent: what must hold, which is the invariants'.

mod errands;
mod operator;
mod scenario;

use std::fmt;
use std::time::Duration;

use meros_session::Identity;
use meros_types::{Role, Time};

use crate::options::Planted;
use crate::{AgentHandle, Cluster, Counts, Failure, FailureKind, Handle, Options, Outcome, Random, divergence};
use errands::{Errands, Plan};
use scenario::{FaultKind, Scenario};

/// How long the cluster has to finish all errands once nothing breaks any more.
const ERRANDS_BOUND: Duration = Duration::from_secs(30 * 60);
/// How long it then has until all views agree: silence is noticed in 30 s, a fact repeated within 60 s.
const SETTLE_BOUND: Duration = Duration::from_secs(5 * 60);
/// By then every process that has died has begun anew.
const RESTARTED_WITHIN: Duration = Duration::from_secs(11);
/// How long a task takes in the liveness phase at the most.
const CALM_RUN_MAX: Duration = Duration::from_secs(2);

/// What to draw a scenario from.
#[derive(Clone, Copy, Debug)]
pub struct Swarm {
    seed: u64,
    planted: Option<Planted>,
}

/// What a scenario came to.
#[derive(Clone, Debug)]
pub struct SwarmReport {
    /// The seed.
    pub seed: u64,
    /// What was drawn, in words.
    pub scenario: String,
    /// How long it took in virtual time.
    pub virtual_time: Time,
    /// How much happened.
    pub counts: Counts,
    /// How many faults struck.
    pub faults: u64,
    /// The event log.
    pub log: String,
}

impl Swarm {
    /// The scenario of this seed.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, planted: None }
    }

    /// The same with a fault in the simulator itself, which some invariant must notice.
    #[doc(hidden)]
    #[must_use]
    pub fn planted(mut self, planted: Planted) -> Self {
        self.planted = Some(planted);
        self
    }

    /// Runs both phases.
    ///
    /// # Errors
    /// [`Failure`] when an invariant breaks, the real code panics, or the cluster does not converge.
    pub fn run(self) -> Result<SwarmReport, Failure> {
        let scenario = Scenario::draw(&mut Random::for_purpose(self.seed, "scenario"));
        let mut run = Run::begin(self, &scenario);
        run.safety(&scenario)?;
        run.liveness()?;
        Ok(SwarmReport {
            seed: self.seed,
            scenario: scenario.to_string(),
            virtual_time: run.cluster.now(),
            counts: run.cluster.counts(),
            faults: run.faults,
            log: run.cluster.log().to_owned(),
        })
    }
}

impl Swarm {
    /// Runs both phases, and all of it again: the second time must be like the first.
    ///
    /// # Errors
    /// Like [`Swarm::run`], and when the two logs differ.
    pub fn run_twice(self) -> Result<SwarmReport, Failure> {
        let (first, second) = (self.run()?, self.run()?);
        match divergence(&first.log, &second.log) {
            None => Ok(second),
            Some(divergence) => {
                let kind = FailureKind::NotRepeated { divergence };
                let reproduce = reproduce(self.seed);
                Err(Failure { kind, seed: self.seed, at: second.virtual_time, reproduce, log: second.log.into() })
            }
        }
    }
}

impl fmt::Display for SwarmReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, scenario, virtual_time, counts, faults, .. } = self;
        write!(f, "seed {seed}: {scenario}; {faults} faults, {} events in {virtual_time} s", counts.events)
    }
}

/// The command that runs one scenario alone.
fn reproduce(seed: u64) -> String {
    format!("cargo run --release -p meros-sim --bin soak -- --first-seed {seed} --seeds 1")
}

/// Adds a framework, which comes back when it dies if it has a key.
fn add(cluster: &mut Cluster, n: usize, plan: Plan) -> Handle<Errands> {
    let name = format!("errands-{n}");
    let identity = Identity {
        key: plan.keyed.then(|| name.clone()),
        roles: plan.roles.clone(),
        failover_timeout: plan.failover_timeout,
        preferences: plan.preferences.clone(),
        ..Identity::new(name)
    };
    match plan.keyed {
        true => cluster.framework_from(identity, move || Errands::new(plan.clone())),
        false => cluster.framework_as(identity, Errands::new(plan)),
    }
}

/// A scenario that runs.
struct Run {
    cluster: Cluster,
    agents: Vec<AgentHandle>,
    frameworks: Vec<Handle<Errands>>,
    /// The roles that an operator may change.
    roles: Vec<Role>,
    random: Random,
    faults: u64,
}

impl Run {
    fn begin(swarm: Swarm, scenario: &Scenario) -> Self {
        let options = Options {
            latency_max: scenario.latency_max,
            turn_max: scenario.turn_max,
            sync_max: scenario.sync_max,
            doubles_per_mille: scenario.doubles,
            master: scenario.master.clone(),
            checks: scenario.checks,
            planted: swarm.planted,
            reproduce: Some(reproduce(swarm.seed)),
            ..Options::new(swarm.seed)
        };
        let mut cluster = Cluster::new(options);
        let mix = scenario.mix.clone();
        cluster.tasks(move |_, random| mix.outcome(random));
        let agents = scenario.agents.iter().map(|spec| cluster.agent(spec.clone())).collect();
        let errands = scenario.frameworks.iter().enumerate();
        let frameworks = errands.map(|(n, plan)| add(&mut cluster, n, plan.clone())).collect();
        let (roles, random) = (scenario.roles.clone(), Random::for_purpose(swarm.seed, "faults of the swarm"));
        Self { cluster, agents, frameworks, roles, random, faults: 0 }
    }

    /// Things break.
    fn safety(&mut self, scenario: &Scenario) -> Result<(), Failure> {
        let end = self.cluster.now().after(scenario.safety);
        while self.cluster.now() < end {
            let wait = self.random.duration(Duration::ZERO, scenario.fault_every * 2);
            self.cluster.try_run_for(wait.min(end.since(self.cluster.now())))?;
            if let Some(kind) = self.random.pick(&scenario.faults).copied() {
                self.strike(kind);
            }
        }
        Ok(())
    }

    fn strike(&mut self, kind: FaultKind) {
        self.faults += 1;
        let Some(agent) = self.random.pick(&self.agents).copied() else { return };
        let Some(framework) = self.random.pick(&self.frameworks).copied() else { return };
        let wait = self.random.duration(Duration::from_millis(1), Duration::from_secs(60));
        match kind {
            FaultKind::AgentDies => self.cluster.kill_agent(agent),
            FaultKind::AgentReboots => self.cluster.restart_agent(agent),
            FaultKind::AgentStreamBreaks => self.cluster.break_stream(agent),
            FaultKind::AgentIsCutOff => self.cluster.cut(agent, wait),
            FaultKind::FrameworkStreamBreaks => self.cluster.break_stream(framework),
            FaultKind::FrameworkIsCutOff => self.cluster.cut(framework, wait),
            // One with a key would leave its tasks for a week.
            FaultKind::FrameworkDies if self.frameworks.len() > 1 && !self.cluster.is_keyed(framework) => {
                self.cluster.kill_framework(framework);
                self.frameworks.retain(|other| other.index != framework.index);
            }
            FaultKind::FrameworkDies => {}
            FaultKind::MasterCrashes => self.cluster.crash_master(),
            FaultKind::AgentCrashes => self.cluster.crash_agent(agent),
            FaultKind::FrameworkCrashes if self.cluster.is_keyed(framework) => self.cluster.crash_framework(framework),
            FaultKind::FrameworkCrashes => {}
            FaultKind::ShimDies => self.cluster.kill_shim(agent),
            FaultKind::Operator(decision) => self.operate(decision, agent),
        }
    }

    /// Nothing breaks any more, and every command behaves.
    fn liveness(&mut self) -> Result<(), Failure> {
        self.cluster.stop_crashing();
        self.cluster.try_run_for(RESTARTED_WITHIN)?;
        self.cluster.tasks(|_, random| Outcome::exits(0, random.duration(Duration::ZERO, CALM_RUN_MAX)));
        self.restore()?;
        for framework in &self.frameworks {
            self.cluster.call(*framework, Errands::calm_down);
        }
        let frameworks = self.frameworks.clone();
        let late = self.cluster.now().after(ERRANDS_BOUND);
        // One that was away for longer than its failover timeout is removed, rightly.
        let is_over = |cluster: &Cluster, it: Handle<Errands>| {
            (cluster[it].is_done() && cluster.is_alive(it)) || cluster.finished(it).is_some()
        };
        self.cluster.try_run_until(|cluster| frameworks.iter().all(|it| is_over(cluster, *it)) || cluster.now() > late)?;
        if let Some(unfinished) = frameworks.iter().find(|it| !is_over(&self.cluster, **it)) {
            let left = self.cluster[*unfinished].left();
            return Err(self.cluster.not_converged(format!("framework-{} still has {left} errands", unfinished.index)));
        }
        self.cluster.try_settle(SETTLE_BOUND)
    }
}
