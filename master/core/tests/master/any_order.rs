//! Anything in any order, nonsense included, with a disk that is late and a master that is killed: the master never panics, its
//! books add up after each step and nobody hears of what is not stored (the harness sees to all three), and once the dust has
//! settled, whoever wants what is there has it on offer and every operator has an answer.

use std::time::Duration;

use meros_types::{
    Call, ClusterState, Demand, Duty, OfferPreferences, OfferState, Reason, Resources, RoleUpdate, TaskInfo, TaskState,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::harness::*;

const AGENTS: [&str; 4] = ["a", "b", "silent c", "d"];
const FRAMEWORKS: [&str; 4] = ["f", "g", "silent h", "i"];
const TASKS: [&str; 8] = ["o", "p", "q", "r", "s", "t", "u", "v"];

fn agent() -> impl Strategy<Value = &'static str> {
    select(&AGENTS[..])
}

fn framework() -> impl Strategy<Value = &'static str> {
    select(&FRAMEWORKS[..])
}

fn task() -> impl Strategy<Value = &'static str> {
    select(&TASKS[..])
}

fn amount() -> impl Strategy<Value = &'static str> {
    select(&["cpus:1", "cpus:0.5;mem:1GiB", "mem:3GiB", "cpus:1;ports:[5-6]", "cpus:1;foo:2", "cpus:9"][..])
}

fn launched() -> impl Strategy<Value = (u64, u64)> {
    prop_oneof![8 => (Just(1), 1..12_u64), 1 => (Just(0), 0..4_u64), 1 => Just((2, 1))]
}

fn state() -> impl Strategy<Value = TaskState> {
    prop_oneof![3 => Just(TaskState::Running), 3 => Just(TaskState::Finished), 4 => select(TaskState::ALL)]
}

fn container() -> impl Strategy<Value = Held> {
    (framework(), task(), launched(), state(), amount(), 0..3_u64, role_name()).prop_map(
        |(framework, task, launch, state, has, epoch, of)| {
            let has = if state.is_terminal() { "" } else { has };
            Held { role: role(of), ..held(framework, task, launch, state, has).epoch(epoch) }
        },
    )
}

fn role_name() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("*"), 1 => Just("r"), 1 => Just("s/t")]
}

fn registering() -> impl Strategy<Value = Step> {
    let has = select(&["cpus:4;mem:8GiB;ports:[1-9]", "cpus:2;foo:3", "mem:64MiB"][..]);
    let containers = prop_oneof![3 => Just(Vec::new()), 2 => proptest::collection::vec(container(), 1..4)];
    let impostor = proptest::option::weighted(0.1, agent());
    (agent(), proptest::option::weighted(0.7, agent()), impostor, has, containers).prop_map(
        |(name, of, impostor, has, containers)| {
            let step = registers(name).with(has).holding(containers);
            let step = of.map_or(step.clone(), |of| step.of(of));
            impostor.map_or(step.clone(), |whose| step.secret(whose)).into()
        },
    )
}

fn subscribing() -> impl Strategy<Value = Step> {
    let roles = proptest::collection::vec(role_name(), 0..3);
    let key = proptest::option::weighted(0.3, select(&["k", "l"][..]));
    let resumes = proptest::option::weighted(0.3, 0..4_u64);
    let of = proptest::option::weighted(0.6, framework());
    let then = proptest::collection::vec(call(), 0..3);
    let settings = (0..100_u64, proptest::option::weighted(0.3, 0..9_u64));
    (framework(), of, key, roles, resumes, then, settings).prop_map(|(name, of, key, roles, resumes, then, (failover, lease))| {
        let mut step = subscribes(name).failover(failover).then(then);
        step.preferences = OfferPreferences { lease: lease.map(Duration::from_secs), ..OfferPreferences::default() };
        step.of = of.map(str::to_owned);
        step.key = key.map(str::to_owned);
        step.resumes = resumes;
        step.roles.extend(roles.into_iter().map(role));
        step.into()
    })
}

fn wanted() -> impl Strategy<Value = Demand> {
    prop_oneof![
        3 => Just(Demand::anything()),
        1 => Just(Demand::nothing()),
        2 => (amount(), 1..4_u64).prop_map(|(each, count)| copies(each, count)),
        1 => (amount(), amount()).prop_map(|(one, other)| {
            let shapes = [copies(one, 1), Demand::of(resources(other), 2)].into_iter().flat_map(|demand| demand.shapes).collect();
            Demand { shapes }
        }),
    ]
}

fn picks() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![3 => proptest::collection::vec(0..30_usize, 1), 1 => proptest::collection::vec(0..30_usize, 0..3)]
}

/// A call that depends on nothing that happened before.
fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        4 => (1..20_u64, wanted()).prop_map(|(version, wanted)| demand(version, wanted)),
        1 => (proptest::collection::vec(0..40_u64, 0..4), 0..7_u64).prop_map(|(offers, filter)| decline(&offers, filter)),
        2 => task().prop_map(kill),
        1 => proptest::collection::vec(task(), 0..3).prop_map(|tasks| reconcile(&tasks)),
        1 => Just(Call::Heartbeat),
    ]
}

