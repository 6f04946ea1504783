//! What can happen to a master, in a few words, and how it becomes an event.

use std::time::Duration;

use meros_master_core::{Event, Request, StreamId};
use meros_types::*;

use super::{Operates, World};

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Registers(Registers),
    States(States),
    Beats(String),
    /// Over the stream that it has, whatever it is.
    Reports(String, Box<AgentReport>),
    Subscribes(Subscribes),
    Says(String, Vec<Call>),
    Closes(String),
    /// Every stream that it ever had closes, so far as it has not.
    Ends(String),
    Asks(Request),
    /// The same about peers by name.
    Operates(Operates),
    Passes(Duration),
    /// Steps before one flush.
    Batch(Vec<Step>),
    /// The master is killed and begins anew, from what is stored.
    Restarts,
    /// From now on the disk stores nothing by itself.
    Holds,
    /// The disk stores the oldest transactions.
    Stores(usize),
    /// The disk stores at once again, what waits first.
    Releases,
}

/// A registration over a new stream.
#[derive(Clone, Debug)]
pub(crate) struct Registers {
    pub(crate) name: String,
    pub(crate) of: Option<String>,
    /// That of the agent it claims to be, unless it is another's.
    pub(crate) secret: Option<AgentSecret>,
    pub(crate) term: u64,
    /// Whether its machine was started anew.
    pub(crate) rebooted: bool,
    pub(crate) has: Resources,
    pub(crate) holds: Vec<Held>,
}

pub(crate) fn registers(name: &str) -> Registers {
    let (has, holds) = (resources("cpus:4;mem:8GiB"), Vec::new());
    Registers { name: name.to_owned(), of: None, secret: None, term: 0, rebooted: false, has, holds }
}

/// The secret of the agent that is first known by this name.
pub(crate) fn secret_of(name: &str) -> AgentSecret {
    let hash = name.bytes().fold(0, |hash: u128, byte| hash.wrapping_mul(131).wrapping_add(byte.into()));
    AgentSecret::from_bytes(hash.to_be_bytes())
}

impl Registers {
    /// It has the id of the agent of this name.
    pub(crate) fn of(mut self, name: &str) -> Self {
        self.of = Some(name.to_owned());
        self
    }

    /// It has the secret that the agent of this name began with.
    pub(crate) fn secret(mut self, name: &str) -> Self {
        self.secret = Some(secret_of(name));
        self
    }

    /// Its machine was started anew.
    pub(crate) fn rebooted(mut self) -> Self {
        self.rebooted = true;
        self
    }

    pub(crate) fn with(mut self, has: &str) -> Self {
        self.has = resources(has);
        self
    }

    pub(crate) fn holding(mut self, holds: impl IntoIterator<Item = Held>) -> Self {
        self.holds = holds.into_iter().collect();
        self
    }
}

/// A container in a registration.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) framework: String,
    pub(crate) epoch: u64,
    pub(crate) role: Role,
    pub(crate) task: String,
    pub(crate) launch: (u64, u64),
    pub(crate) state: TaskState,
    pub(crate) resources: Resources,
    pub(crate) tasks: usize,
}

pub(crate) fn held(framework: &str, task: &str, launch: (u64, u64), state: TaskState, has: &str) -> Held {
    let (framework, task, resources) = (framework.to_owned(), task.to_owned(), resources(has));
    Held { framework, epoch: 1, role: Role::default(), task, launch, state, resources, tasks: 1 }
}

impl Held {
    pub(crate) fn epoch(mut self, epoch: u64) -> Self {
        self.epoch = epoch;
        self
    }
}

/// A fact.
#[derive(Clone, Debug)]
pub(crate) struct States {
    pub(crate) name: String,
    pub(crate) framework: String,
    pub(crate) task: String,
    pub(crate) launch: (u64, u64),
    pub(crate) state: TaskState,
    pub(crate) n: u64,
}

pub(crate) fn states(name: &str, framework: &str, task: &str, launch: (u64, u64), state: TaskState, n: u64) -> States {
    States { name: name.to_owned(), framework: framework.to_owned(), task: task.to_owned(), launch, state, n }
}

