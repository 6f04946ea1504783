//! A scheduler that writes down what it hears and does what the test says, and a master's side to talk to it.
//! After every step the host checks itself, and what it sent is compared whole, so that nothing unexpected stays unseen.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use meros_session::{
    Ack, Context, Disconnection, Effect, Event, Host, Identity, Offer, Saved, Scheduler, Session, SessionError, StateChange,
    TimerId,
};
use meros_types::*;

type OnOffers = Box<dyn FnMut(&mut [Offer], &mut Context) + Send>;

/// A scheduler under the test's control.
#[derive(Default)]
pub(crate) struct Script {
    /// What it heard, one line each.
    pub(crate) heard: Vec<String>,
    pub(crate) wanted: Demand,
    pub(crate) on_offers: Option<OnOffers>,
    /// Ends when it hears the next update.
    pub(crate) stops: bool,
    /// Whether it puts off acknowledging what it hears, and what it has put off.
    pub(crate) defers: bool,
    /// Whether it puts that off and does it at once all the same.
    pub(crate) keeps: bool,
    pub(crate) acks: VecDeque<Ack>,
}

impl Scheduler for Script {
    fn offers(&mut self, offers: &mut [Offer], cx: &mut Context) {
        let ids: Vec<String> = offers.iter().map(|offer| offer.id().to_string()).collect();
        self.heard.push(format!("offers {}", ids.join(" ")));
        if let Some(act) = &mut self.on_offers {
            act(offers, cx);
        }
    }

    fn update(&mut self, update: &TaskUpdate, cx: &mut Context) {
        self.heard.push(format!("{} {} {}", update.task, update.state, update.reason));
        if self.stops {
            cx.stop();
        }
        if self.defers {
            self.acks.extend(cx.defer_ack());
        }
        if self.keeps {
            let ack = cx.defer_ack().unwrap();
            assert_eq!(cx.defer_ack(), None);
            cx.acknowledge(ack);
        }
    }

    fn demand(&self, _: &Role) -> Demand {
        self.wanted.clone()
    }

    fn rescinded(&mut self, offers: &[OfferId], _: &mut Context) {
        self.heard.push(format!("rescinded {offers:?}"));
    }

    fn explained(&mut self, explanation: &Explanation, _: &mut Context) {
        self.heard.push(format!("explained {} {:?}", explanation.role, explanation.standing));
    }

    fn timer(&mut self, timer: TimerId, cx: &mut Context) {
        self.heard.push(format!("timer {} at {}", timer.0, cx.now()));
    }

    fn registered(&mut self, session: &Session, _: &mut Context) {
        self.heard.push(format!("registered {:?} epoch {}", session.kind, session.epoch));
    }
}

/// The host, the time, and what there is to see.
pub(crate) struct Desk {
    pub(crate) host: Host<Script>,
    pub(crate) now: Now,
    pub(crate) session: SessionId,
    /// What is stored.
    pub(crate) saved: Saved,
    /// Whether the test answers transactions itself; they are stored at once otherwise.
    pub(crate) holds_commits: bool,
    /// How many offers were made only to be launched on: their ids are the first.
    launched: u64,
}

pub(crate) const FRAMEWORK: FrameworkId = FrameworkId::from_bytes([7; 16]);
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(5);

impl Desk {
    pub(crate) fn new(identity: Identity) -> Self {
        Self::recovered(identity, Saved::default()).unwrap()
    }

    /// A desk whose scheduler finds this in its store.
    pub(crate) fn recovered(identity: Identity, saved: Saved) -> Result<Self, SessionError> {
        let host = Host::recovered(identity, 1, Script::default(), saved.clone())?;
        let session = SessionId { term: Term(1), n: 0 };
        Ok(Self { host, now: Now::default(), session, saved, holds_commits: false, launched: 0 })
    }

    /// The process dies, and another one of the same framework begins with what is stored.
    pub(crate) fn restart(self) -> Self {
        let mut next = Self::recovered(keyed(), self.saved).unwrap();
        next.session = self.session;
        next
    }

    /// A desk whose scheduler is registered and wants nothing.
    pub(crate) fn registered() -> Self {
        let mut desk = Self::new(Identity::new("test"));
        desk.connect();
        desk.subscribe(1);
        desk.heard();
        desk
    }

