//! Anything in any order, the process dying between any two steps of a commit: no task is launched twice or after it was
//! reported dropped, each fact counts once in what is stored, facts of a task rise, and nothing leaves before what it rests on
//! is stored. Once the dust has settled, all facts are acknowledged and the scheduler has the tasks that the agent has.
//!
//! The oracle is the world's own record of what its agent has run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use meros_session::{Context, Disconnection, Effect, Event, Host, Saved, SavedTask, StateChange};
use meros_types::*;
use proptest::prelude::*;

use crate::counting::{Counting, heard_key, times_heard};
use crate::desk::{FRAMEWORK, agent, keyed, launch_id, offer};

/// A fact of the agent.
struct Fact {
    n: u64,
    state: TaskState,
    acknowledged: bool,
    /// Whether this session has brought it: the agent sends in order, and again only what it has sent.
    sent: bool,
}

/// A task as its agent knows it.
struct Ran {
    launch: u64,
    facts: Vec<Fact>,
}

impl Ran {
    fn state(&self) -> TaskState {
        self.facts.last().map_or(TaskState::Staging, |fact| fact.state)
    }
}

/// Everything around the scheduler's process.
struct World {
    host: Host<Counting>,
    now: Now,
    processes: u64,
    session: SessionId,
    epoch: u64,
    defers: bool,
    saved: Saved,
    commit: Option<(u64, Vec<StateChange>)>,
    /// Whether what is sent arrives.
    delivers: bool,
    ran: BTreeMap<TaskId, Ran>,
    facts: u64,
    offers: u64,
    /// The first offer of this session: those before are no more.
    first_offer: u64,
    dropped: BTreeSet<TaskId>,
    /// The facts that a scheduler which puts that off has acknowledged.
    kept: BTreeSet<u64>,
    incoming: VecDeque<FrameworkEvent>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Offers(u64),
    Fact(usize),
    SendAgain(usize),
    Kill(usize),
    Keep,
    Stored,
    /// The process dies: whether its last transaction is stored, and if so, whether what rests on it has left.
    Crash {
        stored: bool,
        sent: bool,
    },
    /// The connection breaks: before or after a transaction is stored, and what leaves then arriving or not.
    Lose {
        stored: bool,
        arrives: bool,
    },
    NewMaster,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..3_u64).prop_map(Step::Offers),
        8 => any::<usize>().prop_map(Step::Fact),
        3 => any::<usize>().prop_map(Step::SendAgain),
        1 => any::<usize>().prop_map(Step::Kill),
        2 => Just(Step::Keep),
        6 => Just(Step::Stored),
        2 => any::<(bool, bool)>().prop_map(|(stored, sent)| Step::Crash { stored, sent }),
        1 => any::<(bool, bool)>().prop_map(|(stored, arrives)| Step::Lose { stored, arrives }),
        1 => Just(Step::NewMaster),
    ]
}

