//! The trait that users implement: all the decisions of a framework, and nothing else.

use meros_types::{Demand, Epoch, Explanation, FrameworkId, OfferId, Role, SessionId, TaskUpdate};

use crate::{Context, Offer, TimerId};

/// A framework's decisions.
///
/// Every callback is synchronous and gets its time and randomness from [`Context`], so that it needs no lock, can't
/// deadlock, and runs in the simulator as it does in production. What it decides is written down in the offers and the
/// context and leaves when the callback has returned. A callback that blocks holds up heartbeats: after 30 s the master
/// takes the scheduler for lost.
pub trait Scheduler: Send + 'static {
    /// Resources to use. Each offer is lent: [`Offer::launch`] on it, keep it with [`Context::hold`], or let it be. What is
    /// not used goes back by itself, and is not offered again for 5 s unless [`Offer::decline_for`] says otherwise.
    fn offers(&mut self, offers: &mut [Offer], cx: &mut Context);

    /// A task's state changed. Facts of an agent come once each, and in order for each task; views of the master come when
    /// they change what was known. A terminal state is the last word about a task.
    ///
    /// A fact is acknowledged when this has returned and what it decided is stored, unless [`Context::defer_ack`] puts that off.
    /// With a state store it comes again to the next process exactly if nothing that this decided was stored: what
    /// [`Context::save`] keeps here counts each fact once. Without one, a process that ends here takes what it made of the fact
    /// with it.
    fn update(&mut self, update: &TaskUpdate, cx: &mut Context);

    /// What is wanted for `role` now, besides what is launched. Asked after every batch of callbacks; a change reaches the
    /// master together with the launches of that batch. As long as it is nothing, there are no offers.
    fn demand(&self, role: &Role) -> Demand {
        let _ = role;
        Demand::anything()
    }

    /// Offers kept with [`Context::hold`] are no more: taken back, run out, or lost with the connection.
    fn rescinded(&mut self, offers: &[OfferId], cx: &mut Context) {
        let _ = (offers, cx);
    }

    /// The answer to [`Context::explain`]: what stands between this framework and more offers, in the master's own reckoning.
    fn explained(&mut self, explanation: &Explanation, cx: &mut Context) {
        let _ = (explanation, cx);
    }

    /// The moment asked for with [`Context::after`] has come.
    fn timer(&mut self, timer: TimerId, cx: &mut Context) {
        let _ = (timer, cx);
    }

    /// The master knows this scheduler: for the first time, again, or in place of an earlier process. What changed for its
    /// tasks meanwhile follows as updates. The tasks that a state store had are in [`Context::tasks`] already, and what the
    /// earlier process saved is in [`Context::saved`].
    fn registered(&mut self, session: &Session, cx: &mut Context) {
        let _ = (session, cx);
    }
}

/// A subscription that the master has confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The framework, as the master knows it.
    pub framework: FrameworkId,
    /// How many schedulers of this framework have taken over, this one included.
    pub epoch: Epoch,
    /// The stream; a greater one follows when it breaks.
    pub id: SessionId,
    /// How it relates to what was before.
    pub kind: SessionKind,
}

/// How a session relates to the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// The framework's first.
    New,
    /// This process was registered before and has lost its connection.
    Resumed,
    /// Another process was registered before. Updates about its surviving tasks follow; with a state store they are known
    /// from the beginning.
    TakenOver,
}
