//! An agent, the master's side of its stream, its containers by number, and the time. `check` is the one way in: it lets
//! something happen, lets the agent check itself, and compares everything that the agent wants done. The log answers at once,
//! unless a test holds it back, and the agent can crash at any moment: what it does then goes on where its log ends.

mod log;
mod oracle;
mod show;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meros_agent_core::{Agent, AgentConfig, BootId, ContainerPlan, Effect, Event, Found, Record};
use meros_types::*;

pub(crate) use log::{Hold, TestLog};
pub(crate) use oracle::Oracle;

pub(crate) struct World {
    pub(crate) agent: Agent,
    pub(crate) now: Now,
    pub(crate) session: SessionId,
    /// What was to be started, in order: container 1 is the first.
    pub(crate) plans: Vec<ContainerPlan>,
    pub(crate) last_registration: Option<Register>,
    pub(crate) config: AgentConfig,
    pub(crate) log: TestLog,
    pub(crate) oracle: Oracle,
    boot: u32,
    incarnation: Option<Incarnation>,
    running: BTreeMap<usize, Resources>,
    pub(crate) removed: BTreeSet<ContainerId>,
}

pub(crate) const FRAMEWORK: FrameworkId = FrameworkId::from_bytes([1; 16]);
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);

impl World {
    /// An agent of 4 CPUs and 8 GiB that has begun.
    pub(crate) fn began() -> Self {
        Self::configured(|_| {})
    }

    pub(crate) fn configured(change: impl FnOnce(&mut AgentConfig)) -> Self {
        let mut config = AgentConfig::new(7, AgentSecret::from_bytes([5; 16]), "host", resources("cpus:4;mem:8GiB;ports:[1-9]"));
        change(&mut config);
        let mut world = Self {
            agent: Agent::recovered(config.clone(), boot(0), Vec::new()).unwrap(),
            config,
            log: TestLog::default(),
            oracle: Oracle::default(),
            boot: 0,
            now: Now { mono: Time(1_000_000_000_000), wall: WallTime(1_000_000) },
            session: SessionId { term: Term(1), n: 0 },
            plans: Vec::new(),
            last_registration: None,
            incarnation: None,
            running: BTreeMap::new(),
            removed: BTreeSet::new(),
        };
        world.check(Event::Began { found: Vec::new() }, &["connect"]);
        world
    }

    /// The same with a session.
    pub(crate) fn registered(mut self) -> Self {
        self.run(Event::Connected);
        self.run_registered();
        self
    }

    /// The same after this has happened, whatever came of it.
    pub(crate) fn after(mut self, event: Event) -> Self {
        self.run(event);
        self
    }

    /// The master opens its next session.
    pub(crate) fn run_registered(&mut self) -> Vec<String> {
        self.session.n += 1;
        let registered = Registered { agent: AgentId::from_bytes([9; 16]), heartbeat: HEARTBEAT };
        let event = self.order(AgentOrder::Registered(registered));
        self.run(event)
    }

    /// Lets something happen and compares what the agent wants done.
    #[track_caller]
    pub(crate) fn check(&mut self, event: Event, expected: &[&str]) {
        let said = format!("{event:?}");
        assert_eq!(self.run(event), expected, "after {said}");
    }

