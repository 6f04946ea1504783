//! A simulated machine: the shell of an agent's containers, with processes that are made up. Owned: containers from the order to
//! start them to the word that they are over, and who in them truly lives. Every decision of a shim is the real
//! [`Shim`]'s. Absent: the agent's decisions, and the oracle, which is told the truth through [`Step::Truth`].

mod adopt;
mod container;

use std::collections::BTreeMap;
use std::time::Duration;

use meros_agent_core::shim::{self, Kill, Shim};
use meros_agent_core::{ContainerPlan, Event, StartFailure};
use meros_types::{ContainerId, Exit, ExitRecord, LaunchId, Now, Time};

use crate::options::Planted;
use crate::outcome::{Ending, Outcome};
use crate::{OnTerminate, Random};
use container::{Container, Phase};

/// The longest that making a container takes: forks, cgroups, an exec.
const START_MAX: Duration = Duration::from_millis(5);
/// The longest until a process hears of something that the kernel or another process tells it.
const NOTICE_MAX: Duration = Duration::from_millis(1);
/// The longest that a process takes to end after a signal.
const DEATH_MAX: Duration = Duration::from_micros(500);

/// Something that happens to a container.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// Its program is executed, or can't be.
    Begins,
    /// The task's own process would end now by itself, or by a signal to it.
    TaskEnds(Exit),
    /// The task needs more memory than it may have.
    MemoryRunsOut,
    /// SIGKILL has reached every process.
    TreeDies,
    /// SIGKILL has reached the shim, which nobody of Meros sent.
    ShimDies,
    /// The agent's order has reached the shim.
    KillAsked(Kill),
    /// The moment that the shim named.
    ShimWakes(Time),
    /// What the agent's shell notices of it.
    Noticed(Box<Event>),
}

/// What comes of it.
#[derive(Debug)]
pub(crate) enum Step {
    /// Another happening, so much later.
    Later(Duration, Happening),
    /// The shell tells its agent.
    Tell(Event),
    /// What truly is, for the oracle alone.
    Truth(Truth),
}

/// What truly happened to a container's processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// The program of this launch was executed.
    Began(Option<LaunchId>),
    /// The last process is dead.
    Emptied(Option<LaunchId>),
}

/// All containers of one agent's machine.
#[derive(Debug)]
pub(crate) struct Machine {
    containers: BTreeMap<ContainerId, Container>,
    random: Random,
    planted: Option<Planted>,
}

impl Machine {
    pub(crate) fn new(random: Random, planted: Option<Planted>) -> Self {
        Self { containers: BTreeMap::new(), random, planted }
    }

    /// Starts to make a container; what its command does is given.
    pub(crate) fn start(&mut self, plan: &ContainerPlan, launch: Option<LaunchId>, outcome: Outcome) -> Step {
        let container = Container::preparing(launch, plan.limits, outcome);
        self.containers.insert(plan.container, container);
        Step::Later(self.random.duration(Duration::ZERO, START_MAX), Happening::Begins)
    }

    /// An order of the agent is on its way to the shim.
    pub(crate) fn kill(&mut self, kill: Kill) -> Step {
        Step::Later(self.random.duration(Duration::ZERO, NOTICE_MAX), Happening::KillAsked(kill))
    }

    /// How many containers there are that are not over.
    pub(crate) fn len(&self) -> usize {
        self.containers.values().filter(|container| !container.is_over()).count()
    }

    /// A container that runs, by chance; none when none does.
    pub(crate) fn any_running(&self, random: &mut Random) -> Option<ContainerId> {
        let running: Vec<ContainerId> =
            self.containers.iter().filter(|(_, container)| container.lives()).map(|(id, _)| *id).collect();
        random.pick(&running).copied()
    }

    /// Lets something happen to a container, unless it is over.
    pub(crate) fn happen(&mut self, now: Now, id: ContainerId, happening: Happening, steps: &mut Vec<Step>) {
        if self.containers.get(&id).is_none_or(Container::is_over) && !matches!(happening, Happening::Noticed(_)) {
            return;
        }
        match happening {
            Happening::Begins => self.begin(now, id, steps),
            Happening::TaskEnds(exit) => self.task_ends(now, id, exit, steps),
            Happening::MemoryRunsOut => self.memory_runs_out(now, id, steps),
            Happening::TreeDies => self.tree_dies(now, id, steps),
            Happening::ShimDies => self.shim_dies(now, id, steps),
            Happening::KillAsked(kill) => self.kill_asked(now, id, kill, steps),
            Happening::ShimWakes(at) => {
                if self.containers.get(&id).and_then(Container::shim).and_then(Shim::wakeup) == Some(at) {
                    self.tell_shim(now, id, shim::Event::TimePassed, steps);
                }
            }
            Happening::Noticed(event) => self.noticed(id, *event, steps),
        }
    }

    /// The agent's shell notices something, unless its process has died and another has found the container as it is.
    fn noticed(&mut self, id: ContainerId, event: Event, steps: &mut Vec<Step>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        if container.is_over() {
            return;
        }
        match &event {
            Event::ContainerFailed { .. } => drop(self.containers.remove(&id)),
            Event::ContainerEnded { .. } => container.end(),
            _ => {}
        }
        steps.push(Step::Tell(event));
    }

