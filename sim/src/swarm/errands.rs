//! The swarm's scheduler: errands to run to their ends, with every habit that a scheduler may have. It holds offers, declines
//! them, kills its own tasks, asks again, changes its mind. All chance comes from the context.

use std::collections::BTreeMap;
use std::time::Duration;

use meros_session::{Context, Offer, Scheduler, Session, TimerId};
use meros_types::{
    Command, Constraint, Demand, LEASE_MIN, OfferId, OfferPreferences, Resources, Role, SHAPES_MAX, Shape, Subject, TaskId,
    TaskSpec, TaskState, TaskUpdate, Test,
};

use crate::{AgentSpec, Random};

const MIB: u64 = 1 << 20;
/// How often an errand whose tasks fail is tried.
const ATTEMPTS_MAX: u32 = 5;
/// From SIGTERM to SIGKILL.
const KILL_GRACE: Duration = Duration::from_secs(2);
/// The longest wait before a kill or another habit strikes.
const WHIM_MAX_MS: u64 = 8_000;

/// What a framework has to do, and its habits, as chances in a thousand.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) errands: Vec<Errand>,
    holds: u64,
    declines: u64,
    kills: u64,
    whims: u64,
    /// Whether it asks for whatever there is rather than for what it needs.
    greedy: bool,
    /// Whether it comes back as the same framework when its process dies.
    pub(super) keyed: bool,
    /// Its roles; each errand is asked for in one of them.
    pub(super) roles: Vec<Role>,
    pub(super) preferences: OfferPreferences,
    /// How long its tasks wait for it.
    pub(super) failover_timeout: Option<Duration>,
}

/// Something to run to its end.
#[derive(Clone, Debug)]
pub(super) struct Errand {
    /// Its place in the plan.
    n: usize,
    shape: Shape,
    attempts: u32,
}

impl Plan {
    pub(super) fn draw(agents: &[AgentSpec], roles: &[Role], random: &mut Random) -> Self {
        let most = if random.chance(100) { 200 } else { 30 };
        // Of few kinds, so that one shape has many copies, or each of its own.
        let kinds: Vec<Shape> = (0..random.range(1, 4)).map(|_| shape(agents, random)).collect();
        let alike = random.chance(300);
        let draw = |random: &mut Random| match alike {
            true => random.pick(&kinds).cloned().unwrap_or_else(|| shape(agents, random)),
            false => shape(agents, random),
        };
        let errands = (0..random.range(1, most) as usize).map(|n| Errand { n, shape: draw(random), attempts: 0 }).collect();
        let mut habit = |most: u64| if random.chance(400) { random.range(1, most) } else { 0 };
        let (holds, declines, kills, whims) = (habit(500), habit(300), habit(400), habit(1_000));
        let (greedy, keyed) = (random.chance(150), random.chance(700));
        let failover_timeout = random.chance(200).then(|| random.duration(Duration::from_secs(1), Duration::from_secs(60)));
        let count = if random.chance(200) { 2.min(roles.len()) } else { 1 };
        let first = random.below(roles.len() as u64) as usize;
        let roles = (0..count).map(|n| roles[(first + n) % roles.len()].clone()).collect();
        let preferences = preferences(random);
        Self { errands, holds, declines, kills, whims, greedy, keyed, roles, preferences, failover_timeout }
    }
}

fn preferences(random: &mut Random) -> OfferPreferences {
    OfferPreferences {
        lease: random.chance(300).then(|| random.duration(LEASE_MIN, Duration::from_secs(60))),
        least: if random.chance(100) { vec![Resources::none().with_cpu_milli(100)] } else { Vec::new() },
        ..OfferPreferences::default()
    }
}

fn shape(agents: &[AgentSpec], random: &mut Random) -> Shape {
    let resources = Resources::none().with_cpu_milli(random.range(1, 20) * 100).with_memory_bytes(random.range(1, 32) * 64 * MIB);
    let any_ports = if random.chance(200) { random.range(1, 2) as u32 } else { 0 };
    let shape = Shape::of(resources).any_ports(any_ports).copies(1);
    match random.pick(agents).filter(|_| random.chance(150)) {
        Some(agent) => shape.on(like(agent, random)),
        None => shape,
    }
}

