//! An agent's shell, simulated: one stream to the master, and a machine.

use meros_agent_core::shim::Kill;
use meros_agent_core::{Agent, AgentConfig, ContainerPlan, Effect, Event};
use meros_types::{AgentOrder, AgentSecret, ContainerId, Launch, LaunchId, TaskSpec};

use super::Cluster;
use crate::AgentSpec;
use crate::failure::FailureKind;
use crate::handle::AgentHandle;
use crate::machine::{Happening, Machine, Step, Truth};
use crate::network::{Client, Side, Transit};
use crate::options::Checks;
use crate::process::{Actor, Delivery, Pace, Turns, guard};
use crate::truth::{MachineTruth, Seen};
use crate::wire::Payload;

/// How many launches that were ordered and not started are remembered; an agent refuses few.
const ORDERED_MAX: usize = 4_096;

/// An agent's process and its machine.
#[derive(Debug)]
pub(super) struct AgentProcess {
    pub(super) hostname: String,
    pub(super) spec: AgentSpec,
    /// None while the machine has no power.
    pub(super) core: Option<Agent>,
    pub(super) inbox: Vec<Event>,
    pub(super) turns: Turns,
    pub(super) stream: Option<u64>,
    pub(super) machine: Machine,
    /// Launches that the agent has taken in and not started: which of them a start belongs to is the simulator's to know.
    pub(super) ordered: Vec<(LaunchId, TaskSpec)>,
    pace: Pace,
}

impl Cluster {
    pub(super) fn add_agent(&mut self, spec: AgentSpec) -> AgentHandle {
        let index = self.agents.len();
        let seeds = &mut self.random.seeds;
        self.oracle.record.machines.push(MachineTruth::new(spec.resources.clone()));
        self.agents.push(AgentProcess {
            hostname: spec.hostname.clone().unwrap_or_else(|| format!("agent-{index}")),
            spec,
            core: None,
            inbox: Vec::new(),
            turns: Turns::new(seeds),
            stream: None,
            machine: Machine::new(crate::Random::seeded(seeds.next_u64()), self.options.planted),
            ordered: Vec::new(),
            pace: Pace::default(),
        });
        self.power_on(index);
        AgentHandle(index)
    }

    /// A new agent process begins.
    pub(super) fn power_on(&mut self, index: usize) {
        let seeds = &mut self.random.seeds;
        let agent = &mut self.agents[index];
        let secret = AgentSecret::from_bytes(u128::from(seeds.next_u64()).to_be_bytes());
        let config = AgentConfig {
            attributes: agent.spec.attributes.clone(),
            ..AgentConfig::new(seeds.next_u64(), secret, agent.hostname.clone(), agent.spec.resources.clone())
        };
        agent.turns.next_life(seeds);
        agent.core = Some(Agent::new(config));
        agent.inbox = vec![Event::Began];
        self.oracle.record.machines[index].up = true;
        self.schedule_turn(Actor::Client(Client::Agent(index)));
    }

    pub(super) fn agent_turn(&mut self, index: usize) -> Result<usize, FailureKind> {
        let batch = std::mem::take(&mut self.agents[index].inbox);
        let events = batch.len();
        for event in &batch {
            self.take_note(index, event)?;
        }
        let every_step = self.options.checks == Checks::EveryStep;
        let AgentProcess { hostname, core, turns, machine, pace, .. } = &mut self.agents[index];
        let Some(core) = core else { return Ok(0) };
        let now = turns.clock.now(self.now);
        let effects = guard(&*hostname, || {
            let mut effects = Vec::new();
            for event in batch {
                core.handle(now, event, &mut effects);
            }
            core.flush(now, &mut effects);
            if every_step || pace.is_due(machine.len()) {
                core.check();
            }
            effects
        })?;
        let wakeup = core.wakeup();
        for effect in effects {
            self.perform_agent(index, effect)?;
        }
        self.await_wakeup(Actor::Client(Client::Agent(index)), wakeup);
        Ok(events)
    }

    /// The oracle sees what an agent takes in, and remembers launches until they start.
    fn take_note(&mut self, index: usize, event: &Event) -> Result<(), FailureKind> {
        let Event::Received(message) = event else { return Ok(()) };
        self.oracle.see(&Seen::AgentTook(index, message))?;
        if let AgentOrder::Launch(launch) = &message.order {
            let Launch { launch, task, .. } = &**launch;
            let ordered = &mut self.agents[index].ordered;
            ordered.push((*launch, task.clone()));
            if ordered.len() > ORDERED_MAX {
                ordered.remove(0);
            }
        }
        Ok(())
    }

