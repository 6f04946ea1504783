//! Anything in any order, nonsense included, and crashes at any moment: the agent never panics, checks itself after each step, and
//! never runs more than it has, nor two containers as one user. Over all its lives a launch starts at most once, no end that was
//! told is lost or told otherwise, and facts keep their order (the harness sees to these).

use std::time::Duration;

use meros_agent_core::{Event, Found, StartFailure};
use meros_types::{AgentOrder, ContainerId, Exit, ExitRecord, Refusal, SessionId, Term, Usage};
use proptest::prelude::*;
use proptest::sample::select;

use crate::harness::*;

/// What happens, as far as it can be said beforehand; `skip` is how far behind the next launch an order is.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Launches { skip: u64, epoch: u64, task: &'static str, each: &'static str, grace: Option<u64> },
    Kills { n: u64, grace: Option<u64> },
    Acknowledges(usize),
    Resends,
    Started(usize),
    Failed(usize),
    Ended(usize, Option<ExitRecord>),
    Connected,
    Registered,
    OldMaster,
    Disconnected,
    OldOrder,
    Passes(u64),
    DiskExceeded(usize),
    Holds(Hold),
    Stalls(bool),
    Crashes { power_lost: bool, found: [u8; 4], registers: bool },
}

fn exit() -> impl Strategy<Value = Option<ExitRecord>> {
    let exit = prop_oneof![Just(Exit::Code(0)), Just(Exit::Code(7)), Just(Exit::Signal(9))];
    let record = (exit, 0..2_u64, select(&[0_u64, 1 << 30][..])).prop_map(|(exit, oom_kills, memory_peak_bytes)| {
        Some(ExitRecord { exit, usage: Usage { oom_kills, memory_peak_bytes, ..Usage::default() } })
    });
    prop_oneof![4 => record, 1 => Just(None)]
}

fn grace() -> impl Strategy<Value = Option<u64>> {
    proptest::option::of(prop_oneof![0..8_u64, Just(u64::MAX)])
}

fn crash() -> impl Strategy<Value = Act> {
    let crash = (proptest::bool::weighted(0.3), any::<[u8; 4]>(), any::<bool>());
    crash.prop_map(|(power_lost, found, registers)| Act::Crashes { power_lost, found, registers })
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    let each = select(&["cpus:1", "cpus:1;mem:1GiB", "cpus:3", "ports:[2-3]", "cpus:9", "mem:1B"][..]);
    let launch = (prop_oneof![6 => Just(0), 2 => 0..3_u64], 0..3_u64, select(&["t", "u"][..]), each, grace());
    prop_oneof![
        6 => launch.prop_map(|(skip, epoch, task, each, grace)| Act::Launches { skip, epoch, task, each, grace }),
        3 => (0..12_u64, grace()).prop_map(|(n, grace)| Act::Kills { n, grace }),
        4 => (0..20_usize).prop_map(Act::Acknowledges),
        1 => Just(Act::Resends),
        5 => (0..9_usize).prop_map(Act::Started),
        1 => (0..9_usize).prop_map(Act::Failed),
        4 => (0..9_usize, exit()).prop_map(|(number, record)| Act::Ended(number, record)),
        2 => Just(Act::Connected),
        4 => Just(Act::Registered),
        1 => Just(Act::OldMaster),
        1 => Just(Act::Disconnected),
        1 => Just(Act::OldOrder),
        3 => (0..20_000_u64).prop_map(Act::Passes),
        1 => (0..9_usize).prop_map(Act::DiskExceeded),
        3 => select(&[Hold::Nothing, Hold::Nothing, Hold::Syncs, Hold::All][..]).prop_map(Act::Holds),
        1 => any::<bool>().prop_map(Act::Stalls),
        3 => crash(),
    ]
}

/// What is found of a container after a crash: anything that can be, given what was told of it before.
pub(crate) fn found(world: &World, id: ContainerId, power_lost: bool, picks: &[u8]) -> Option<Found> {
    let number = world.number(id);
    if number == 0 {
        // It never came to its start.
        return [None, Some(Found::NeverStarted)][usize::from(picks[0] % 2)];
    }
    match picks[number % picks.len()] % 5 {
        0 | 1 if !power_lost && world.may_run(id) => Some(Found::Running),
        2 => Some(Found::Ended(ExitRecord { exit: Exit::Code(3), usage: Usage::default() })),
        3 => Some(Found::NeverStarted),
        4 => None,
        _ => Some(Found::Lost),
    }
}