impl World {
    fn new(defers: bool) -> Self {
        let mut world = Self {
            host: Host::recovered(keyed(), 0, Counting::new(defers), Saved::default()).unwrap(),
            now: Now::default(),
            processes: 0,
            session: SessionId { term: Term(1), n: 0 },
            epoch: 0,
            defers,
            saved: Saved::default(),
            commit: None,
            delivers: true,
            ran: BTreeMap::new(),
            facts: 0,
            offers: 0,
            first_offer: 1,
            dropped: BTreeSet::new(),
            kept: BTreeSet::new(),
            incoming: VecDeque::new(),
        };
        world.connect();
        world
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Offers(count) => {
                let offers = (1..=count).map(|n| offer(self.offers + n)).collect();
                self.offers += count;
                self.incoming.push_back(FrameworkEvent::Offers(offers));
            }
            Step::Fact(which) => self.report(which),
            Step::SendAgain(which) => self.send_again(which),
            Step::Kill(which) => {
                let id = nth(self.ran.keys(), which).cloned();
                self.called(move |_, cx| {
                    if let Some(id) = id {
                        cx.kill(&id);
                    }
                });
            }
            Step::Keep => self.called(|scheduler, cx| _ = scheduler.keep(cx)),
            Step::Stored => self.store(),
            Step::Crash { stored, sent } => self.crash(stored, sent),
            Step::Lose { stored, arrives } => self.lose(stored, arrives),
            Step::NewMaster => {
                self.session = SessionId { term: Term(self.session.term.0 + 1), n: 0 };
                self.lose(true, true);
            }
        }
        self.hear();
    }

    /// The master says what it has to say.
    fn hear(&mut self) {
        while let Some(event) = self.incoming.pop_front() {
            let session = self.session;
            self.event(Event::Received(ToFramework { session, event }));
        }
    }

    fn event(&mut self, event: Event<Counting>) {
        let mut effects = Vec::new();
        self.host.handle(self.now, event, &mut effects);
        self.host.flush(self.now, &mut effects);
        self.host.check();
        self.dropped.extend(self.host.scheduler().dropped.iter().cloned());
        self.kept.extend(&self.host.scheduler().kept);
        for effect in effects {
            match effect {
                Effect::Connect => {}
                Effect::Commit { seq, changes } => assert!(self.commit.replace((seq, changes)).is_none(), "one at a time"),
                Effect::Send(message) if self.delivers => message.calls.into_iter().for_each(|call| self.take(call)),
                Effect::Send(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    fn called(&mut self, act: impl FnOnce(&mut Counting, &mut Context) + Send + 'static) {
        self.event(Event::Called(Box::new(act)));
    }

    /// A call arrives at the master, which passes it on to the agent.
    fn take(&mut self, call: Call) {
        match call {
            Call::Subscribe(subscribe) => {
                self.epoch += u64::from(subscribe.mode == SubscribeMode::Takeover);
                let (framework, epoch, heartbeat) = (FRAMEWORK, Epoch(self.epoch), Duration::from_secs(5));
                self.incoming.push_back(FrameworkEvent::Subscribed(Subscribed { framework, epoch, heartbeat }));
            }
            Call::Accept(accept) => {
                let leases = accept.groups.iter().flat_map(|group| &group.leases);
                leases.for_each(|lease| assert!(lease.0 >= self.first_offer, "{lease}: it is of this session"));
                for operation in accept.groups.into_iter().flat_map(|group| group.operations) {
                    let Operation::Launch(tasks) = operation else { panic!() };
                    tasks.into_iter().for_each(|task| self.launch(task.id));
                }
            }
            Call::Acknowledge(acknowledge) => self.acknowledge(&acknowledge),
            Call::Reconcile(queries) if queries.is_empty() => {
                let live: Vec<_> = self.ran.keys().filter(|id| self.is_live(id)).cloned().collect();
                live.into_iter().for_each(|id| self.tell_how(id));
            }
            Call::Reconcile(queries) => queries.into_iter().for_each(|query| self.tell_how(query.task)),
            _ => {}
        }
    }

    fn launch(&mut self, id: TaskId) {
        assert!(matches!(self.saved.tasks.get(&id), Some(SavedTask::Live(_))), "{id}: its intent is stored");
        assert!(!self.dropped.contains(&id), "{id}: what was dropped is not launched");
        let ran = Ran { launch: self.ran.len() as u64 + 1, facts: Vec::new() };
        assert!(self.ran.insert(id.clone(), ran).is_none(), "{id} is launched once");
    }

    fn acknowledge(&mut self, acknowledge: &Acknowledge) {
        let n = acknowledge.fact.n;
        assert!(!self.defers || self.kept.contains(&n), "{n}: it is acknowledged by its scheduler first");
        let (id, ran) = self.ran.iter_mut().find(|(_, ran)| ran.launch == acknowledge.launch.n).unwrap();
        assert!(times_heard(self.saved.values.get(&heard_key(id, n)).map(Vec::as_slice)) > 0, "{id} {n}: it is stored first");
        ran.facts.iter_mut().find(|fact| fact.n == n).unwrap().acknowledged = true;
    }

    /// Whether the agent still has the task: it runs, or its end is not acknowledged.
    fn is_live(&self, id: &TaskId) -> bool {
        self.ran.get(id).is_some_and(|ran| !ran.state().is_terminal() || ran.facts.iter().any(|fact| !fact.acknowledged))
    }

    /// A view of the master, whose agent is registered.
    fn tell_how(&mut self, id: TaskId) {
        let live = self.is_live(&id);
        let state = if live { self.ran[&id].state() } else { TaskState::Unknown };
        let mut view = TaskUpdate::new(id, state, Source::Master, Reason::Reconciliation, "", WallTime(0));
        view.agent = Some(agent());
        view.launch = live.then(|| launch_id(self.ran[&view.task].launch));
        // A view of an end is left to the fact, so that each is counted.
        if !state.is_terminal() {
            self.incoming.push_back(FrameworkEvent::Update(Box::new(view)));
        }
    }

    /// A task goes on to its next state.
    fn report(&mut self, which: usize) {
        let running = self.ran.iter().filter(|(_, ran)| !ran.state().is_terminal()).map(|(id, _)| id);
        let Some(id) = nth(running, which).cloned() else { return };
        let facts = &mut self.ran.get_mut(&id).unwrap().facts;
        let state = [TaskState::Starting, TaskState::Running, TaskState::Finished][facts.len()];
        self.facts += 1;
        facts.push(Fact { n: self.facts, state, acknowledged: false, sent: false });
        self.send(&id, self.facts);
    }

    fn send_again(&mut self, which: usize) {
        let sent = self.ran.iter().flat_map(|(id, ran)| ran.facts.iter().filter(|fact| fact.sent).map(move |fact| (id, fact.n)));
        let sent: Vec<_> = sent.map(|(id, n)| (id.clone(), n)).collect();
        if let Some((id, n)) = nth(sent.iter(), which) {
            self.send(id, *n);
        }
    }

    fn send(&mut self, id: &TaskId, n: u64) {
        let ran = self.ran.get_mut(id).unwrap();
        let fact = ran.facts.iter_mut().find(|fact| fact.n == n).unwrap();
        fact.sent = true;
        let mut update = TaskUpdate::new(id.clone(), fact.state, Source::Agent, Reason::Started, "", WallTime(0));
        (update.agent, update.launch) = (Some(agent()), Some(launch_id(ran.launch)));
        update.fact = Some(FactId { incarnation: Incarnation::from_bytes([1; 16]), n });
        self.incoming.push_back(FrameworkEvent::Update(Box::new(update)));
    }

    fn store(&mut self) {
        if let Some((seq, changes)) = self.commit.take() {
            self.saved.apply(changes);
            self.event(Event::Committed { seq });
        }
    }

    fn crash(&mut self, stored: bool, sent: bool) {
        if let Some((seq, changes)) = self.commit.take().filter(|_| stored) {
            self.saved.apply(changes);
            if sent {
                self.event(Event::Committed { seq });
                self.commit = None;
            }
        }
        self.incoming.clear();
        self.processes += 1;
        self.host = Host::recovered(keyed(), self.processes, Counting::new(self.defers), self.saved.clone()).unwrap();
        self.connect();
    }

    fn lose(&mut self, stored: bool, arrives: bool) {
        if stored {
            self.delivers = arrives;
            self.store();
            self.delivers = true;
        }
        self.incoming.clear();
        self.event(Event::Disconnected(Disconnection::Lost("test".into())));
        self.connect();
    }

    fn connect(&mut self) {
        self.session.n += 1;
        self.first_offer = self.offers + 1;
        self.now.mono = self.now.mono.max(self.host.wakeup().unwrap());
        self.event(Event::TimePassed);
        self.event(Event::Connected);
        self.hear();
        self.ran.values_mut().flat_map(|ran| &mut ran.facts).for_each(|fact| fact.sent = false);
        self.send_unacknowledged();
    }

    /// The agent sends all that is not acknowledged, in order.
    fn send_unacknowledged(&mut self) {
        let open = |(id, ran): (&TaskId, &Ran)| {
            let open = ran.facts.iter().filter(|fact| !fact.acknowledged);
            open.map(|fact| (fact.n, id.clone())).collect::<Vec<_>>()
        };
        let all: BTreeMap<u64, TaskId> = self.ran.iter().flat_map(open).collect();
        all.into_iter().for_each(|(n, id)| self.send(&id, n));
    }

    /// Nothing bad happens any more: everything comes to rest within a bound.
    fn settle(&mut self) {
        for _ in 0..20 {
            self.send_unacknowledged();
            self.incoming.push_back(FrameworkEvent::Heartbeat);
            self.hear();
            self.called(|scheduler, cx| while scheduler.keep(cx) {});
            while self.commit.is_some() {
                self.store();
                self.hear();
            }
            self.now.mono = self.now.mono.after(Duration::from_secs(3));
            self.event(Event::TimePassed);
            self.hear();
        }
        let scheduled: BTreeSet<_> = self.host.context().tasks().map(|(id, _)| id.clone()).collect();
        let live: BTreeSet<_> = self.ran.keys().filter(|id| self.is_live(id)).cloned().collect();
        assert_eq!(scheduled, live, "the scheduler has the tasks that the agent has");
        for (id, ran) in &self.ran {
            for fact in &ran.facts {
                let times = times_heard(self.saved.values.get(&heard_key(id, fact.n)).map(Vec::as_slice));
                assert!(fact.acknowledged, "{id} {}: it is acknowledged in the end", fact.n);
                assert!(times == 1 || (self.defers && times > 1), "{id} {}: it counts once, not {times} times", fact.n);
            }
        }
    }
}

fn nth<T>(mut of: impl Iterator<Item = T> + Clone, which: usize) -> Option<T> {
    let count = of.clone().count();
    if count == 0 { None } else { of.nth(which % count) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_stored_state_tells_the_truth(steps in proptest::collection::vec(step(), 1..80), defers in any::<bool>()) {
        let mut world = World::new(defers);
        steps.into_iter().for_each(|step| world.step(step));
        world.settle();
    }
}