    /// One batch of one event.
    pub(crate) fn event(&mut self, event: Event<Script>) -> Vec<Effect> {
        self.batch(vec![event])
    }

    pub(crate) fn batch(&mut self, events: Vec<Event<Script>>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for event in events {
            self.host.handle(self.now, event, &mut effects);
        }
        self.host.flush(self.now, &mut effects);
        self.host.check();
        if !self.holds_commits {
            self.store(&mut effects);
        }
        effects
    }

    /// Stores what is asked for, and takes it out of `effects`.
    fn store(&mut self, effects: &mut Vec<Effect>) {
        while let Some(at) = effects.iter().position(|effect| matches!(effect, Effect::Commit { .. })) {
            let Effect::Commit { seq, changes } = effects.remove(at) else { unreachable!() };
            self.saved.apply(changes);
            self.host.handle(self.now, Event::Committed { seq }, effects);
            self.host.flush(self.now, effects);
            self.host.check();
        }
    }

    /// The transaction in `effects`, when there is nothing else.
    pub(crate) fn commit_of(mut effects: Vec<Effect>) -> (u64, Vec<StateChange>) {
        match effects.pop() {
            Some(Effect::Commit { seq, changes }) if effects.is_empty() => (seq, changes),
            other => panic!("{other:?} after {effects:?}"),
        }
    }

    /// Stores a transaction that the test has held back: what that leads to.
    pub(crate) fn committed(&mut self, (seq, changes): (u64, Vec<StateChange>)) -> Vec<Effect> {
        self.saved.apply(changes);
        self.event(Event::Committed { seq })
    }

    /// Lets the first connection, or the next one after a failure, come up.
    pub(crate) fn connect(&mut self) -> Call {
        self.now.mono = self.now.mono.max(self.host.wakeup().unwrap());
        assert_eq!(self.event(Event::TimePassed), [Effect::Connect]);
        let mut effects = self.event(Event::Connected);
        let Some(Effect::Send(FromFramework { session: None, mut calls })) = effects.pop() else { panic!("no subscription") };
        assert!(effects.is_empty() && calls.len() == 1);
        calls.remove(0)
    }

    /// The master answers the subscription with a new session.
    pub(crate) fn subscribe(&mut self, epoch: u64) -> Vec<Call> {
        self.session.n += 1;
        let (epoch, heartbeat) = (Epoch(epoch), HEARTBEAT);
        self.receive(FrameworkEvent::Subscribed(Subscribed { framework: FRAMEWORK, epoch, heartbeat }))
    }

    /// The connection breaks, and is made again: the calls that the new session begins with.
    pub(crate) fn reconnect(&mut self) -> Vec<Call> {
        self.lose();
        self.connect();
        self.subscribe(1)
    }

    pub(crate) fn lose(&mut self) {
        assert_eq!(self.event(Event::Disconnected(Disconnection::Lost("test".into()))), []);
    }

    pub(crate) fn received(&self, event: FrameworkEvent) -> Event<Script> {
        Event::Received(ToFramework { session: self.session, event })
    }

    /// The master says something: the calls that it is answered with.
    pub(crate) fn receive(&mut self, event: FrameworkEvent) -> Vec<Call> {
        let event = self.received(event);
        let effects = self.event(event);
        self.calls_of(effects)
    }

    /// The test does something with the scheduler: the calls that it leads to.
    pub(crate) fn call(&mut self, act: impl FnOnce(&mut Script, &mut Context) + Send + 'static) -> Vec<Call> {
        let effects = self.event(Event::Called(Box::new(act)));
        self.calls_of(effects)
    }

    /// The calls of the one message in `effects`, if there is one.
    pub(crate) fn calls_of(&self, mut effects: Vec<Effect>) -> Vec<Call> {
        match effects.pop() {
            None => Vec::new(),
            Some(Effect::Send(message)) if effects.is_empty() => {
                assert_eq!(message.session, Some(self.session));
                message.calls
            }
            other => panic!("{other:?} after {effects:?}"),
        }
    }

