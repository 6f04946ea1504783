//! What a seed draws: the cluster, its network, what runs on it and what breaks. Each kind of fault and of misbehaviour is in or
//! out as a whole, so that scenarios differ in kind and not only in luck.

use std::fmt;
use std::time::Duration;

use meros_master_core::MasterConfig;
use meros_types::{Attributes, Exit, Ports, Resources, Role, Term};

use super::errands::Plan;
use super::operator::Decision;
use crate::{AgentSpec, Checks, Ending, OnTerminate, Outcome, Random};

const MIB: u64 = 1 << 20;

/// About how many faults strike in a safety phase, as long as that keeps within the following bounds.
const FAULTS_MEAN: u32 = 100;
/// The shortest safety phase: long enough for a few launches.
const SAFETY_MIN: Duration = Duration::from_secs(5);
/// The longest: long enough for agents to be lost, and for frameworks to be removed.
const SAFETY_MAX: Duration = Duration::from_secs(120);

/// Something that breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    AgentDies,
    AgentReboots,
    AgentStreamBreaks,
    AgentIsCutOff,
    FrameworkStreamBreaks,
    FrameworkIsCutOff,
    FrameworkDies,
    MasterCrashes,
    AgentCrashes,
    FrameworkCrashes,
    ShimDies,
    Operator(Decision),
}

const FAULTS: [FaultKind; 15] = [
    FaultKind::AgentDies,
    FaultKind::AgentReboots,
    FaultKind::AgentStreamBreaks,
    FaultKind::AgentIsCutOff,
    FaultKind::FrameworkStreamBreaks,
    FaultKind::FrameworkIsCutOff,
    FaultKind::FrameworkDies,
    FaultKind::MasterCrashes,
    FaultKind::AgentCrashes,
    FaultKind::FrameworkCrashes,
    FaultKind::ShimDies,
    FaultKind::Operator(Decision::Share),
    FaultKind::Operator(Decision::Duty),
    FaultKind::Operator(Decision::Gone),
    FaultKind::Operator(Decision::Maintain),
];

/// Where agents stand, by the word of their operator.
const RACKS: [&str; 3] = ["a", "b", "c"];

/// A whole scenario.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) agents: Vec<AgentSpec>,
    /// The roles that there are, and those around them.
    pub(super) roles: Vec<Role>,
    pub(super) frameworks: Vec<Plan>,
    pub(super) mix: Mix,
    pub(super) latency_max: Duration,
    pub(super) turn_max: Duration,
    pub(super) sync_max: Duration,
    /// How often, in a thousand, a message arrives twice.
    pub(super) doubles: u64,
    pub(super) master: MasterConfig,
    /// How long the safety phase takes.
    pub(super) safety: Duration,
    /// How long it is from one fault to the next, on average.
    pub(super) fault_every: Duration,
    pub(super) checks: Checks,
    /// The kinds of faults that there are.
    pub(super) faults: Vec<FaultKind>,
}

impl Scenario {
    pub(super) fn draw(random: &mut Random) -> Self {
        let most = if random.chance(100) { 40 } else { 6 };
        let agents: Vec<AgentSpec> = (0..random.range(1, most)).map(|_| agent(random)).collect();
        let roles = roles(random);
        let frameworks = (0..random.range(1, 4)).map(|_| Plan::draw(&agents, &roles, random)).collect();
        let fault_every = Duration::from_millis(*random.pick(&[5, 50, 500, 2_000, 10_000]).unwrap_or(&500));
        let latency_max_ms = *random.pick(&[1, 2, 20, 300]).unwrap_or(&1);
        Self {
            agents,
            roles,
            frameworks,
            mix: Mix::draw(random),
            latency_max: Duration::from_millis(latency_max_ms),
            turn_max: Duration::from_micros(*random.pick(&[1, 200, 20_000]).unwrap_or(&1)),
            sync_max: Duration::from_millis(*random.pick(&[0, 5, 500]).unwrap_or(&5)),
            doubles: if random.chance(300) { 20 } else { 0 },
            master: master(random),
            safety: (fault_every * FAULTS_MEAN).clamp(SAFETY_MIN, SAFETY_MAX),
            fault_every,
            checks: if random.chance(500) { Checks::EveryStep } else { Checks::Amortised },
            faults: FAULTS.into_iter().filter(|_| random.chance(500)).collect(),
        }
    }
}

