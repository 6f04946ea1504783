//! Anything in any order, nonsense included: the agent never panics, checks itself after each step, and never runs more than it
//! has, nor two containers as one user (the harness sees to these).

use std::time::Duration;

use meros_agent_core::{Event, StartFailure};
use meros_types::{AgentOrder, Exit, ExitRecord, Refusal, SessionId, Term, Usage};
use proptest::prelude::*;
use proptest::sample::select;

use crate::harness::*;

/// What happens, as far as it can be said beforehand; `skip` is how far behind the newest launch an order is.
#[derive(Clone, Debug)]
enum Act {
    Launches { skip: u64, epoch: u64, task: &'static str, each: &'static str, grace: Option<u64> },
    Kills { n: u64, grace: Option<u64> },
    Acknowledges(u64),
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

fn act() -> impl Strategy<Value = Act> {
    let each = select(&["cpus:1", "cpus:1;mem:1GiB", "cpus:3", "ports:[2-3]", "cpus:9", "mem:1B"][..]);
    let launch = (prop_oneof![6 => Just(0), 1 => 0..3_u64], 0..3_u64, select(&["t", "u"][..]), each, grace());
    prop_oneof![
        6 => launch.prop_map(|(skip, epoch, task, each, grace)| Act::Launches { skip, epoch, task, each, grace }),
        3 => (0..12_u64, grace()).prop_map(|(n, grace)| Act::Kills { n, grace }),
        4 => (0..20_u64).prop_map(Act::Acknowledges),
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
    ]
}

fn perform(world: &mut World, launched: &mut u64, act: Act) {
    let event = match act {
        Act::Launches { skip, epoch, task, each, grace } => {
            *launched += 1;
            let task = meros_types::TaskSpec { kill_grace: grace.map(Duration::from_secs), ..spec(task, each) };
            world.launches_at(launched.saturating_sub(skip), epoch, task)
        }
        Act::Kills { n, grace } => world.kills(n, grace),
        Act::Acknowledges(n) if world.last_registration.is_some() => world.acknowledges(n),
        Act::Acknowledges(_) | Act::Connected => Event::Connected,
        Act::Resends => world.resends(),
        Act::Started(number) => world.started(number),
        Act::Failed(number) => {
            Event::ContainerFailed { container: world.container(number), failure: StartFailure::Agent(String::new()) }
        }
        Act::Ended(number, record) => Event::ContainerEnded { container: world.container(number), record },
        Act::Registered => return drop(world.run_registered()),
        Act::OldMaster => {
            let session = std::mem::replace(&mut world.session, SessionId { term: Term(0), n: 1 });
            world.run_registered();
            world.session = session;
            return;
        }
        Act::Disconnected => Event::Disconnected { reason: String::new() },
        Act::OldOrder => {
            let session = std::mem::take(&mut world.session);
            world.run(world.order(AgentOrder::Refused(Refusal { retry: false, message: "never obeyed".to_owned() })));
            world.session = session;
            return;
        }
        Act::Passes(millis) => return drop(world.pass(Duration::from_millis(millis))),
    };
    world.run(event);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_books_add_up_whatever_happens(acts in proptest::collection::vec(act(), 1..120), users in proptest::option::of(0..6_u32)) {
        let mut world = World::configured(|config| {
            config.uids = users.map(|count| 100..100 + count);
            config.ended_kept = 3;
        })
        .registered();
        let mut launched = 0;
        for act in acts {
            perform(&mut world, &mut launched, act);
        }
        // When all is told and heard, nothing waits any more.
        for number in 1..=world.plans.len() {
            world.run(world.ended(number, Exit::Code(0)));
        }
        world.run(Event::Connected);
        world.run_registered();
        for n in 1..500 {
            world.run(world.acknowledges(n));
        }
        prop_assert!(world.pass_alive(Duration::from_secs(120)).is_empty());
        world.run(Event::Connected);
        prop_assert!(world.last_registration.as_ref().is_some_and(|register| register.containers.is_empty()));
        prop_assert!(world.plans.len() - world.removed.len() <= 3, "more directories are kept than may be");
    }
}
