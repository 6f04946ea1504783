//! Random worlds: what may happen to an allocator, as data that proptest makes and shrinks, and playing it.

use std::collections::BTreeSet;
use std::time::Duration;

use meros_master_core::allocator::{AllocatorConfig, Grant, Traits};
use meros_master_core::table::{AgentIx, ClientIx};
use meros_types::{Bounds, Demand, Resources, Role, RoleSettings, Shape};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::answers::Launch;
use crate::books::Books;
use crate::world::World;

pub(crate) const ROLES: [&str; 7] = ["*", "a", "a/x", "a/x/deep", "a/y", "b", "b/z"];

/// What an agent has, and what is said of it: attributes, then `@` and its region.
const AGENTS: [(&str, &str); 6] = [
    ("cpus:4;mem:8GiB", "rack:a"),
    ("cpus:2;mem:2GiB;ports:[1-4]", "rack:b@near"),
    ("cpus:8;mem:4GiB;gpus:2", ""),
    ("cpus:1;mem:1GiB;licences:3", "rack:a@far"),
    ("cpus:3;mem:16GiB;ports:[2-3]", "@far"),
    ("mem:1GiB", ""),
];

/// No two of these are copies of one another, so that a grant tells which it is of. "Anything" is last: it is wanted last.
const SHAPES: [(&str, u32); 8] = [
    ("cpus:1;mem:1GiB", 0),
    ("cpus:2;mem:512MiB", 0),
    ("mem:2GiB", 0),
    ("cpus:1", 1),
    ("cpus:0.5;ports:[2-2]", 0),
    ("cpus:1;gpus:1", 0),
    ("cpus:1;licences:1", 0),
    ("", 0),
];

/// Something that happens. A pick counts round what there is of its kind.
#[derive(Clone)]
pub(crate) enum Act {
    Demands(usize, Demand),
    Accepts(usize, Launch, u64),
    Declines(usize, u64),
    TaskEnds(usize),
    AgentComes(usize),
    AgentGoes(usize),
    OffDuty(usize),
    OnDuty(usize),
    ClientComes(usize, Traits),
    ClientGoes(usize),
    StreamCloses(usize),
    StreamOpens(usize),
    Prefers(usize, Traits),
    Role(usize, RoleSettings),
    Recovering(bool),
    Time(u64),
}

pub(crate) fn resources(text: &str) -> Resources {
    Resources::parse(text).unwrap()
}

pub(crate) fn role(name: &str) -> Role {
    Role::new(name).unwrap()
}

pub(crate) fn config() -> impl Strategy<Value = AllocatorConfig> {
    let excluded = select(&["", "", "cpus", "gpus"][..]);
    let region = select(&[None, Some("near")][..]);
    (excluded, least(), region).prop_map(|(excluded, least, region)| {
        let plain = AllocatorConfig::default();
        let excluded = if excluded.is_empty() { BTreeSet::new() } else { BTreeSet::from([excluded.to_owned()]) };
        AllocatorConfig { excluded, least: least.unwrap_or(plain.least), region: region.map(str::to_owned) }
    })
}

fn least() -> impl Strategy<Value = Option<Vec<Resources>>> {
    let sets = select(&["cpus:1", "mem:1GiB", "cpus:1;mem:1GiB", "ports:[2-2]"][..]).prop_map(resources);
    prop_oneof![2 => Just(None), 1 => vec(sets, 0..3).prop_map(Some)]
}

fn traits() -> impl Strategy<Value = Traits> {
    (least(), any::<bool>(), any::<bool>()).prop_map(|(least, gpu_agents, remote_regions)| Traits {
        least: least.unwrap_or_default(),
        gpu_agents,
        remote_regions,
    })
}

/// What a narrow world wants: few things, so that those who want them are in each other's way.
fn narrow_demand() -> impl Strategy<Value = Demand> {
    demand_of(&[SHAPES[0], SHAPES[2], SHAPES[3], SHAPES[7]], 100)
}

pub(crate) fn demand() -> impl Strategy<Value = Demand> {
    demand_of(&SHAPES, 12)
}

