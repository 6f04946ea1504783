//! A whole cluster in virtual time. Owned: its processes, what is to happen next, and the public face of the simulator.
//!
//! ```text
//!   queue (time, sequence) ──▶ step ──▶ inbox ──▶ turn: one batch into a real core ──▶ effects ──▶ network, machines ──▶ queue
//!                                                    └──▶ oracle: what truly happened, and what must hold
//! ```
//! Absent: decisions. Those of master, agent, shim and session are made by the very code that production runs.

mod agents;
mod crash;
mod faults;
mod frameworks;
mod master;
mod operator;
mod step;
mod wait;

use std::fmt;
use std::ops::Index;
use std::time::Duration;

use meros_session::{Context, Identity, Saved, Scheduler, SessionError};
use meros_types::{ClusterState, Resources, TaskSpec, Time};

use crate::failure::Failure;
use crate::framework::{AnySession, TypedSession};
use crate::invariants::Oracle;
use crate::log::Log;
use crate::network::{Client, Network};
use crate::outcome::{Outcome, default_model};
use crate::process::{Actor, Delivery, Pace, Turns};
use crate::queue::Queue;
use crate::{AgentHandle, AgentSpec, Handle, Options, Peer, Random};
use agents::AgentProcess;
use frameworks::FrameworkProcess;
use master::MasterProcess;
use operator::Desk;

/// What decides what a task's command does.
type TaskModel = Box<dyn FnMut(&TaskSpec, &mut Random) -> Outcome>;

/// A simulated cluster: one master, and the agents and frameworks that are added to it.
pub struct Cluster {
    options: Options,
    now: Time,
    queue: Queue<Delivery>,
    network: Network,
    master: MasterProcess,
    desk: Desk,
    agents: Vec<AgentProcess>,
    frameworks: Vec<FrameworkProcess>,
    oracle: Oracle,
    log: Log,
    model: TaskModel,
    random: Randoms,
    pace: Pace,
    /// How large the cluster was when it was last checked as a whole.
    size: usize,
    counts: Counts,
    failure: Option<Failure>,
}

/// How much happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries: messages, turns, deaths, timers.
    pub events: u64,
    /// Batches that were handed to a core.
    pub turns: u64,
    /// Checks of the whole cluster.
    pub checks: u64,
}

#[derive(Debug)]
struct Randoms {
    turns: Random,
    tasks: Random,
    faults: Random,
    seeds: Random,
}

impl Cluster {
    /// A cluster with a master and nothing else. All that ever happens in it follows from the seed and the calls made here.
    pub fn seeded(seed: u64) -> Self {
        Self::new(Options::new(seed))
    }

    /// A cluster with other settings.
    pub fn new(options: Options) -> Self {
        let random = |purpose| Random::for_purpose(options.seed, purpose);
        let mut seeds = random("seeds");
        let master = MasterProcess::new(Turns::new(&mut seeds), options.master.term);
        let network = Network::new((options.latency_min, options.latency_max), options.doubles_per_mille, random("network"));
        let random = Randoms { turns: random("turns"), tasks: random("tasks"), faults: random("faults"), seeds };
        let mut cluster = Self {
            options,
            now: Time::default(),
            queue: Queue::default(),
            network,
            master,
            desk: Desk::default(),
            agents: Vec::new(),
            frameworks: Vec::new(),
            oracle: Oracle::default(),
            log: Log::default(),
            model: Box::new(default_model),
            random,
            pace: Pace::default(),
            size: 0,
            counts: Counts::default(),
            failure: None,
        };
        if let Err(kind) = cluster.begin_master() {
            cluster.fail(kind);
        }
        cluster
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.options.seed
    }

    /// The virtual time since the simulation began.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Adds `count` agents with these resources each.
    pub fn agents(&mut self, count: usize, resources: Resources) -> Vec<AgentHandle> {
        (0..count).map(|_| self.agent(AgentSpec::new(resources.clone()))).collect()
    }

    /// Adds an agent, which begins at once.
    pub fn agent(&mut self, spec: AgentSpec) -> AgentHandle {
        self.add_agent(spec)
    }

    /// Adds a framework with this name, without a key and in the role `*`. It begins at once.
    pub fn framework<S: Scheduler>(&mut self, name: &str, scheduler: S) -> Handle<S> {
        self.framework_as(Identity::new(name), scheduler)
    }

    /// Adds a framework with this identity.
    pub fn framework_as<S: Scheduler>(&mut self, identity: Identity, scheduler: S) -> Handle<S> {
        let (name, seed) = (identity.name.clone(), self.random.seeds.next_u64());
        let session = TypedSession::new(identity, seed, scheduler, Saved::default());
        Handle::new(self.add_framework(name, Box::new(session), None))
    }