    /// Lets time pass, stopping at each moment that the agent waits for; what it wants done.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<String> {
        let end = self.now.mono.after(time);
        let mut lines = Vec::new();
        let mut behind = 0;
        while let Some(at) = self.agent.wakeup().filter(|at| *at <= end) {
            // A test may turn the clock past a moment by itself; the agent must be done with it at once.
            behind = if at > self.now.mono { 0 } else { behind + 1 };
            assert!(behind <= 1, "the agent waits for a moment that it has dealt with");
            self.now.mono = self.now.mono.max(at);
            lines.extend(self.run(Event::TimePassed));
        }
        self.now.mono = end;
        lines
    }

    #[track_caller]
    pub(crate) fn check_pass(&mut self, time: Duration, expected: &[&str]) {
        assert_eq!(self.pass(time), expected, "after {time:?}");
    }

    /// Lets time pass while the master keeps saying that it is alive; what else there is to do but to answer it.
    pub(crate) fn pass_alive(&mut self, time: Duration) -> Vec<String> {
        let end = self.now.mono.after(time);
        let mut lines = Vec::new();
        while self.now.mono < end {
            lines.extend(self.pass(end.since(self.now.mono).min(HEARTBEAT)));
            let beat = self.order(AgentOrder::Heartbeat);
            lines.extend(self.run(beat));
        }
        lines.retain(|line| line != "heartbeat");
        lines
    }

    /// Lets something happen, and the log answer; what the agent wants done, one line each.
    pub(crate) fn run(&mut self, event: Event) -> Vec<String> {
        let mut lines = self.step(event);
        self.agent.check();
        self.agent.check_recovery(self.log.all());
        lines.extend(self.run_log());
        lines
    }

    /// The same without looking at the agent: for many events in a row.
    pub(crate) fn run_unchecked(&mut self, event: Event) {
        self.step(event);
        while let Some(answer) = self.log.answer() {
            self.step(answer);
        }
    }

    /// Lets the log answer as far as it is not held back.
    pub(crate) fn run_log(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(answer) = self.log.answer() {
            lines.extend(self.step(answer));
            self.agent.check();
            self.agent.check_recovery(self.log.all());
        }
        lines
    }

    /// Holds the log back no longer, or less.
    pub(crate) fn hold(&mut self, hold: Hold) -> Vec<String> {
        self.log.hold = hold;
        self.run_log()
    }

    fn step(&mut self, event: Event) -> Vec<String> {
        if let Event::ContainerEnded { container, .. } | Event::ContainerFailed { container, .. } = &event {
            let number = self.number(*container);
            self.running.remove(&number);
        }
        let mut effects = Vec::new();
        self.agent.handle(self.now, event, &mut effects);
        self.agent.flush(self.now, &mut effects);
        effects.into_iter().filter_map(|effect| self.note(effect)).collect()
    }

    /// The agent's process dies, and with `power_lost` its machine; the next life has begun in the log's sight. Of each container
    /// that it remembers it finds what `found` says.
    pub(crate) fn crash(&mut self, power_lost: bool, found: impl Fn(&Self, ContainerId) -> Option<Found>) -> Vec<String> {
        let records = self.log.crash(power_lost);
        if power_lost {
            self.boot += 1;
            self.oracle.see_power_loss(&records);
        }
        self.config.seed += 1;
        self.agent = Agent::recovered(self.config.clone(), boot(self.boot), records).unwrap();
        self.agent.check();
        let remembered = self.agent.remembered();
        let found = remembered.into_iter().filter_map(|id| Some((id, found(self, id)?))).collect::<Vec<_>>();
        let runs = |number: &usize| found.iter().any(|(id, found)| self.container(*number) == *id && *found == Found::Running);
        let running: BTreeMap<_, _> =
            self.running.iter().filter(|(number, _)| runs(number)).map(|(n, r)| (*n, r.clone())).collect();
        self.running = running;
        self.run(Event::Began { found })
    }

    /// Puts a record into the log that no life of this agent wrote.
    pub(crate) fn plant(&mut self, record: Record) {
        self.oracle.see_record(&record);
        self.log.plant(record);
    }

    /// The same, and every container that runs is found running.
    pub(crate) fn crash_adopting(&mut self) -> Vec<String> {
        self.crash(false, |world, id| world.may_run(id).then_some(Found::Running))
    }

    /// Remembers what the shell would, and shows the effect, unless it is the log's.
    fn note(&mut self, effect: Effect) -> Option<String> {
        self.log.take(&effect);
        match &effect {
            Effect::Append { record, .. } => {
                self.oracle.see_record(record);
                return None;
            }
            Effect::Rewrite { .. } | Effect::Sync => return None,
            Effect::Start(plan) => self.note_start(plan),
            Effect::Remove(container) => {
                let number = self.number(*container);
                assert!(!self.running.contains_key(&number), "the directory of a container that runs is removed");
                self.removed.insert(*container);
            }
            Effect::Send(message) => match &message.report {
                AgentReport::Register(register) => {
                    self.oracle.see_registration();
                    self.incarnation = Some(register.incarnation);
                    self.last_registration = Some((**register).clone());
                }
                AgentReport::Fact(fact) => self.oracle.see_fact(fact, &self.log),
                AgentReport::Heartbeat => {}
            },
            _ => {}
        }
        Some(self.show(&effect))
    }

    fn note_start(&mut self, plan: &ContainerPlan) {
        self.oracle.see_start(plan, &self.log);
        self.plans.push(plan.clone());
        let held = Resources::none().with_cpu_milli(plan.limits.cpu_milli).with_memory_bytes(plan.limits.memory_bytes);
        self.running.insert(self.plans.len(), held);
        let sum = self.running.values().fold(Resources::none(), |sum, add| sum.checked_add(add).unwrap());
        assert!(self.config.resources.contains(&sum), "what runs is more than there is: {sum}");
        let uids: Vec<u32> = self.running.keys().filter_map(|number| self.plans[number - 1].uid).collect();
        assert_eq!(uids.len(), uids.iter().collect::<BTreeSet<_>>().len(), "two containers share a user");
    }

    pub(crate) fn order(&self, order: AgentOrder) -> Event {
        Event::Received(Box::new(ToAgent { session: self.session, order }))
    }

    pub(crate) fn launches(&self, n: u64, task: &str, each: &str) -> Event {
        self.launches_at(n, 1, spec(task, each))
    }

    pub(crate) fn launches_at(&self, n: u64, epoch: u64, task: TaskSpec) -> Event {
        let launch = Launch { launch: launch_id(n), framework: FRAMEWORK, epoch: Epoch(epoch), role: Role::default(), task };
        self.order(AgentOrder::Launch(Box::new(launch)))
    }

    pub(crate) fn kills(&self, n: u64, grace: Option<u64>) -> Event {
        let grace = grace.map(Duration::from_secs);
        self.order(AgentOrder::Kill(KillOrder { launch: launch_id(n), grace }))
    }

    pub(crate) fn acknowledges(&self, n: u64) -> Event {
        self.acknowledges_as(FRAMEWORK, n)
    }

    pub(crate) fn acknowledges_as(&self, framework: FrameworkId, n: u64) -> Event {
        let fact = FactId { incarnation: self.incarnation.unwrap(), n };
        self.order(AgentOrder::Acknowledged(Acknowledged { framework, fact }))
    }

    /// A framework acknowledges a fact that it was sent, of whichever life.
    pub(crate) fn acknowledges_sent(&mut self, id: FactId) -> Event {
        let framework = self.oracle.sent[&id].framework;
        self.oracle.acknowledged.insert(id);
        self.order(AgentOrder::Acknowledged(Acknowledged { framework, fact: id }))
    }

    pub(crate) fn resends(&self) -> Event {
        self.order(AgentOrder::Resend(FRAMEWORK))
    }

    pub(crate) fn started(&self, number: usize) -> Event {
        Event::ContainerStarted { container: self.container(number) }
    }

    pub(crate) fn ended(&self, number: usize, exit: Exit) -> Event {
        Event::ContainerEnded { container: self.container(number), record: Some(ExitRecord { exit, usage: Usage::default() }) }
    }

    /// The container of this number; one that never was, if there are not as many.
    pub(crate) fn container(&self, number: usize) -> ContainerId {
        let plan = number.checked_sub(1).and_then(|at| self.plans.get(at));
        plan.map_or(ContainerId::from_bytes([0; 16]), |plan| plan.container)
    }

    /// Whether the container of this id is one that was to be started, and of which no end was told.
    pub(crate) fn may_run(&self, container: ContainerId) -> bool {
        self.running.contains_key(&self.number(container))
    }

    pub(crate) fn number(&self, container: ContainerId) -> usize {
        self.plans.iter().position(|plan| plan.container == container).map_or(0, |at| at + 1)
    }

    /// An agent with task `t` of launch 1 running in container 1, and the fact of it acknowledged.
    pub(crate) fn with_task(spec: TaskSpec) -> Self {
        let mut world = Self::began().registered();
        let event = world.launches_at(1, 1, spec);
        world.run(event);
        world.run(world.started(1));
        world.run(world.acknowledges(1));
        world
    }
}

/// The boot of this number.
pub(crate) fn boot(number: u32) -> BootId {
    BootId::new(format!("boot {number}\n"))
}

pub(crate) fn resources(text: &str) -> Resources {
    Resources::parse(text).unwrap()
}

pub(crate) fn spec(task: &str, each: &str) -> TaskSpec {
    TaskSpec::new(TaskId::new(task).unwrap(), Command::shell("true"), resources(each))
}

pub(crate) fn launch_id(n: u64) -> LaunchId {
    LaunchId { term: Term(1), n }
}

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