    /// What the scheduler heard since the last time.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        let (heard, effects) = std::sync::mpsc::sync_channel(1);
        assert_eq!(self.call(move |script, _| heard.send(std::mem::take(&mut script.heard)).unwrap()), []);
        effects.recv().unwrap()
    }

    /// Waits for `wait`, with a master that says every second that it is alive; heartbeats don't count as effects.
    pub(crate) fn wait(&mut self, wait: Duration) -> Vec<Effect> {
        let until = self.now.mono.after(wait);
        let mut all = Vec::new();
        while self.now.mono < until {
            let next = self.host.wakeup().unwrap_or(until).min(until).min(self.now.mono.after(Duration::from_secs(1)));
            self.now.mono = next;
            let alive = self.received(FrameworkEvent::Heartbeat);
            all.extend(self.batch(vec![alive, Event::TimePassed]));
        }
        all.retain(|effect| !matches!(effect, Effect::Send(message) if message.calls == [Call::Heartbeat]));
        all
    }

    /// Launches the task `id` on a new offer.
    pub(crate) fn launch(&mut self, id: &str) {
        let task = task(id);
        let launch = move |offers: &mut [Offer]| offers[0].launch(task.clone()).unwrap();
        self.call(move |script, _| script.on_offers = Some(Box::new(move |offers, _| launch(offers))));
        self.launched += 1;
        let calls = self.receive(FrameworkEvent::Offers(vec![offer(self.launched)]));
        assert!(matches!(&calls[..], [Call::Accept(_)]), "{calls:?}");
        self.call(|script, _| script.on_offers = None);
        self.heard();
    }
}

/// A framework that outlives its process.
pub(crate) fn keyed() -> Identity {
    Identity { key: Some("k".into()), ..Identity::new("test") }
}

pub(crate) fn agent() -> AgentId {
    AgentId::from_bytes([3; 16])
}

/// An offer of 4 cores and 1 GiB.
pub(crate) fn offer(id: u64) -> meros_types::Offer {
    let agent = OfferedAgent::new(agent(), "host");
    let resources = Resources::parse("cpus:4;mem:1GiB").unwrap();
    let (id, role, agent, lease) = (OfferId(id), Role::default(), Arc::new(agent), Duration::from_secs(30));
    meros_types::Offer { id, role, agent, resources, lease, unavailability: None }
}

/// A task of 1 core and 256 MiB.
pub(crate) fn task(id: &str) -> TaskSpec {
    TaskSpec::new(TaskId::new(id).unwrap(), Command::shell("true"), Resources::parse("cpus:1;mem:256MiB").unwrap())
}

pub(crate) fn accept(offer: u64, tasks: Vec<TaskSpec>) -> Call {
    let groups = vec![AcceptGroup { leases: vec![OfferId(offer)], operations: vec![Operation::Launch(tasks)] }];
    Call::Accept(Accept { groups, all_or_nothing: false, filter: FILTER_DEFAULT })
}

pub(crate) fn decline(offers: &[u64], filter: Duration) -> Call {
    Call::Decline(Decline { offers: offers.iter().copied().map(OfferId).collect(), filter })
}

/// A view of the master.
pub(crate) fn view(task: &str, state: TaskState) -> FrameworkEvent {
    let task = TaskId::new(task).unwrap();
    FrameworkEvent::Update(Box::new(TaskUpdate::new(task, state, Source::Master, Reason::Reconciliation, "", WallTime(0))))
}

pub(crate) fn launch_id(n: u64) -> LaunchId {
    LaunchId { term: Term(1), n }
}

/// A fact: the `n`th of the agent's `life`.
pub(crate) fn fact(task: &str, launch: u64, state: TaskState, life: u8, n: u64) -> FrameworkEvent {
    let mut update = TaskUpdate::new(TaskId::new(task).unwrap(), state, Source::Agent, Reason::Started, "", WallTime(0));
    update.agent = Some(agent());
    update.launch = Some(launch_id(launch));
    update.fact = Some(FactId { incarnation: Incarnation::from_bytes([life; 16]), n });
    FrameworkEvent::Update(Box::new(update))
}

pub(crate) fn acknowledged(launch: u64, life: u8, n: u64) -> Call {
    let fact = FactId { incarnation: Incarnation::from_bytes([life; 16]), n };
    Call::Acknowledge(Acknowledge { agent: agent(), launch: launch_id(launch), fact })
}

pub(crate) fn reconcile(tasks: &[&str]) -> Call {
    Call::Reconcile(tasks.iter().map(|task| query(task)).collect())
}

/// A task, and the agent that every offer is of.
fn query(task: &str) -> TaskQuery {
    TaskQuery { task: TaskId::new(task).unwrap(), agent: Some(agent()) }
}
