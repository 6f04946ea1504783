//! The shim's machine, event by event.

use std::time::Duration;

use meros_types::{Exit, ExitRecord, Now, Time, Usage};

use super::{Effect, Event, Kill, OOM_LOOKS_MAX, Shim};

/// A shim whose clock the test turns, and whose state is checked after every step.
struct Bench {
    shim: Shim,
    now: Now,
}

impl Bench {
    fn started() -> Self {
        let now = Now { mono: Time(1_000_000_000), ..Now::default() };
        Self { shim: Shim::started(now), now }
    }

    #[track_caller]
    fn check(&mut self, event: Event, expected: &[Effect]) {
        let mut effects = Vec::new();
        self.shim.handle(self.now, event, &mut effects);
        self.shim.check();
        assert_eq!(effects, expected);
    }

    /// Turns the clock to the shim's next wakeup.
    #[track_caller]
    fn wake(&mut self, expected: &[Effect]) -> Duration {
        let wakeup = self.shim.wakeup().expect("the shim waits for something");
        let waited = wakeup.since(self.now.mono);
        self.now.mono = wakeup;
        self.check(Event::TimePassed, expected);
        waited
    }
}

fn reaped(task: Option<Exit>, tree_empty: bool) -> Event {
    Event::ProcessesReaped { task, killed: false, tree_empty }
}

const MEASURE: [Effect; 2] = [Effect::DrainOutput, Effect::Measure];

#[test]
fn a_task_alone_is_measured_without_a_kill() {
    let mut bench = Bench::started();
    bench.now.mono = bench.now.mono.after(Duration::from_millis(5));
    bench.check(reaped(Some(Exit::Code(3)), true), &MEASURE);
    let usage = Usage { cpu: Duration::from_millis(2), ..Usage::default() };
    let record = ExitRecord { exit: Exit::Code(3), usage: Usage { wall: Duration::from_millis(5), ..usage } };
    bench.check(Event::Measured(usage), &[Effect::LeaveRecord(record), Effect::Quit]);
    assert!(bench.shim.is_over());
}

#[test]
fn what_outlives_the_task_is_killed_until_the_tree_is_empty() {
    let mut bench = Bench::started();
    bench.check(reaped(Some(Exit::Code(0)), false), &[Effect::KillTree]);
    bench.check(reaped(None, false), &[]);
    let waits: Vec<_> = (0..12).map(|_| bench.wake(&[Effect::KillTree]).as_millis()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000]);
    bench.check(reaped(None, true), &MEASURE);
}

#[test]
fn an_orphan_of_the_task_ends_nothing() {
    let mut bench = Bench::started();
    bench.check(reaped(None, false), &[]);
    assert_eq!(bench.shim.wakeup(), None);
}

#[test]
fn terminate_asks_the_task_and_waits() {
    let mut bench = Bench::started();
    bench.check(Event::KillRequested(Kill::Terminate), &[Effect::TerminateTask]);
    bench.check(Event::KillRequested(Kill::Terminate), &[Effect::TerminateTask]);
    assert_eq!(bench.shim.wakeup(), None);
}

#[test]
fn terminate_leaves_a_dead_task_alone() {
    let mut bench = Bench::started();
    bench.check(reaped(Some(Exit::Code(0)), false), &[Effect::KillTree]);
    bench.check(Event::KillRequested(Kill::Terminate), &[]);
}

#[test]
fn destroy_kills_the_tree_and_the_task_shows_how_it_died() {
    let mut bench = Bench::started();
    bench.check(Event::KillRequested(Kill::Destroy), &[Effect::KillTree]);
    bench.check(Event::KillRequested(Kill::Destroy), &[]);
    bench.check(reaped(Some(Exit::Signal(9)), true), &MEASURE);
    let record = ExitRecord { exit: Exit::Signal(9), usage: Usage::default() };
    bench.check(Event::Measured(Usage::default()), &[Effect::LeaveRecord(record), Effect::Quit]);
}

#[test]
fn an_oom_kill_of_a_descendant_ends_the_task() {
    let mut bench = Bench::started();
    bench.check(Event::MemoryRanOut, &[Effect::CountOomKills]);
    bench.check(Event::OomKillsCounted(0), &[]);
    assert_eq!(bench.wake(&[Effect::CountOomKills]), Duration::from_millis(1));
    bench.check(Event::OomKillsCounted(1), &[Effect::KillTree]);
}

#[test]
fn memory_that_was_found_without_a_kill_is_forgotten() {
    let mut bench = Bench::started();
    bench.check(Event::MemoryRanOut, &[Effect::CountOomKills]);
    for _ in 1..OOM_LOOKS_MAX {
        bench.check(Event::OomKillsCounted(0), &[]);
        bench.wake(&[Effect::CountOomKills]);
    }
    bench.check(Event::OomKillsCounted(0), &[]);
    assert_eq!(bench.shim.wakeup(), None);
}

#[test]
fn a_killed_orphan_is_a_reason_to_look_for_an_oom_kill() {
    let mut bench = Bench::started();
    bench.check(Event::ProcessesReaped { task: None, killed: true, tree_empty: false }, &[Effect::CountOomKills]);
    bench.check(Event::OomKillsCounted(2), &[Effect::KillTree]);
}

#[test]
fn a_late_wakeup_or_answer_changes_nothing() {
    let mut bench = Bench::started();
    bench.check(Event::TimePassed, &[]);
    bench.check(reaped(Some(Exit::Code(0)), true), &MEASURE);
    bench.check(Event::TimePassed, &[]);
    bench.check(Event::OomKillsCounted(1), &[]);
    bench.check(Event::KillRequested(Kill::Destroy), &[]);
    bench.check(Event::MemoryRanOut, &[]);
}