    /// Adds a framework whose process comes back when it dies: made anew each time, with what its state store holds. Only one
    /// with a key is the same framework then.
    pub fn framework_from<S: Scheduler>(&mut self, identity: Identity, make: impl Fn() -> S + 'static) -> Handle<S> {
        let name = identity.name.clone();
        let make = move |seed, saved| -> Box<dyn AnySession> { Box::new(TypedSession::new(identity.clone(), seed, make(), saved)) };
        let session = make(self.random.seeds.next_u64(), Saved::default());
        Handle::new(self.add_framework(name, session, Some(Box::new(make))))
    }

    /// Says what commands do, from now on: asked once for each task, when it is started.
    pub fn tasks(&mut self, model: impl FnMut(&TaskSpec, &mut Random) -> Outcome + 'static) {
        self.model = Box::new(model);
    }

    /// Makes a call to a framework's scheduler, as the rest of its program could.
    pub fn call<S: Scheduler>(&mut self, framework: Handle<S>, call: impl FnOnce(&mut S, &mut Context) + Send + 'static) {
        let session = self.frameworks[framework.index].session.as_any_mut();
        session.downcast_mut::<TypedSession<S>>().expect("a handle has the type of its scheduler").call(call);
        self.schedule_turn(Actor::Client(Client::Framework(framework.index)));
    }

    /// How a framework's session ended; none while it goes on.
    pub fn finished<S>(&self, framework: Handle<S>) -> Option<&Result<(), SessionError>> {
        self.frameworks[framework.index].finished.as_ref()
    }

    /// The whole cluster as the real master sees it; with nothing in it while the master's process is dead.
    pub fn state(&self) -> ClusterState {
        self.master_state()
    }

    /// What happened so far, one line each. The same seed and the same calls give the same text, byte for byte.
    pub fn log(&self) -> &str {
        self.log.text()
    }

    /// How much happened so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether an agent's machine runs.
    pub fn is_up(&self, agent: AgentHandle) -> bool {
        self.agents[agent.0].core.is_some()
    }

    /// How many tasks truly live on an agent's machine now.
    pub fn live_on(&self, agent: AgentHandle) -> usize {
        self.oracle.record.machines[agent.0].lives.len()
    }

    /// An agent's machine loses power: every process on it is dead, and all that it kept in memory is lost. Whether the
    /// master notices at once or only by its silence follows from the seed.
    pub fn kill_agent(&mut self, agent: AgentHandle) {
        self.power_off(agent.0);
    }

    /// An agent's machine is powered on again, after it lost power if it ran. A new agent process begins on it.
    pub fn restart_agent(&mut self, agent: AgentHandle) {
        self.power_off(agent.0);
        self.power_on(agent.0);
    }

    /// Breaks the stream of an agent or framework: what is in flight is lost. Whether each end is told, and when, follows
    /// from the seed.
    pub fn break_stream(&mut self, peer: impl Into<Peer>) {
        self.lose_stream(peer.into().0);
    }

    /// Cuts an agent or framework off for so long: its stream is silent, and it can't connect.
    pub fn cut(&mut self, peer: impl Into<Peer>, wait: Duration) {
        self.cut_off(peer.into().0, wait);
    }

    /// The master's process dies, at once or between two effects of what it does next, and begins anew within 10 s.
    pub fn crash_master(&mut self) {
        self.doom(Actor::Master);
    }

    /// An agent's process dies likewise. The tasks on its machine run on.
    pub fn crash_agent(&mut self, agent: AgentHandle) {
        self.doom(Actor::Client(Client::Agent(agent.0)));
    }

    /// A framework's process dies likewise. It begins anew only when it was added by [`Cluster::framework_from`].
    pub fn crash_framework<S>(&mut self, framework: Handle<S>) {
        self.doom(Actor::Client(Client::Framework(framework.index)));
    }

    /// What was to die by one of these three and has not yet, lives on.
    pub fn stop_crashing(&mut self) {
        self.spare_everybody();
    }

    /// Whether a framework's process runs and its session is not over.
    pub fn is_alive<S>(&self, framework: Handle<S>) -> bool {
        self.oracle.record.frameworks[framework.index].up
    }

    /// Whether a framework's process begins anew when it dies.
    pub(crate) fn is_keyed<S>(&self, framework: Handle<S>) -> bool {
        self.frameworks[framework.index].make.is_some()
    }

    /// The shim of some container on the agent's machine is killed, if one runs there.
    pub fn kill_shim(&mut self, agent: AgentHandle) {
        self.shim_is_killed(agent.0);
    }

    /// Kills the process of a framework. It does not come back.
    pub fn kill_framework<S>(&mut self, framework: Handle<S>) {
        self.end_framework(framework.index, "is killed");
    }
}

impl<S: Scheduler> Index<Handle<S>> for Cluster {
    type Output = S;

    fn index(&self, framework: Handle<S>) -> &S {
        let session = self.frameworks[framework.index].session.as_any();
        session.downcast_ref::<TypedSession<S>>().expect("a handle has the type of its scheduler").scheduler()
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (agents, frameworks) = (self.agents.len(), self.frameworks.len());
        write!(f, "Cluster {{ seed: {}, now: {}, agents: {agents}, frameworks: {frameworks} }}", self.options.seed, self.now)
    }
}
