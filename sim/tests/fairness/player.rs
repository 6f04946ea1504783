//! A framework of these tests: one scheduler with one habit, honest or bad. Owned: what it does with offers. Absent: how long its
//! tasks run, which the cluster decides, and crashes of its process, which the scene does.

use std::collections::BTreeMap;
use std::time::Duration;

use meros_session::{Context, Offer, Scheduler, Session, TimerId};
use meros_types::{Command, Demand, OfferId, Resources, Role, Shape, TaskId, TaskSpec, TaskUpdate, Time};

/// How long before the end of a lease the slow ones answer.
const LAST_MOMENT: Duration = Duration::from_secs(1);
/// The shortest and the longest time that a flapping one wants everything, and then nothing.
const FLAP_MS: (u64, u64) = (1_000, 4_000);

/// What a framework does with offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Habit {
    /// Wants copies of its shape without end, and launches whatever is offered.
    Honest,
    /// Wants one task at a time, and notes how long each waits.
    Patient,
    /// Wants anything without end, and holds each offer until its lease ends.
    Greedy,
    /// Wants copies of its shape without end, holds each offer for two thirds of its lease and declines it then.
    Hoarding,
    /// Wants copies of its shape without end, and launches in the last moment of each lease.
    Slow,
    /// Wants anything, then nothing, and so on, and holds each offer until its lease ends. Its process crashes, too.
    Flapping,
    /// Wants anything without end, and declines everything without a filter.
    Declining,
}

impl Habit {
    /// The bad ones.
    pub(crate) const BAD: [Self; 5] = [Self::Greedy, Self::Hoarding, Self::Slow, Self::Flapping, Self::Declining];
}

/// The scheduler.
#[derive(Debug)]
pub(crate) struct Player {
    habit: Habit,
    unit: Resources,
    held: BTreeMap<TimerId, OfferId>,
    /// Whether a flapping one wants everything now.
    wants: bool,
    flap: Option<TimerId>,
    /// Since when a patient one wants what it wants.
    since: Option<Time>,
    /// How long each task of a patient one has waited for its offer.
    pub(crate) waits: Vec<Duration>,
}

impl Player {
    pub(crate) fn new(habit: Habit, unit: Resources) -> Self {
        Self { habit, unit, held: BTreeMap::new(), wants: true, flap: None, since: None, waits: Vec::new() }
    }

    /// Notes how long a patient one waits already, if it does.
    pub(crate) fn note_wait(&mut self, now: Time) {
        self.waits.extend(self.since.map(|since| now.since(since)));
    }

    fn hold_until(&mut self, offer: &mut Offer, wait: Duration, cx: &mut Context) {
        cx.hold(offer);
        self.held.insert(cx.after(wait), offer.id());
    }

    fn launch(&self, id: TaskId, offer: &mut Offer) {
        let task = TaskSpec::new(id, Command::shell("true"), self.unit.clone());
        offer.launch(task).expect("what fits can be launched");
    }

    /// Launches whatever fits on an offer that was held.
    fn launch_on_held(&self, id: OfferId, cx: &mut Context) {
        while cx.held(id).is_some_and(|offer| offer.fits(&self.unit)) {
            let task = cx.new_task_id();
            if let Some(offer) = cx.held(id) {
                self.launch(task, offer);
            }
        }
    }

    fn take_one(&mut self, offer: &mut Offer, cx: &mut Context) {
        if offer.fits(&self.unit)
            && let Some(since) = self.since.take()
        {
            self.waits.push(cx.now().since(since));
            self.launch(cx.new_task_id(), offer);
        }
    }

    fn flap(&mut self, cx: &mut Context) {
        let (low, high) = FLAP_MS;
        let wait = Duration::from_millis(low + cx.random_u64() % (high - low));
        self.flap = Some(cx.after(wait));
    }
}

impl Scheduler for Player {
    fn registered(&mut self, _: &Session, cx: &mut Context) {
        match self.habit {
            Habit::Patient if self.since.is_none() && cx.task_count() == 0 => self.since = Some(cx.now()),
            Habit::Flapping if self.flap.is_none() => self.flap(cx),
            _ => {}
        }
    }

    fn offers(&mut self, offers: &mut [Offer], cx: &mut Context) {
        for offer in offers {
            match self.habit {
                Habit::Honest => {
                    while offer.fits(&self.unit) {
                        self.launch(cx.new_task_id(), offer);
                    }
                }
                Habit::Patient => self.take_one(offer, cx),
                Habit::Greedy | Habit::Flapping => cx.hold(offer),
                Habit::Hoarding => self.hold_until(offer, offer.lease() * 2 / 3, cx),
                Habit::Slow => self.hold_until(offer, offer.lease().saturating_sub(LAST_MOMENT), cx),
                Habit::Declining => offer.decline_for(Duration::ZERO),
            }
        }
    }

    fn update(&mut self, update: &TaskUpdate, cx: &mut Context) {
        if update.state.is_terminal() && self.habit == Habit::Patient {
            self.since = Some(cx.now());
        }
    }

    fn demand(&self, _: &Role) -> Demand {
        let without_end = || Demand { shapes: vec![Shape::of(self.unit.clone())] };
        match self.habit {
            Habit::Honest | Habit::Hoarding | Habit::Slow => without_end(),
            Habit::Patient => Demand::of(self.unit.clone(), u64::from(self.since.is_some())),
            Habit::Greedy | Habit::Declining => Demand::anything(),
            Habit::Flapping if self.wants => Demand::anything(),
            Habit::Flapping => Demand::nothing(),
        }
    }

    fn timer(&mut self, timer: TimerId, cx: &mut Context) {
        if self.flap == Some(timer) {
            self.wants = !self.wants;
            return self.flap(cx);
        }
        let Some(id) = self.held.remove(&timer) else { return };
        if self.habit == Habit::Slow {
            self.launch_on_held(id, cx);
        } else if let Some(offer) = cx.held(id) {
            offer.decline();
        }
    }
}
