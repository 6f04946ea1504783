//! A framework's process: the user's real scheduler in the SDK's real session. Owned: its inbox, and the record of what the
//! scheduler was told. Absent: its stream, which is the network's.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeSet;

use meros_session::{Context, Disconnection, Effect, Event, Host, Offer, Saved, Scheduler, Session, TimerId};
use meros_types::{Demand, Now, OfferId, Role, TaskId, TaskState, TaskUpdate, Time, ToFramework};

/// What the simulator tells a session, whatever its scheduler is.
#[derive(Debug)]
pub(crate) enum Input {
    Connected,
    Lost(String),
    Received(Box<ToFramework>),
    Committed(u64),
    TimePassed,
}

/// A session whose scheduler's type the cluster does not know.
pub(crate) trait AnySession {
    /// Puts an event in the inbox.
    fn push(&mut self, input: Input);
    /// Takes the events of a stream that is no more out of the inbox: nothing of it may be handed in after its end.
    fn forget_stream(&mut self);
    /// Hands in all that is in the inbox as one batch. Returns how many events it was.
    fn turn(&mut self, now: Now, effects: &mut Vec<Effect>) -> usize;
    fn wakeup(&self) -> Option<Time>;
    fn check(&self);
    fn task_count(&self) -> usize;
    /// The tasks that the scheduler sees as live, but for those of which it knows that nothing will be heard any more.
    fn tasks(&self) -> BTreeSet<TaskId>;
    /// What the scheduler was told since the last time, in order.
    fn take_told(&mut self) -> Vec<TaskUpdate>;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// A session with its inbox.
pub(crate) struct TypedSession<S: Scheduler> {
    host: Host<Witness<S>>,
    inbox: Vec<Event<Witness<S>>>,
}

/// The user's scheduler, with a witness of the updates that reach it.
struct Witness<S> {
    scheduler: S,
    told: RefCell<Vec<TaskUpdate>>,
}

impl<S: Scheduler> TypedSession<S> {
    pub(crate) fn new(identity: meros_session::Identity, seed: u64, scheduler: S, saved: Saved) -> Self {
        let witness = Witness { scheduler, told: RefCell::default() };
        let host = Host::recovered(identity, seed, witness, saved).expect("its key is as it was");
        Self { host, inbox: Vec::new() }
    }

    pub(crate) fn scheduler(&self) -> &S {
        &self.host.scheduler().scheduler
    }

    /// Puts a call of the rest of the program in the inbox.
    pub(crate) fn call(&mut self, call: impl FnOnce(&mut S, &mut Context) + Send + 'static) {
        self.inbox.push(Event::Called(Box::new(|witness: &mut Witness<S>, cx: &mut Context| call(&mut witness.scheduler, cx))));
    }
}

impl<S: Scheduler> AnySession for TypedSession<S> {
    fn push(&mut self, input: Input) {
        self.inbox.push(match input {
            Input::Connected => Event::Connected,
            Input::Lost(reason) => Event::Disconnected(Disconnection::Lost(reason)),
            Input::Received(message) => Event::Received(*message),
            Input::Committed(seq) => Event::Committed { seq },
            Input::TimePassed => Event::TimePassed,
        });
    }

    fn forget_stream(&mut self) {
        self.inbox.retain(|event| !matches!(event, Event::Connected | Event::Disconnected(_) | Event::Received(_)));
    }

    fn turn(&mut self, now: Now, effects: &mut Vec<Effect>) -> usize {
        let batch = std::mem::take(&mut self.inbox);
        let events = batch.len();
        for event in batch {
            self.host.handle(now, event, effects);
        }
        self.host.flush(now, effects);
        events
    }

    fn wakeup(&self) -> Option<Time> {
        self.host.wakeup()
    }

    fn check(&self) {
        self.host.check();
    }

    fn task_count(&self) -> usize {
        self.host.context().task_count()
    }

    fn tasks(&self) -> BTreeSet<TaskId> {
        let tasks = self.host.context().tasks();
        tasks.filter(|(_, task)| task.state() != TaskState::GoneByOperator).map(|(id, _)| id.clone()).collect()
    }

    fn take_told(&mut self) -> Vec<TaskUpdate> {
        self.host.scheduler().told.take()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

impl<S: Scheduler> Scheduler for Witness<S> {
    fn offers(&mut self, offers: &mut [Offer], cx: &mut Context) {
        self.scheduler.offers(offers, cx);
    }

    fn update(&mut self, update: &TaskUpdate, cx: &mut Context) {
        self.told.get_mut().push(update.clone());
        self.scheduler.update(update, cx);
    }

    fn demand(&self, role: &Role) -> Demand {
        self.scheduler.demand(role)
    }

    fn rescinded(&mut self, offers: &[OfferId], cx: &mut Context) {
        self.scheduler.rescinded(offers, cx);
    }

    fn timer(&mut self, timer: TimerId, cx: &mut Context) {
        self.scheduler.timer(timer, cx);
    }

    fn registered(&mut self, session: &Session, cx: &mut Context) {
        self.scheduler.registered(session, cx);
    }
}