    fn perform_agent(&mut self, index: usize, effect: Effect) -> Result<(), FailureKind> {
        let client = Client::Agent(index);
        match effect {
            Effect::Connect => {
                self.close_at_agent(index);
                let stream = self.network.connect(self.now, client, &mut self.queue);
                self.agents[index].stream = Some(stream);
            }
            Effect::Send(message) => {
                if let Some(stream) = self.agents[index].stream {
                    self.send(stream, Side::Client, client, Payload::FromAgent(*message))?;
                }
            }
            Effect::Start(plan) => self.start(index, &plan),
            Effect::Terminate(container) => self.kill(index, container, Kill::Terminate),
            Effect::Destroy(container) => self.kill(index, container, Kill::Destroy),
            // There are no directories and no output.
            Effect::Remove(_) | Effect::ServeLog { .. } => {}
            Effect::Exit(reason) => {
                self.note(Actor::Client(client), format_args!("exits: {reason}"));
                self.power_off(index);
            }
        }
        Ok(())
    }

    fn start(&mut self, index: usize, plan: &ContainerPlan) {
        let agent = &mut self.agents[index];
        let is_it = |spec: &TaskSpec| spec.id == plan.task && spec.command == plan.command && spec.limits() == plan.limits;
        let found = agent.ordered.iter().position(|(_, spec)| is_it(spec)).map(|at| agent.ordered.remove(at));
        let spec = found.as_ref().map(|(_, spec)| spec.clone());
        let spec = spec.unwrap_or_else(|| TaskSpec::new(plan.task.clone(), plan.command.clone(), Default::default()));
        let outcome = (self.model)(&spec, &mut self.random.tasks);
        let step = self.agents[index].machine.start(plan, found.map(|(launch, _)| launch), outcome);
        self.schedule_step(index, plan.container, step);
    }

    fn kill(&mut self, index: usize, container: ContainerId, kill: Kill) {
        let step = self.agents[index].machine.kill(kill);
        self.schedule_step(index, container, step);
    }

    fn schedule_step(&mut self, index: usize, container: ContainerId, step: Step) {
        if let Step::Later(wait, happening) = step {
            let life = self.agents[index].turns.life;
            self.queue.push(self.now.after(wait), Delivery::Machine(index, life, container, Box::new(happening)));
        }
    }

    /// Something happens to a container.
    pub(super) fn happen(
        &mut self,
        index: usize,
        life: u32,
        container: ContainerId,
        happening: Happening,
    ) -> Result<(), FailureKind> {
        let agent = &mut self.agents[index];
        if agent.turns.life != life {
            return Ok(());
        }
        let now = agent.turns.clock.now(self.now);
        let (machine, hostname) = (&mut agent.machine, &agent.hostname);
        let steps = guard(format_args!("a shim on {hostname}"), || {
            let mut steps = Vec::new();
            machine.happen(now, container, happening, &mut steps);
            steps
        })?;
        for step in steps {
            match step {
                Step::Tell(event) => {
                    self.agents[index].inbox.push(event);
                    self.schedule_turn(Actor::Client(Client::Agent(index)));
                }
                Step::Truth(truth) => self.see_truth(index, truth)?,
                Step::Later(wait, happening) => self.schedule_step(index, container, Step::Later(wait, happening)),
            }
        }
        Ok(())
    }

    pub(super) fn see_truth(&mut self, index: usize, truth: Truth) -> Result<(), FailureKind> {
        let show = |launch: Option<LaunchId>| launch.map_or_else(|| "?".to_owned(), |launch| launch.to_string());
        let (seen, launch, what) = match truth {
            Truth::Began(launch) => (Seen::Began(index, launch), launch, "begins"),
            Truth::Emptied(launch) => (Seen::Emptied(index, launch), launch, "has no process any more"),
        };
        self.note(Actor::Client(Client::Agent(index)), format_args!("launch {} {what}", show(launch)));
        Ok(self.oracle.see(&seen)?)
    }

    pub(super) fn close_at_agent(&mut self, index: usize) {
        if let Some(stream) = self.agents[index].stream.take() {
            self.network.close(self.now, stream, Side::Client, &mut self.queue);
        }
        let of_stream = |event: &Event| matches!(event, Event::Connected | Event::Disconnected { .. } | Event::Received(_));
        self.agents[index].inbox.retain(|event| !of_stream(event));
    }

    pub(super) fn bring_to_agent(&mut self, index: usize, stream: u64, transit: Transit) {
        let agent = &mut self.agents[index];
        if agent.stream != Some(stream) {
            return;
        }
        agent.inbox.push(match transit {
            Transit::Opens => Event::Connected,
            Transit::Arrives(_, message) => match message.payload {
                Payload::ToAgent(message) => Event::Received(Box::new(message)),
                _ => unreachable!("an agent's stream carries nothing else to it"),
            },
            Transit::Closes(_, why) => {
                agent.stream = None;
                Event::Disconnected { reason: why.to_owned() }
            }
        });
    }
}