/// An agent and its master, as far as they are played here.
pub(crate) struct Play {
    pub(crate) world: World,
    launched: u64,
    /// No launch up to here is sent again: a master repeats none in another session, and a power loss ends every session.
    old: u64,
}

impl Play {
    pub(crate) fn new(users: Option<u32>) -> Self {
        let world = World::configured(|config| {
            config.uids = users.map(|count| 100..100 + count);
            config.ended_kept = 3;
            config.start_max = Duration::from_secs(10);
        });
        Self { world: world.registered(), launched: 0, old: 0 }
    }

    pub(crate) fn perform(&mut self, act: Act) {
        let world = &mut self.world;
        match act {
            Act::Launches { skip, epoch, task, each, grace } => {
                let task = meros_types::TaskSpec { kill_grace: grace.map(Duration::from_secs), ..spec(task, each) };
                let launch = (self.launched + 1).saturating_sub(skip).max(self.old + 1);
                self.launched = self.launched.max(launch);
                world.run(world.launches_at(launch, epoch, task));
            }
            Act::Registered => drop(world.run_registered()),
            Act::OldMaster => {
                let session = std::mem::replace(&mut world.session, SessionId { term: Term(0), n: 1 });
                world.run_registered();
                world.session = session;
            }
            Act::OldOrder => {
                let session = std::mem::take(&mut world.session);
                world.run(world.order(AgentOrder::Refused(Refusal { retry: false, message: "never obeyed".to_owned() })));
                world.session = session;
            }
            Act::Passes(millis) => drop(world.pass(Duration::from_millis(millis))),
            Act::Holds(hold) => drop(world.hold(hold)),
            Act::Stalls(true) => {
                world.hold(Hold::All);
                world.run(Event::LogStalled { reason: "no space".to_owned() });
            }
            Act::Stalls(false) => {
                world.hold(Hold::Nothing);
                world.run(Event::LogResumed);
            }
            Act::Crashes { power_lost, found: picks, registers } => {
                world.crash(power_lost, |world, id| found(world, id, power_lost, &picks));
                if registers {
                    world.run(Event::Connected);
                    world.run_registered();
                }
                self.old = if power_lost { self.launched } else { self.old };
            }
            Act::Acknowledges(n) => {
                let sent: Vec<_> = world.oracle.sent.keys().copied().collect();
                if let Some(id) = sent.get(n % sent.len().max(1)) {
                    let event = world.acknowledges_sent(*id);
                    world.run(event);
                }
            }
            other => {
                let event = simple(world, other);
                world.run(event);
            }
        }
    }

    /// The log answers, every container ends, the master listens: then nothing waits any more.
    fn settle(&mut self) {
        self.perform(Act::Stalls(false));
        let world = &mut self.world;
        for number in 1..=world.plans.len() {
            world.run(world.ended(number, Exit::Code(0)));
        }
        world.run(Event::Connected);
        world.run_registered();
        world.oracle.check_session();
        world.oracle.check_ends();
        for id in world.oracle.unacknowledged() {
            let event = world.acknowledges_sent(id);
            world.run(event);
        }
        // An acknowledgement that a crash made the agent forget is given once more.
        for id in world.oracle.sent.keys().copied().collect::<Vec<_>>() {
            let event = world.acknowledges_sent(id);
            world.run(event);
        }
        assert_eq!(world.pass_alive(Duration::from_secs(120)), [""; 0]);
        assert!(world.agent.is_quiet());
        world.run(Event::Connected);
        assert!(world.last_registration.as_ref().is_some_and(|register| register.containers.is_empty()));
    }
}

/// What is one event.
fn simple(world: &World, act: Act) -> Event {
    match act {
        Act::Kills { n, grace } => world.kills(n, grace),
        Act::Resends => world.resends(),
        Act::Started(number) => world.started(number),
        Act::Failed(number) => {
            Event::ContainerFailed { container: world.container(number), failure: StartFailure::Agent(String::new()) }
        }
        Act::Ended(number, record) => Event::ContainerEnded { container: world.container(number), record },
        Act::DiskExceeded(number) => Event::DiskExceeded { container: world.container(number), limit: 1, measured: 2 },
        Act::Disconnected => Event::Disconnected { reason: String::new() },
        Act::Connected => Event::Connected,
        other => panic!("{other:?} is more than one event"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_books_add_up_whatever_happens(acts in proptest::collection::vec(act(), 1..120), users in proptest::option::of(0..6_u32)) {
        let mut play = Play::new(users);
        for act in acts {
            play.perform(act);
        }
        play.settle();
        let world = &play.world;
        prop_assert!(world.agent.remembered().len() <= 3, "more directories are kept than may be");
    }
}