/// At least large enough for every errand.
fn agent(random: &mut Random) -> AgentSpec {
    let resources =
        Resources::none().with_cpu_milli(random.range(2_000, 8_000)).with_memory_bytes(random.range(2_048, 8_192) * MIB);
    let resources = resources.with_ports(Ports::from_ranges([(31_000, 31_000 + random.range(3, 12) as u16)]));
    let rack = *random.pick(&RACKS).unwrap_or(&RACKS[0]);
    let attributes = Attributes::new([("rack".to_owned(), rack.to_owned())]).expect("these are attributes");
    AgentSpec { attributes, ..AgentSpec::new(resources) }
}

/// The roles of a scenario, with those around them: one for all, or a small tree.
fn roles(random: &mut Random) -> Vec<Role> {
    let names: &[&str] = if random.chance(400) { &["*"] } else { &["eng/a", "eng/b", "ops", "eng"] };
    names.iter().map(|name| Role::new(name).expect("this is a role")).collect()
}

fn master(random: &mut Random) -> MasterConfig {
    MasterConfig {
        offer_lease: Duration::from_secs(*random.pick(&[1, 5, 30]).unwrap_or(&30)),
        ephemeral_timeout: Duration::from_secs(*random.pick(&[5, 60]).unwrap_or(&60)),
        unreachable_after: Duration::from_secs(*random.pick(&[12, 30]).unwrap_or(&30)),
        ..MasterConfig::new(Term(1), 0)
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (agents, frameworks) = (self.agents.len(), self.frameworks.len());
        let errands: usize = self.frameworks.iter().map(|plan| plan.errands.len()).sum();
        write!(f, "{agents} agents, {frameworks} frameworks with {errands} errands, {:?} every {:?}", self.faults, self.fault_every)
    }
}

/// What commands do in the safety phase, as chances in a thousand; the rest run and exit with 0.
#[derive(Clone, Debug, Default)]
pub(super) struct Mix {
    fails: u64,
    signalled: u64,
    out_of_memory: u64,
    no_program: u64,
    no_container: u64,
    runs_on: u64,
    ignores_terminate: u64,
    handles_terminate: u64,
    leaves_children: u64,
    unkillable: u64,
    run_max: Duration,
}

impl Mix {
    fn draw(random: &mut Random) -> Self {
        let mut kind = |most: u64| if random.chance(400) { random.range(1, most) } else { 0 };
        Self {
            fails: kind(300),
            signalled: kind(100),
            out_of_memory: kind(200),
            no_program: kind(200),
            no_container: kind(200),
            runs_on: kind(300),
            ignores_terminate: kind(500),
            handles_terminate: kind(500),
            leaves_children: kind(500),
            unkillable: kind(300),
            run_max: Duration::from_millis(*random.pick(&[5, 1_000, 20_000]).unwrap_or(&1)),
        }
    }

    pub(super) fn outcome(&self, random: &mut Random) -> Outcome {
        let mut outcome = Outcome::exits(0, random.duration(Duration::ZERO, self.run_max));
        if random.chance(self.fails) {
            outcome.ending = Ending::Exit(Exit::Code(1));
        } else if random.chance(self.signalled) {
            outcome.ending = Ending::Exit(Exit::Signal(11));
        } else if random.chance(self.out_of_memory) {
            outcome.ending = Ending::OutOfMemory;
        } else if random.chance(self.no_program) {
            outcome.ending = Ending::NoProgram;
        } else if random.chance(self.no_container) {
            outcome.ending = Ending::NoContainer;
        } else if random.chance(self.runs_on) {
            outcome.after = Outcome::runs_for_ever().after;
        }
        if random.chance(self.ignores_terminate) {
            outcome.on_terminate = OnTerminate::Ignores;
        } else if random.chance(self.handles_terminate) {
            outcome.on_terminate = OnTerminate::Exits(0);
        }
        outcome.leaves_children = random.chance(self.leaves_children);
        if random.chance(self.unkillable) {
            outcome.unkillable = random.duration(Duration::ZERO, Duration::from_secs(20));
        }
        outcome
    }
}