    fn begin(&mut self, now: Now, id: ContainerId, steps: &mut Vec<Step>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        let Phase::Preparing { kill } = container.phase else { return };
        let failure = match container.outcome.ending {
            Ending::NoProgram => Some(StartFailure::Program("the program does not exist".to_owned())),
            Ending::NoContainer => Some(StartFailure::Agent("the container could not be made".to_owned())),
            Ending::Exit(_) | Ending::OutOfMemory => None,
        };
        if let Some(failure) = failure {
            return self.notice(now, id, Event::ContainerFailed { container: id, failure }, steps);
        }
        container.begin(now);
        let (launch, after) = (container.launch, container.outcome.after);
        let end = match container.outcome.ending {
            Ending::Exit(exit) => Happening::TaskEnds(exit),
            _ => Happening::MemoryRunsOut,
        };
        steps.push(Step::Truth(Truth::Began(launch)));
        if self.planted == Some(Planted::StartsTwice) && self.random.chance(100) {
            steps.push(Step::Truth(Truth::Began(launch)));
        }
        steps.push(Step::Later(after, end));
        self.notice(now, id, Event::ContainerStarted { container: id }, steps);
        if let Some(kill) = kill {
            self.kill_asked(now, id, kill, steps);
        }
    }

    fn task_ends(&mut self, now: Now, id: ContainerId, exit: Exit, steps: &mut Vec<Step>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        if !container.end_task() {
            return;
        }
        let tree_empty = !container.lives();
        if tree_empty {
            steps.push(Step::Truth(Truth::Emptied(container.launch)));
        }
        let killed = exit == Exit::Signal(SIGKILL);
        self.tell_shim(now, id, shim::Event::ProcessesReaped { task: Some(exit), killed, tree_empty }, steps);
    }

    /// The kernel announces it, and kills one process: a child when there is one, so that the shim has to end the rest.
    fn memory_runs_out(&mut self, now: Now, id: ContainerId, steps: &mut Vec<Step>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        if !container.run_out_of_memory() {
            return;
        }
        self.tell_shim(now, id, shim::Event::MemoryRanOut, steps);
        let Some(container) = self.containers.get_mut(&id) else { return };
        if container.end_children() {
            self.tell_shim(now, id, shim::Event::ProcessesReaped { task: None, killed: true, tree_empty: false }, steps);
        } else {
            self.task_ends(now, id, Exit::Signal(SIGKILL), steps);
        }
    }

    fn tree_dies(&mut self, now: Now, id: ContainerId, steps: &mut Vec<Step>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        if container.is_stuck(now.mono) || !container.lives() {
            return;
        }
        let task = container.end_task().then_some(Exit::Signal(SIGKILL));
        container.end_children();
        steps.push(Step::Truth(Truth::Emptied(container.launch)));
        self.tell_shim(now, id, shim::Event::ProcessesReaped { task, killed: true, tree_empty: true }, steps);
    }

    fn kill_asked(&mut self, now: Now, id: ContainerId, kill: Kill, steps: &mut Vec<Step>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        if let Phase::Preparing { kill: earlier } = &mut container.phase {
            *earlier = if *earlier == Some(Kill::Destroy) { *earlier } else { Some(kill) };
            return;
        }
        if self.planted == Some(Planted::EndsEarly) && kill == Kill::Terminate {
            let record = ExitRecord { exit: Exit::Signal(SIGTERM), usage: Default::default() };
            self.notice(now, id, Event::ContainerEnded { container: id, record: Some(record) }, steps);
        }
        self.tell_shim(now, id, shim::Event::KillRequested(kill), steps);
    }

    /// The agent's shell will notice something of a container, never in another order than it happened.
    fn notice(&mut self, now: Now, id: ContainerId, event: Event, steps: &mut Vec<Step>) {
        let soon = now.mono.after(self.random.duration(Duration::ZERO, NOTICE_MAX));
        let Some(container) = self.containers.get_mut(&id) else { return };
        container.noticed = container.noticed.max(soon);
        steps.push(Step::Later(container.noticed.since(now.mono), Happening::Noticed(Box::new(event))));
    }

    /// Hands one event to the shim and performs what it wants.
    fn tell_shim(&mut self, now: Now, id: ContainerId, event: shim::Event, steps: &mut Vec<Step>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        let effects = container.tell_shim(now, event);
        for effect in effects {
            self.perform(now, id, effect, steps);
        }
        let wakeup = self.containers.get(&id).and_then(Container::shim).and_then(Shim::wakeup);
        if let Some(at) = wakeup {
            steps.push(Step::Later(at.since(now.mono), Happening::ShimWakes(at)));
        }
    }

    fn perform(&mut self, now: Now, id: ContainerId, effect: shim::Effect, steps: &mut Vec<Step>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        match effect {
            shim::Effect::TerminateTask => {
                let exit = match container.outcome.on_terminate {
                    OnTerminate::Dies => Exit::Signal(SIGTERM),
                    OnTerminate::Exits(code) => Exit::Code(code),
                    OnTerminate::Ignores => return,
                };
                steps.push(Step::Later(self.random.duration(Duration::ZERO, DEATH_MAX), Happening::TaskEnds(exit)));
            }
            shim::Effect::KillTree => {
                container.note_kill(now.mono);
                steps.push(Step::Later(self.random.duration(Duration::ZERO, DEATH_MAX), Happening::TreeDies));
            }
            shim::Effect::CountOomKills => {
                let kills = container.oom_kills();
                self.tell_shim(now, id, shim::Event::OomKillsCounted(kills), steps);
            }
            shim::Effect::DrainOutput => {}
            shim::Effect::Measure => {
                let usage = container.usage(now.mono);
                self.tell_shim(now, id, shim::Event::Measured(usage), steps);
            }
            shim::Effect::LeaveRecord(record) => container.leave_record(&record),
            shim::Effect::Quit => {
                let record = container.read_record();
                self.notice(now, id, Event::ContainerEnded { container: id, record }, steps);
            }
        }
    }
}

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