/// A subscription over a new stream.
#[derive(Clone, Debug)]
pub(crate) struct Subscribes {
    pub(crate) name: String,
    pub(crate) of: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) roles: Vec<Role>,
    pub(crate) resumes: Option<u64>,
    pub(crate) failover: Duration,
    pub(crate) preferences: OfferPreferences,
    pub(crate) then: Vec<Call>,
}

pub(crate) fn subscribes(name: &str) -> Subscribes {
    let roles = vec![Role::default()];
    let failover = FAILOVER_TIMEOUT_DEFAULT;
    let preferences = OfferPreferences::default();
    Subscribes { name: name.to_owned(), of: None, key: None, roles, resumes: None, failover, preferences, then: Vec::new() }
}

impl Subscribes {
    /// It has the id of the framework of this name.
    pub(crate) fn of(mut self, name: &str) -> Self {
        self.of = Some(name.to_owned());
        self
    }

    pub(crate) fn key(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }

    pub(crate) fn roles(mut self, names: &[&str]) -> Self {
        self.roles = names.iter().map(|name| role(name)).collect();
        self
    }

    pub(crate) fn resumes(mut self, epoch: u64) -> Self {
        self.resumes = Some(epoch);
        self
    }

    pub(crate) fn failover(mut self, seconds: u64) -> Self {
        self.failover = Duration::from_secs(seconds);
        self
    }

    /// Its offers stand for so many seconds.
    pub(crate) fn lease(mut self, seconds: u64) -> Self {
        self.preferences.lease = Some(Duration::from_secs(seconds));
        self
    }

    pub(crate) fn then(mut self, calls: impl IntoIterator<Item = Call>) -> Self {
        self.then = calls.into_iter().collect();
        self
    }
}

impl From<Registers> for Step {
    fn from(step: Registers) -> Self {
        Step::Registers(step)
    }
}

impl From<States> for Step {
    fn from(step: States) -> Self {
        Step::States(step)
    }
}

impl From<Subscribes> for Step {
    fn from(step: Subscribes) -> Self {
        Step::Subscribes(step)
    }
}

pub(crate) fn says(name: &str, calls: impl IntoIterator<Item = Call>) -> Step {
    Step::Says(name.to_owned(), calls.into_iter().collect())
}

pub(crate) fn beats(name: &str) -> Step {
    Step::Beats(name.to_owned())
}

pub(crate) fn closes(name: &str) -> Step {
    Step::Closes(name.to_owned())
}

pub(crate) fn passes(seconds: u64) -> Step {
    Step::Passes(Duration::from_secs(seconds))
}

pub(crate) fn stores(transactions: usize) -> Step {
    Step::Stores(transactions)
}

pub(crate) fn batch<const N: usize>(steps: [Step; N]) -> Step {
    Step::Batch(steps.into())
}

pub(crate) fn resources(text: &str) -> Resources {
    Resources::parse(text).unwrap()
}

pub(crate) fn role(name: &str) -> Role {
    Role::new(name).unwrap()
}

pub(crate) fn task_id(name: &str) -> TaskId {
    TaskId::new(name).unwrap()
}