/// Which of the standing offers, and which tasks of what size on them.
type Group = (Vec<usize>, Vec<(&'static str, &'static str)>);

/// What happens, as far as it can be said beforehand.
#[derive(Clone, Debug)]
enum Act {
    Step(Step),
    /// A framework accepts some of the offers that stand, mostly its own, one group for each.
    Accepts {
        all_or_nothing: bool,
        groups: Vec<Group>,
    },
    /// A framework declines some of the offers that stand, mostly its own.
    Declines {
        picks: Vec<usize>,
        filter: u64,
    },
    /// An agent states how one of its tasks is.
    States {
        pick: usize,
        state: TaskState,
        n: u64,
    },
    /// A framework asks about a task on an agent.
    Asks {
        name: &'static str,
        task: &'static str,
        agent: &'static str,
    },
    /// An agent comes again with what it should have, but for some.
    Returns {
        name: &'static str,
        of: &'static str,
        forgets: Option<usize>,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let tasks = || proptest::collection::vec((task(), amount()), 0..3);
    prop_oneof![
        12 => step().prop_map(Act::Step),
        8 => (any::<bool>(), proptest::collection::vec((picks(), tasks()), 1..4))
            .prop_map(|(all_or_nothing, groups)| Act::Accepts { all_or_nothing, groups }),
        3 => (picks(), 0..7_u64).prop_map(|(picks, filter)| Act::Declines { picks, filter }),
        6 => (0..30_usize, state(), 1..9_u64).prop_map(|(pick, state, n)| Act::States { pick, state, n }),
        4 => (agent(), agent(), proptest::option::of(0..3_usize)).prop_map(|(name, of, forgets)| Act::Returns { name, of, forgets }),
        2 => (framework(), task(), agent()).prop_map(|(name, task, agent)| Act::Asks { name, task, agent }),
    ]
}

/// What an act is in this world.
fn resolve(world: &World, act: Act) -> Option<Step> {
    let state = world.master.state();
    let standing = |picks: &[usize]| -> Vec<&OfferState> {
        let count = state.offers.len().max(1);
        picks.iter().filter_map(|pick| state.offers.get(pick % count)).collect()
    };
    let ids = |picks: &[usize]| standing(picks).into_iter().map(|offer| offer.id.0).collect::<Vec<_>>();
    let owner = |picks: &[usize]| standing(picks).first().and_then(|offer| world.subscriber(offer.framework));
    Some(match act {
        Act::Step(step) => step,
        Act::Accepts { all_or_nothing, groups } => {
            let name = owner(&groups[0].0)?;
            let groups = groups.iter().map(|(picks, tasks)| group(&ids(picks), tasks));
            says(&name, [accept_groups(groups, all_or_nothing)])
        }
        Act::Declines { picks, filter } => says(&owner(&picks)?, [decline(&ids(&picks), filter)]),
        Act::States { pick, state: now, n } => {
            let task = state.tasks.get(pick % state.tasks.len().max(1))?;
            let (name, framework) = (world.speaker(task.agent)?, world.subscriber(task.framework)?);
            states(&name, &framework, task.id().as_str(), (task.launch.term.0, task.launch.n), now, n).into()
        }
        Act::Asks { name, task, agent } => {
            let call = if world.knows(agent) { reconcile_on(world.agent_id(agent), task) } else { reconcile(&[task]) };
            says(name, [call])
        }
        Act::Returns { name, of, forgets } => returning(world, &state, name, of, forgets),
    })
}

fn returning(world: &World, state: &ClusterState, name: &str, of: &str, forgets: Option<usize>) -> Step {
    let mine = state.tasks.iter().filter(|task| world.knows(of) && task.agent == world.agent_id(of));
    let containers = mine.enumerate().filter(|(at, _)| Some(*at) != forgets).filter_map(|(_, task)| {
        let (framework, state) = (world.subscriber(task.framework)?, task.update.state);
        let has = if state.is_terminal() { Resources::none() } else { task.resources.clone() };
        let launch = (task.launch.term.0, task.launch.n);
        Some(Held { resources: has, role: task.role.clone(), ..held(&framework, task.id().as_str(), launch, state, "") })
    });
    registers(name).of(of).with("cpus:4;mem:8GiB;ports:[1-9]").holding(containers.collect::<Vec<_>>()).into()
}

fn role_update() -> impl Strategy<Value = RoleUpdate> {
    let amount = || select(&["", "cpus:1", "cpus:3;mem:1GiB", "foo:2", "cpus:900"][..]);
    prop_oneof![
        2 => (role_name(), amount()).prop_map(|(name, most)| limit(name, most)),
        2 => (role_name(), amount()).prop_map(|(name, amount)| guarantee(name, amount)),
        2 => (role_name(), 0..4_u32).prop_map(|(name, value)| weight(name, value)),
    ]
}

/// Nothing here takes as long as the hour after which everything must be over.
fn operating() -> impl Strategy<Value = Step> {
    let window = (select(&["v", "w"][..]), proptest::collection::vec(agent(), 0..3), 0..50_u64, 0..50_u64);
    let drain = (agent(), 0..50_u64, any::<bool>());
    prop_oneof![
        2 => proptest::collection::vec(role_update(), 0..3).prop_map(updates),
        2 => proptest::collection::vec(role_update(), 1..3).prop_map(forces),
        2 => agent().prop_map(deactivates),
        3 => agent().prop_map(reactivates),
        2 => drain.prop_map(|(name, wait, good)| if good { drains_for_good(name, wait) } else { drains(name, wait) }),
        1 => agent().prop_map(marks_gone),
        3 => window.prop_map(|(id, agents, start, length)| sets_window(id, &agents, start, length)),
        1 => select(&["v", "w"][..]).prop_map(removes_window),
        1 => (framework(), proptest::option::of(role_name())).prop_map(|(name, role)| asks_why(name, role)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let fact = (agent(), framework(), task(), launched(), state(), 0..6_u64);
    prop_oneof![
        2 => registering(),
        3 => subscribing(),
        4 => operating(),
        6 => (framework(), proptest::collection::vec(call(), 1..4)).prop_map(|(name, calls)| says(name, calls)),
        2 => fact.prop_map(|(name, framework, task, launch, state, n)| states(name, framework, task, launch, state, n).into()),
        1 => agent().prop_map(closes),
        1 => framework().prop_map(closes),
        1 => framework().prop_map(|name| says(name, [Call::Teardown])),
        3 => (0..20_u64).prop_map(passes),
        1 => (31..100_u64).prop_map(passes),
        2 => proptest::collection::vec(timeless(), 0..4).prop_map(Step::Batch),
        2 => Just(Step::Holds),
        3 => (1..4_usize).prop_map(Step::Stores),
        1 => Just(Step::Releases),
        1 => Just(Step::Restarts),
    ]
}

/// Something for a batch.
fn timeless() -> impl Strategy<Value = Step> {
    let calls = (framework(), proptest::collection::vec(call(), 1..4)).prop_map(|(name, calls)| says(name, calls));
    prop_oneof![registering(), subscribing(), calls, operating(), agent().prop_map(closes), framework().prop_map(closes)]
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    proptest::collection::vec(act(), 1..50)
}

/// Two agents and two frameworks that take anything, and then this.
fn played(acts: Vec<Act>) -> World {
    let world = World::new().with_agent("a", "cpus:4;mem:8GiB;ports:[1-9]").with_agent("b", "cpus:4;mem:8GiB");
    let mut world = world.with_taker("f").with_taker("g");
    for act in acts {
        if let Some(step) = resolve(&world, act) {
            world.run(step);
        }
    }
    let world = world.after(Step::Releases);
    assert!(world.unanswered.is_empty(), "an operator waits for nothing");
    world
}

/// Whether something may still be heard of a task.
fn is_live(task: &TaskInfo) -> bool {
    !task.update.state.is_terminal() && task.update.reason != Reason::AgentGone
}

/// Whether this is enough for a framework that takes anything.
fn is_of_use(free: &Resources) -> bool {
    free.cpu_milli() >= 10 || free.memory_bytes() >= 32 << 20
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_books_add_up_and_nothing_of_use_lies_idle(acts in acts()) {
        let mut world = played(acts);
        let unlimited = ["*", "r", "s", "s/t"].map(|role| quota(role, "", ""));
        world.run(forces(unlimited));
        world.run(subscribes("taker").then([demand(1, Demand::anything())]));
        let state = world.master.state();
        for agent in state.agents.iter().filter(|agent| agent.connected && agent.duty == Duty::Active) {
            prop_assert!(!is_of_use(&agent.free), "{} has {} free that somebody wants", agent.hostname, agent.free);
        }
    }

    /// When all have gone and their time is over, nothing is left of them.
    #[test]
    fn what_is_over_is_forgotten(acts in acts()) {
        let mut world = played(acts);
        for name in FRAMEWORKS.iter().chain(&AGENTS) {
            world.run(Step::Ends((*name).to_owned()));
        }
        world.run(passes(3600));
        let state = world.master.state();
        prop_assert_eq!(state.offers, []);
        let live = |framework| state.tasks.iter().filter(|task| task.framework == framework && is_live(task)).count();
        for framework in &state.frameworks {
            prop_assert!(live(framework.id) > 0, "{} has no live task and stays", framework.name);
            prop_assert_eq!(framework.live_tasks, live(framework.id) as u64);
        }
        prop_assert!(state.agents.iter().all(|agent| agent.total.is_none() && !agent.connected));
        prop_assert_eq!(state.windows, []);
        prop_assert_eq!(world.master.wakeup(), None);
    }
}
