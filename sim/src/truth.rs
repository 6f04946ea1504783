//! The simulator's own record of what truly is: the oracle that the invariants ask. Owned: every launch, where its processes
//! live, and who is who. Absent: opinions; whether something is right is for the invariants.

use std::collections::{BTreeMap, BTreeSet};

use meros_agent_core::log::Record as LogRecord;
use meros_master_core::registry::Registry;
use meros_master_core::{Reply, Request, Token};
use meros_types::{
    Acknowledged, AgentId, AgentOrder, AgentReport, FactId, FrameworkEvent, FrameworkId, Launch, LaunchId, Resources, Role, TaskId,
    TaskUpdate, Term, ToAgent,
};

use crate::disk::LogWrite;
use crate::network::Client;
use crate::wire::Payload;

/// Something that truly happened, told to every invariant.
#[derive(Debug)]
pub(crate) enum Seen<'a> {
    /// The master put a message on a client's stream.
    MasterSent(Client, &'a Payload),
    /// A client put a message on its stream.
    ClientSent(Client, &'a Payload),
    /// An agent took a message of the master in.
    AgentTook(usize, &'a ToAgent),
    /// A program was executed on a machine; no launch when the agent had none that asked for it.
    Began(usize, Option<LaunchId>),
    /// The last process of a launch is dead.
    Emptied(usize, Option<LaunchId>),
    /// A framework's scheduler was told an update.
    Told(usize, &'a TaskUpdate),
    /// A framework's store was given a transaction with all that its scheduler was told until now.
    Saving(usize, u64),
    /// A framework's store has this transaction on the disk.
    Saved(usize, u64),
    /// A framework's process is dead: what was not saved, its next knows nothing of.
    FrameworkDied(usize),
    /// A master's process has begun, with this term.
    MasterBegan(Term),
    /// The registry has this on the disk.
    RegistryCommitted(&'a Registry),
    /// The master has heard, or decided, that a client's stream is no more.
    ClosedAtMaster(Client),
    /// The master answers an operator.
    Replied(Token, &'a Reply),
}

/// A launch, from the moment that the master sent it.
#[derive(Debug)]
pub(crate) struct LaunchTruth {
    pub(crate) framework: Option<usize>,
    pub(crate) agent: usize,
    /// The role that is charged.
    pub(crate) role: Role,
    pub(crate) task: TaskId,
    pub(crate) resources: Resources,
    /// How often its program was executed.
    pub(crate) starts: u32,
    /// Whether a process of it lives.
    pub(crate) lives: bool,
}

/// An agent's machine.
#[derive(Debug)]
pub(crate) struct MachineTruth {
    pub(crate) total: Resources,
    /// Whether it runs.
    pub(crate) up: bool,
    /// Its agent's newest id.
    pub(crate) id: Option<AgentId>,
    /// The launches with a live process.
    pub(crate) lives: BTreeSet<LaunchId>,
    /// The facts that its agent has stated and must repeat.
    pub(crate) unacknowledged: BTreeMap<FactId, FrameworkId>,
    /// The facts that are in its agent's log and survive a power loss.
    pub(crate) kept: BTreeSet<FactId>,
    /// The facts that it was told are acknowledged. One may be repeated once more, in the very batch that says so.
    acknowledged: BTreeSet<FactId>,
}

impl MachineTruth {
    /// A machine without power.
    pub(crate) fn new(total: Resources) -> Self {
        let (unacknowledged, kept, acknowledged) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { total, up: false, id: None, lives: BTreeSet::new(), unacknowledged, kept, acknowledged }
    }
}

/// A framework's process.
#[derive(Debug, Default)]
pub(crate) struct FrameworkTruth {
    pub(crate) id: Option<FrameworkId>,
    /// Whether its process runs and its session is not over.
    pub(crate) up: bool,
}

/// What truly is.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) launches: BTreeMap<LaunchId, LaunchTruth>,
    pub(crate) machines: Vec<MachineTruth>,
    pub(crate) frameworks: Vec<FrameworkTruth>,
    /// What operators have asked of masters, in order.
    pub(crate) asked: BTreeMap<Token, Request>,
    by_agent_id: BTreeMap<AgentId, usize>,
    by_framework_id: BTreeMap<FrameworkId, usize>,
    by_task: BTreeMap<(usize, TaskId), Vec<LaunchId>>,
}

impl Record {
    /// The machine of the agent that has or had this id.
    pub(crate) fn machine_of(&self, agent: AgentId) -> Option<usize> {
        self.by_agent_id.get(&agent).copied()
    }

    /// The framework that has this id.
    pub(crate) fn framework_of(&self, framework: FrameworkId) -> Option<usize> {
        self.by_framework_id.get(&framework).copied()
    }

    /// Every launch of a framework's task; more than one only when the framework used its id twice.
    pub(crate) fn launches_of(&self, framework: usize, task: &TaskId) -> impl Iterator<Item = (LaunchId, &LaunchTruth)> {
        let launches = self.by_task.get(&(framework, task.clone())).into_iter().flatten();
        launches.filter_map(|launch| self.launches.get(launch).map(|truth| (*launch, truth)))
    }

    /// A new process of an agent has read this log: what it must repeat, and what it may forget, is what is in there.
    pub(crate) fn agent_began(&mut self, machine: usize, log: &[LogRecord]) {
        let machine = &mut self.machines[machine];
        machine.acknowledged = log.iter().filter_map(acknowledged).collect();
        machine.unacknowledged = log.iter().filter_map(stated).filter(|(fact, _)| !machine.acknowledged.contains(fact)).collect();
    }

    /// An agent's disk keeps these from now on.
    pub(crate) fn log_kept(&mut self, machine: usize, writes: &[LogWrite]) {
        let records = writes.iter().flat_map(|write| match write {
            LogWrite::Append(record) => std::slice::from_ref(&**record),
            LogWrite::Rewrite(records) => records,
        });
        self.machines[machine].kept.extend(records.filter_map(stated).map(|(fact, _)| fact));
    }

    /// An operator asks something of the master that runs.
    pub(crate) fn asked(&mut self, token: Token, request: &Request) {
        self.asked.insert(token, request.clone());
    }

    /// Takes in what was seen.
    pub(crate) fn note(&mut self, seen: &Seen<'_>) {
        match seen {
            Seen::MasterSent(Client::Agent(agent), Payload::ToAgent(message)) => match &message.order {
                AgentOrder::Registered(registered) => {
                    self.by_agent_id.insert(registered.agent, *agent);
                    self.machines[*agent].id = Some(registered.agent);
                }
                AgentOrder::Launch(launch) => self.note_launch(*agent, launch),
                _ => {}
            },
            Seen::MasterSent(Client::Framework(framework), Payload::ToFramework(message)) => {
                if let FrameworkEvent::Subscribed(subscribed) = &message.event {
                    self.by_framework_id.insert(subscribed.framework, *framework);
                    self.frameworks[*framework].id = Some(subscribed.framework);
                }
            }
            Seen::ClientSent(Client::Agent(agent), Payload::FromAgent(message)) => {
                if let AgentReport::Fact(fact) = &message.report {
                    let machine = &mut self.machines[*agent];
                    if let Some(id) = fact.update.fact.filter(|id| !machine.acknowledged.contains(id)) {
                        machine.unacknowledged.insert(id, fact.framework);
                    }
                }
            }
            Seen::AgentTook(agent, message) => {
                if let AgentOrder::Acknowledged(Acknowledged { fact, .. }) = &message.order {
                    self.machines[*agent].unacknowledged.remove(fact);
                    self.machines[*agent].acknowledged.insert(*fact);
                }
            }
            Seen::Began(agent, Some(launch)) => {
                self.machines[*agent].lives.insert(*launch);
                if let Some(truth) = self.launches.get_mut(launch) {
                    truth.starts += 1;
                    truth.lives = true;
                }
            }
            Seen::Emptied(agent, Some(launch)) => {
                self.machines[*agent].lives.remove(launch);
                if let Some(truth) = self.launches.get_mut(launch) {
                    truth.lives = false;
                }
            }
            _ => {}
        }
    }

    fn note_launch(&mut self, agent: usize, launch: &Launch) {
        let framework = self.framework_of(launch.framework);
        let task = launch.task.id.clone();
        if let Some(framework) = framework {
            self.by_task.entry((framework, task.clone())).or_default().push(launch.launch);
        }
        let resources = launch.task.resources.clone();
        let role = launch.role.clone();
        let truth = LaunchTruth { framework, agent, role, task, resources, starts: 0, lives: false };
        self.launches.insert(launch.launch, truth);
    }
}

fn stated(record: &LogRecord) -> Option<(FactId, FrameworkId)> {
    match record {
        LogRecord::Fact { update, framework, .. } => update.fact.map(|fact| (fact, *framework)),
        _ => None,
    }
}

fn acknowledged(record: &LogRecord) -> Option<FactId> {
    match record {
        LogRecord::Acknowledged { fact, .. } => Some(*fact),
        _ => None,
    }
}