/// A constraint that this agent meets, and perhaps others.
fn like(agent: &AgentSpec, random: &mut Random) -> Constraint {
    let racks = agent.attributes.get("rack").map(str::to_owned);
    let test = match random.below(3) {
        0 => Test::OneOf(racks.into_iter().collect()),
        1 => Test::NoneOf(["none".to_owned()].into()),
        _ => Test::Exists,
    };
    Constraint { subject: Subject::Attribute("rack".to_owned()), test }
}

/// The scheduler.
#[derive(Debug)]
pub(super) struct Errands {
    plan: Plan,
    waiting: Vec<Errand>,
    live: BTreeMap<TaskId, Errand>,
    whims: BTreeMap<TimerId, Whim>,
    calm: bool,
    /// Whether it has looked at what an earlier process of it saved.
    loaded: bool,
}

/// What it feels like when a timer comes.
#[derive(Clone, Debug)]
enum Whim {
    Kill(TaskId),
    UseHeld(OfferId),
    Revive,
    Reconcile,
    Explain,
}

impl Errands {
    pub(super) fn new(plan: Plan) -> Self {
        Self { waiting: plan.errands.clone(), plan, live: BTreeMap::new(), whims: BTreeMap::new(), calm: false, loaded: false }
    }

    pub(super) fn is_done(&self) -> bool {
        self.left() == 0
    }

    pub(super) fn left(&self) -> usize {
        self.waiting.len() + self.live.len()
    }

    /// No habits any more; what still runs from wilder times is ended and tried again.
    pub(super) fn calm_down(&mut self, cx: &mut Context) {
        self.calm = true;
        let tasks: Vec<TaskId> = cx.tasks().map(|(task, _)| task.clone()).collect();
        for task in tasks {
            cx.kill_within(&task, Duration::from_secs(1));
        }
    }

    /// Takes up what an earlier process of this framework was at.
    fn load(&mut self, cx: &Context) {
        if std::mem::replace(&mut self.loaded, true) {
            return;
        }
        for mut errand in std::mem::take(&mut self.waiting) {
            let saved = cx.saved(&key(errand.n)).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            match saved.as_deref().and_then(|text| text.split_once(' ')) {
                None => self.waiting.push(errand),
                Some(("done", _)) => {}
                Some((attempts, task)) => {
                    errand.attempts = attempts.parse().expect("it is written as a number");
                    match TaskId::new(task).ok().filter(|task| cx.task(task).is_some()) {
                        Some(task) => drop(self.live.insert(task, errand)),
                        None => self.waiting.push(errand),
                    }
                }
            }
        }
    }

    fn feels_like(&self, per_mille: u64, cx: &mut Context) -> bool {
        !self.calm && cx.random_u64() % 1_000 < per_mille
    }

    fn later(&mut self, whim: Whim, cx: &mut Context) {
        let wait = Duration::from_millis(cx.random_u64() % WHIM_MAX_MS);
        self.whims.insert(cx.after(wait), whim);
    }

    fn use_offer(&mut self, offer: &mut Offer, cx: &mut Context) {
        while let Some(at) = self.waiting.iter().position(|errand| offer.suits(&errand.shape)) {
            let errand = self.waiting.swap_remove(at);
            let id = cx.new_task_id();
            launch(&errand, id.clone(), offer);
            cx.save(key(errand.n), format!("{} {id}", errand.attempts));
            if self.feels_like(self.plan.kills, cx) {
                self.later(Whim::Kill(id.clone()), cx);
            }
            self.live.insert(id, errand);
            if self.feels_like(self.plan.declines, cx) {
                return;
            }
        }
    }