impl World {
    /// The event that a step is; none when it is several, or none.
    pub(super) fn event(&mut self, step: Step) -> Option<Event> {
        Some(match step {
            Step::Registers(step) => {
                let register = self.registration(&step);
                let stream = self.open(&step.name);
                self.peers.get_mut(&step.name)?.secret = register.secret;
                let message = FromAgent { session: None, report: AgentReport::Register(Box::new(register)) };
                Event::AgentSaid { stream, message }
            }
            Step::States(step) => {
                let report = AgentReport::Fact(Box::new(self.fact(&step)));
                let (stream, session) = self.stream(&step.name);
                Event::AgentSaid { stream, message: FromAgent { session, report } }
            }
            Step::Beats(name) => {
                let (stream, session) = self.stream(&name);
                Event::AgentSaid { stream, message: FromAgent { session, report: AgentReport::Heartbeat } }
            }
            Step::Reports(name, report) => {
                let (stream, session) = self.stream(&name);
                Event::AgentSaid { stream, message: FromAgent { session, report: *report } }
            }
            Step::Subscribes(step) => {
                let call = self.subscription(&step);
                let calls = [call].into_iter().chain(step.then).collect();
                Event::FrameworkSaid { stream: self.open(&step.name), message: FromFramework { session: None, calls } }
            }
            Step::Says(name, calls) => {
                let (stream, session) = self.stream(&name);
                Event::FrameworkSaid { stream, message: FromFramework { session, calls } }
            }
            Step::Closes(name) => {
                let peer = self.peers.get_mut(&name)?;
                peer.open = false;
                match peer.agent {
                    Some(_) => Event::AgentClosed { stream: peer.stream },
                    None => Event::FrameworkClosed { stream: peer.stream },
                }
            }
            Step::Asks(request) => Event::Asked { token: self.token(), request },
            Step::Operates(operates) => Event::Asked { token: self.token(), request: self.request(operates) },
            Step::Passes(_) | Step::Batch(_) | Step::Ends(_) => return None,
            Step::Restarts | Step::Holds | Step::Stores(_) | Step::Releases => return None,
        })
    }

    /// The peer's stream and the session that it believes in; a new stream for one that never was.
    fn stream(&mut self, name: &str) -> (StreamId, Option<SessionId>) {
        match self.peers.get(name) {
            Some(peer) => (peer.stream, peer.session),
            None => (self.open(name), None),
        }
    }

    fn registration(&self, step: &Registers) -> Register {
        let known = step.of.as_ref().and_then(|name| self.peers.get(name));
        let own = known.map_or_else(|| secret_of(&step.name), |peer| peer.secret);
        Register {
            secret: step.secret.unwrap_or(own),
            agent: known.and_then(|peer| peer.agent),
            incarnation: Incarnation::from_bytes([1; 16]),
            boot: BootId::new(if step.rebooted { "another" } else { "one" }),
            term: Term(step.term),
            hostname: step.name.clone(),
            resources: step.has.clone(),
            attributes: Attributes::default(),
            domain: None,
            containers: step.holds.iter().map(|held| self.container(held)).collect(),
        }
    }

    fn container(&self, held: &Held) -> ContainerSnapshot {
        let task = TaskSnapshot { task: task_id(&held.task), name: held.task.clone(), state: held.state };
        ContainerSnapshot {
            container: ContainerId::from_bytes([1; 16]),
            framework: self.framework_id(&held.framework),
            epoch: Epoch(held.epoch),
            role: held.role.clone(),
            launch: launch(held.launch),
            resources: held.resources.clone(),
            tasks: vec![task; held.tasks],
        }
    }

    fn fact(&self, step: &States) -> Fact {
        let (source, reason) = (Source::Agent, Reason::Exited);
        let mut update = TaskUpdate::new(task_id(&step.task), step.state, source, reason, "", self.now.wall);
        update.launch = Some(launch(step.launch));
        update.fact = Some(FactId { incarnation: Incarnation::from_bytes([1; 16]), n: step.n });
        Fact { framework: self.framework_id(&step.framework), update }
    }

    /// A fact of an agent, acknowledged.
    pub(crate) fn acknowledge(&self, agent: &str, of: (u64, u64), n: u64) -> Call {
        let fact = FactId { incarnation: Incarnation::from_bytes([1; 16]), n };
        Call::Acknowledge(Acknowledge { agent: self.agent_id(agent), launch: launch(of), fact })
    }

    pub(crate) fn subscription(&self, step: &Subscribes) -> Call {
        Call::Subscribe(Subscribe {
            framework: step.of.as_ref().map(|name| self.framework_id(name)),
            name: step.name.clone(),
            key: step.key.clone(),
            roles: step.roles.clone(),
            mode: step.resumes.map_or(SubscribeMode::Takeover, |epoch| SubscribeMode::Resume(Epoch(epoch))),
            failover_timeout: step.failover,
            preferences: step.preferences.clone(),
        })
    }
}

pub(crate) fn launch((term, n): (u64, u64)) -> LaunchId {
    LaunchId { term: Term(term), n }
}