fn demand_of(palette: &[(&'static str, u32)], constraints_max: usize) -> impl Strategy<Value = Demand> + use<> {
    let shapes = prop_oneof![3 => subsequence(palette.to_vec(), 1), 1 => subsequence(palette.to_vec(), 0..3)];
    (shapes, vec((0..8_u64, 0..constraints_max), 3)).prop_map(|(shapes, details)| {
        let shapes = shapes.into_iter().zip(details).map(|((each, ports), (copies, constraint))| {
            let shape = Shape::of(resources(each)).any_ports(ports);
            let shape = match (copies, shape.is_anything()) {
                (1..6, false) => shape.copies(copies),
                _ => shape,
            };
            let constraints = ["rack=a", "!rack", "@region=far", "rack!=b"];
            constraints.get(constraint).map_or(shape.clone(), |text| shape.on(text.parse().unwrap()))
        });
        Demand { shapes: shapes.collect() }
    })
}

pub(crate) fn settings() -> impl Strategy<Value = RoleSettings> {
    let limits = ["", "", "", "cpus:0", "cpus:3", "cpus:5;mem:3GiB", "mem:2.5GiB", "licences:1"];
    settings_of(limits.into(), ["", "", "", "cpus:2", "cpus:1;mem:3GiB", "mem:4GiB", "gpus:1"].into())
}

fn narrow_settings() -> impl Strategy<Value = RoleSettings> {
    settings_of(["", "", "cpus:2", "mem:2.5GiB", "cpus:5;mem:3GiB"].into(), ["", "cpus:2", "cpus:1;mem:3GiB", "mem:4GiB"].into())
}

fn settings_of(limits: Vec<&'static str>, guarantees: Vec<&'static str>) -> impl Strategy<Value = RoleSettings> {
    let (limit, guarantee) = (select(limits), select(guarantees));
    (1..5_u32, limit, guarantee).prop_map(|(weight, limit, guarantee)| RoleSettings {
        weight,
        limit: Bounds::parse(limit).unwrap(),
        guarantee: resources(guarantee),
    })
}

fn launch() -> impl Strategy<Value = Launch> {
    prop_oneof![4 => Just(Launch::All), 2 => Just(Launch::Half), 1 => Just(Launch::Nothing)]
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    act_of(demand().boxed(), settings().boxed())
}

fn act_of(demand: BoxedStrategy<Demand>, settings: BoxedStrategy<RoleSettings>) -> impl Strategy<Value = Act> {
    let pick = || 0..100_usize;
    prop_oneof![
        8 => (pick(), demand).prop_map(|(who, demand)| Act::Demands(who, demand)),
        8 => (pick(), launch(), 0..12_u64).prop_map(|(which, launch, filter)| Act::Accepts(which, launch, filter)),
        4 => (pick(), 0..12_u64).prop_map(|(which, filter)| Act::Declines(which, filter)),
        6 => pick().prop_map(Act::TaskEnds),
        2 => pick().prop_map(Act::AgentComes),
        1 => pick().prop_map(Act::AgentGoes),
        1 => pick().prop_map(Act::OffDuty),
        1 => pick().prop_map(Act::OnDuty),
        2 => (pick(), traits()).prop_map(|(role, traits)| Act::ClientComes(role, traits)),
        1 => pick().prop_map(Act::ClientGoes),
        1 => pick().prop_map(Act::StreamCloses),
        1 => pick().prop_map(Act::StreamOpens),
        1 => (pick(), traits()).prop_map(|(who, traits)| Act::Prefers(who, traits)),
        4 => (pick(), settings).prop_map(|(role, settings)| Act::Role(role, settings)),
        1 => any::<bool>().prop_map(Act::Recovering),
        3 => prop_oneof![0..15_u64, 25..45_u64].prop_map(Act::Time),
    ]
}

/// Three agents and four clients that want something, and then batches of acts: each batch ends with a pass.
#[derive(Clone, Debug)]
pub(crate) struct Play {
    config: AllocatorConfig,
    opening: Vec<Act>,
    batches: Vec<Vec<Act>>,
}

pub(crate) fn play() -> impl Strategy<Value = Play> {
    prop_oneof![
        play_of(config().boxed(), demand().boxed(), settings().boxed()),
        play_of(Just(AllocatorConfig::default()).boxed(), narrow_demand().boxed(), narrow_settings().boxed()),
    ]
}

fn play_of(
    config: BoxedStrategy<AllocatorConfig>,
    demand: BoxedStrategy<Demand>,
    settings: BoxedStrategy<RoleSettings>,
) -> impl Strategy<Value = Play> {
    let pick = || 0..100_usize;
    let agents = vec(pick().prop_map(Act::AgentComes), 1..4);
    let clients = vec((pick(), traits()).prop_map(|(role, traits)| Act::ClientComes(role, traits)), 1..5);
    let demands = vec((pick(), demand.clone()).prop_map(|(who, demand)| Act::Demands(who, demand)), 1..8);
    let roles = vec((pick(), settings.clone()).prop_map(|(role, settings)| Act::Role(role, settings)), 0..4);
    let batches = vec(vec(act_of(demand, settings), 1..5), 1..12);
    (config, agents, clients, demands, roles, batches).prop_map(|(config, agents, clients, demands, roles, batches)| Play {
        config,
        opening: [agents, clients, demands, roles].concat(),
        batches,
    })
}

impl Play {
    /// Only its opening, and a pass.
    pub(crate) fn open(self) -> World {
        Self { batches: Vec::new(), ..self }.see(|_, _, _| {})
    }

    /// Plays it all; after each pass, `see` is shown the books before it, what it granted, and the world after it.
    pub(crate) fn see(self, mut see: impl FnMut(&Books, &[Grant], &World)) -> World {
        let mut world = World::new(self.config);
        for batch in [self.opening].into_iter().chain(self.batches) {
            for act in batch {
                world.act(act);
            }
            let before = world.books.clone();
            let grants = world.pass();
            see(&before, &grants, &world);
        }
        world
    }
}

fn pick<T>(pick: usize, of: Vec<T>) -> Option<T> {
    let count = of.len().max(1);
    of.into_iter().nth(pick % count)
}

impl World {
    fn an_agent(&self, number: usize) -> Option<AgentIx> {
        pick(number, self.books.agents.keys().copied().collect())
    }

    fn a_client(&self, number: usize) -> Option<ClientIx> {
        pick(number, self.books.clients.keys().copied().collect())
    }

    /// Does what is said, if there is anything to do it with.
    pub(crate) fn act(&mut self, act: Act) {
        let seconds = Duration::from_secs;
        let offer = |which| pick(which, self.books.offers.keys().copied().collect());
        let full = |books: &Books| books.agents.len() >= 6 || books.clients.len() >= 8;
        match act {
            Act::Accepts(which, launch, filter) => offer(which).into_iter().for_each(|n| self.accept(n, launch, seconds(filter))),
            Act::Declines(which, filter) => offer(which).into_iter().for_each(|number| self.decline(number, seconds(filter))),
            Act::TaskEnds(which) => {
                pick(which, self.books.tasks.keys().copied().collect()).into_iter().for_each(|number| self.end_task(number));
            }
            Act::AgentComes(kind) if !full(&self.books) => {
                let (total, about) = AGENTS[kind % AGENTS.len()];
                self.add_agent(resources(total), about);
            }
            Act::ClientComes(of, traits) if !full(&self.books) => drop(self.add_client(role(ROLES[of % ROLES.len()]), traits)),
            Act::AgentComes(_) | Act::ClientComes(..) => {}
            Act::AgentGoes(which) => self.an_agent(which).into_iter().for_each(|agent| self.remove_agent(agent)),
            Act::OffDuty(which) => self.an_agent(which).into_iter().for_each(|agent| self.off_duty(agent)),
            Act::OnDuty(which) => self.an_agent(which).into_iter().for_each(|agent| self.on_duty(agent)),
            Act::Demands(who, demand) => self.a_client(who).into_iter().for_each(|client| self.set_demand(client, demand.clone())),
            Act::ClientGoes(who) => self.a_client(who).into_iter().for_each(|client| self.remove_client(client)),
            Act::StreamCloses(who) => self.a_client(who).into_iter().for_each(|client| self.set_active(client, false)),
            Act::StreamOpens(who) => self.a_client(who).into_iter().for_each(|client| self.set_active(client, true)),
            Act::Prefers(who, traits) => self.a_client(who).into_iter().for_each(|ix| self.set_traits(ix, traits.clone())),
            Act::Role(of, settings) => {
                self.set_role(&role(ROLES[of % ROLES.len()]), settings);
                self.rescind_above_limits();
            }
            Act::Recovering(recovering) => self.set_recovering(recovering),
            Act::Time(secs) => self.pass_time(seconds(secs)),
        }
    }
}