    /// Launches one errand on an offer that was held, or lets it go.
    fn use_held(&mut self, id: OfferId, cx: &mut Context) {
        let task = cx.new_task_id();
        let Some(offer) = cx.held(id) else { return };
        match self.waiting.iter().position(|errand| offer.suits(&errand.shape)) {
            Some(at) => {
                let errand = self.waiting.swap_remove(at);
                launch(&errand, task.clone(), offer);
                cx.save(key(errand.n), format!("{} {task}", errand.attempts));
                self.live.insert(task, errand);
            }
            None => offer.decline(),
        }
    }

    /// The task is over, or may be: its errand is done, or has to be tried again.
    fn settle(&mut self, mut errand: Errand, state: TaskState, cx: &mut Context) {
        errand.attempts += u32::from(state == TaskState::Failed);
        let done = state == TaskState::Finished || errand.attempts >= ATTEMPTS_MAX;
        let outcome = if done { "done ".to_owned() } else { format!("{} -", errand.attempts) };
        cx.save(key(errand.n), outcome);
        if !done {
            self.waiting.push(errand);
        }
    }
}

fn launch(errand: &Errand, id: TaskId, offer: &mut Offer) {
    let resources = errand.shape.take(offer.resources(), 1);
    let task = TaskSpec { kill_grace: Some(KILL_GRACE), ..TaskSpec::new(id, Command::shell("true"), resources) };
    offer.launch(task).expect("what fits can be launched");
}

/// Where an errand's progress is saved.
fn key(errand: usize) -> String {
    format!("errand-{errand}")
}

impl Scheduler for Errands {
    fn registered(&mut self, _: &Session, cx: &mut Context) {
        self.load(cx);
    }

    fn offers(&mut self, offers: &mut [Offer], cx: &mut Context) {
        for offer in offers {
            if self.feels_like(self.plan.holds, cx) {
                cx.hold(offer);
                self.later(Whim::UseHeld(offer.id()), cx);
            } else if self.feels_like(self.plan.declines, cx) {
                offer.decline_for(Duration::from_millis(cx.random_u64() % WHIM_MAX_MS));
            } else {
                self.use_offer(offer, cx);
            }
        }
    }

    fn update(&mut self, update: &TaskUpdate, cx: &mut Context) {
        let lost = matches!(update.state, TaskState::Unreachable | TaskState::GoneByOperator);
        if !update.state.is_terminal() && !lost {
            if self.feels_like(self.plan.whims, cx) {
                let whim = match cx.random_u64() % 3 {
                    0 => Whim::Revive,
                    1 => Whim::Reconcile,
                    _ => Whim::Explain,
                };
                self.later(whim, cx);
            }
            return;
        }
        // It may come back, and is not wanted then.
        cx.kill(&update.task);
        if let Some(errand) = self.live.remove(&update.task) {
            self.settle(errand, update.state, cx);
        }
    }

    fn demand(&self, role: &Role) -> Demand {
        let roles = &self.plan.roles;
        let mut waiting = self.waiting.iter().filter(|errand| roles[errand.n % roles.len()] == *role).peekable();
        if waiting.peek().is_some() && self.plan.greedy {
            return Demand::anything();
        }
        let mut shapes: Vec<Shape> = Vec::new();
        for errand in waiting {
            let same = |shape: &Shape| Shape { copies: errand.shape.copies, ..shape.clone() } == errand.shape;
            match shapes.iter().position(same) {
                Some(at) => shapes[at].copies = shapes[at].copies.map(|copies| copies + 1),
                None if shapes.len() < SHAPES_MAX => shapes.push(errand.shape.clone()),
                None => {}
            }
        }
        Demand { shapes }
    }

    fn timer(&mut self, timer: TimerId, cx: &mut Context) {
        match self.whims.remove(&timer) {
            Some(Whim::Kill(task)) => {
                cx.kill(&task);
            }
            Some(Whim::Revive) => cx.revive(),
            Some(Whim::Reconcile) => cx.reconcile(),
            Some(Whim::Explain) => self.plan.roles.iter().for_each(|role| cx.explain(role, None)),
            Some(Whim::UseHeld(id)) => self.use_held(id, cx),
            None => {}
        }
    }
}
