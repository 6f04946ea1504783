//! An agent's shell, simulated: one stream to the master, a machine, and the log on its disk.

use meros_agent_core::shim::Kill;
use meros_agent_core::{Agent, AgentConfig, ContainerPlan, Effect, Event};
use meros_types::{AgentOrder, AgentSecret, BootId, ContainerId, Launch, LaunchId, TaskSpec};

use super::Cluster;
use crate::disk::{AgentLog, Disk, LogWrite};
use crate::failure::FailureKind;
use crate::handle::AgentHandle;
use crate::machine::{Happening, Machine, Step, Truth};
use crate::network::{Client, Side, Transit};
use crate::options::{Checks, Planted};
use crate::process::{Actor, Delivery, DiskDone, Pace, Turns, guard};
use crate::truth::{MachineTruth, Seen};
use crate::wire::Payload;
use crate::{AgentSpec, Random};

/// How many launches that were ordered and not started are remembered; an agent refuses few.
const ORDERED_MAX: usize = 4_096;

/// An agent's process and its machine.
#[derive(Debug)]
pub(super) struct AgentProcess {
    pub(super) hostname: String,
    pub(super) spec: AgentSpec,
    /// None while its process is dead.
    pub(super) core: Option<Agent>,
    pub(super) doomed: bool,
    /// Counts the times that its machine was powered on.
    pub(super) power: u32,
    secret: AgentSecret,
    pub(super) log: Disk<AgentLog>,
    /// The number of the newest record.
    appended: u64,
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
        let secret = new_secret(seeds);
        self.oracle.record.machines.push(MachineTruth::new(spec.resources.clone()));
        self.agents.push(AgentProcess {
            hostname: spec.hostname.clone().unwrap_or_else(|| format!("agent-{index}")),
            spec,
            core: None,
            doomed: false,
            power: 0,
            secret,
            log: Disk::default(),
            appended: 0,
            inbox: Vec::new(),
            turns: Turns::new(seeds),
            stream: None,
            machine: Machine::new(Random::seeded(seeds.next_u64()), self.options.planted),
            ordered: Vec::new(),
            pace: Pace::default(),
        });
        self.power_on(index);
        AgentHandle(index)
    }

    /// The machine has power, and an agent's process begins on it.
    pub(super) fn power_on(&mut self, index: usize) {
        let agent = &mut self.agents[index];
        agent.power += 1;
        agent.turns.next_life(&mut self.random.seeds);
        self.oracle.record.machines[index].up = true;
        let life = agent.turns.life;
        self.queue.push(self.now, Delivery::Restarts(Actor::Client(Client::Agent(index)), life));
    }

    /// A new agent process begins: it reads its log, and looks at what the one before left running.
    pub(super) fn begin_agent(&mut self, index: usize) -> Result<(), FailureKind> {
        let agent = &mut self.agents[index];
        let (spec, hostname) = (&agent.spec, agent.hostname.clone());
        let seed = self.random.seeds.next_u64();
        let config = AgentConfig {
            attributes: spec.attributes.clone(),
            ..AgentConfig::new(seed, agent.secret, hostname.clone(), spec.resources.clone())
        };
        let (boot, records) = (BootId::new(format!("{index}-{}", agent.power)), agent.log.read().0.clone());
        let core = guard(&hostname, || Agent::recovered(config, boot, records).expect("its configuration is as it was"))?;
        let now = agent.turns.clock.now(self.now);
        let mut steps = Vec::new();
        let found = agent.machine.adopt(&core.remembered(), &mut steps);
        agent.appended = 0;
        agent.core = Some(core);
        agent.inbox = vec![Event::Began { found }];
        self.note(Actor::Client(Client::Agent(index)), format_args!("begins at {}", now.mono));
        self.oracle.record.agent_began(index, &self.agents[index].log.read().0);
        for (_, step) in steps {
            if let Step::Truth(truth) = step {
                self.see_truth(index, truth)?;
            }
        }
        self.schedule_turn(Actor::Client(Client::Agent(index)));
        Ok(())
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
        let mut effects = guard(&*hostname, || {
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
        let doomed = self.agents[index].doomed;
        self.cut_short(doomed, &mut effects);
        for effect in effects {
            self.perform_agent(index, effect)?;
        }
        let actor = Actor::Client(Client::Agent(index));
        self.await_wakeup(actor, wakeup);
        if doomed {
            self.die(actor)?;
        }
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
            Effect::Remove(container) => self.agents[index].machine.remove(container),
            // There is no output.
            Effect::ServeLog { .. } => {}
            Effect::Append { seq, record } => self.append(index, seq, LogWrite::Append(record)),
            Effect::Rewrite { seq, records } => {
                self.append(index, seq, LogWrite::Rewrite(records));
                self.sync(index);
            }
            Effect::Sync => self.sync(index),
            Effect::Exit(reason) => {
                self.note(Actor::Client(client), format_args!("exits: {reason}"));
                self.agent_is_dead(index);
            }
        }
        Ok(())
    }

    fn append(&mut self, index: usize, seq: u64, write: LogWrite) {
        let agent = &mut self.agents[index];
        agent.log.write(write);
        agent.appended = seq;
        self.disk_works(Actor::Client(Client::Agent(index)), DiskDone::Appended(seq));
    }

    fn sync(&mut self, index: usize) {
        let agent = &self.agents[index];
        let done = DiskDone::Synced { mark: agent.log.mark(), seq: agent.appended };
        self.disk_works(Actor::Client(Client::Agent(index)), done);
    }

    pub(super) fn agent_disk_done(&mut self, index: usize, done: DiskDone) {
        let event = match done {
            DiskDone::Appended(seq) => Event::Appended { seq },
            DiskDone::Synced { mark, seq } => {
                if self.options.planted != Some(Planted::SyncsNothing) {
                    let kept = self.agents[index].log.sync(mark);
                    self.oracle.record.log_kept(index, &kept);
                }
                Event::Synced { seq }
            }
            DiskDone::Committed(_) => unreachable!("an agent's log has no transactions"),
        };
        self.agents[index].inbox.push(event);
        self.schedule_turn(Actor::Client(Client::Agent(index)));
    }

    /// The launcher of a dead agent dies with it: what it was making is made, or never will be.
    pub(super) fn launcher_dies(&mut self, index: usize) {
        let mut steps = Vec::new();
        let agent = &mut self.agents[index];
        let now = agent.turns.clock.now(self.now);
        agent.machine.launcher_dies(now, &mut steps);
        for (container, step) in steps {
            // The dead break no invariant by being dead, and a failure here would be found at the next step too.
            let _ = self.take_step(index, container, step);
        }
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
            let power = self.agents[index].power;
            self.queue.push(self.now.after(wait), Delivery::Machine(index, power, container, Box::new(happening)));
        }
    }

    /// Something happens to a container.
    pub(super) fn happen(
        &mut self,
        index: usize,
        power: u32,
        container: ContainerId,
        happening: Happening,
    ) -> Result<(), FailureKind> {
        let agent = &mut self.agents[index];
        if agent.power != power {
            return Ok(());
        }
        let now = agent.turns.clock.now(self.now);
        let (machine, hostname) = (&mut agent.machine, &agent.hostname);
        let steps = guard(format_args!("a shim on {hostname}"), || {
            let mut steps = Vec::new();
            machine.happen(now, container, happening, &mut steps);
            steps
        })?;
        steps.into_iter().try_for_each(|step| self.take_step(index, container, step))
    }

    fn take_step(&mut self, index: usize, container: ContainerId, step: Step) -> Result<(), FailureKind> {
        match step {
            Step::Tell(event) => {
                if self.agents[index].core.is_some() {
                    self.agents[index].inbox.push(event);
                    self.schedule_turn(Actor::Client(Client::Agent(index)));
                }
                Ok(())
            }
            Step::Truth(truth) => self.see_truth(index, truth),
            Step::Later(..) => {
                self.schedule_step(index, container, step);
                Ok(())
            }
        }
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

    /// The disk of a machine without power is emptied: what begins there next is another agent.
    pub(super) fn wipe_agent(&mut self, index: usize) {
        let agent = &mut self.agents[index];
        agent.log = Disk::default();
        agent.secret = new_secret(&mut self.random.seeds);
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

fn new_secret(seeds: &mut Random) -> AgentSecret {
    AgentSecret::from_bytes(u128::from(seeds.next_u64()).to_be_bytes())
}
