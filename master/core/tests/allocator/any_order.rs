//! Anything in any order: the tables agree after each pass, and nobody could use anything that is free (`check` sees to both).

use meros_types::{Demand, RoleSettings};
use proptest::prelude::*;
use proptest::sample::select;

use crate::harness::*;

const ROLES: [&str; 5] = ["*", "a", "a/x", "a/x/y", "b"];
const CLIENTS: [&str; 6] = ["f", "g", "h", "i", "j", "k"];

#[derive(Clone, Debug)]
enum Step {
    Wants(usize, Demand),
    Ends(usize),
    Declines(usize, u64),
    Passes(u64),
    Settles(usize, RoleSettings),
    Recovers(bool),
    Flaps(usize),
    Pass,
}

fn demand() -> impl Strategy<Value = Demand> {
    let amounts = select(&["cpus:1", "cpus:2;mem:1GiB", "mem:3GiB", "cpus:1;licences:1", "cpus:4;mem:4GiB", "gpus:1"][..]);
    prop_oneof![
        Just(Demand::anything()),
        Just(Demand::nothing()),
        amounts.clone().prop_map(each),
        (amounts.clone(), 1..4_u64).prop_map(|(amount, count)| copies(amount, count)),
        (amounts.clone(), amounts)
            .prop_map(|(one, other)| Demand { shapes: [copies(one, 2), on(other, &["rack=a"])].map(|it| it.shapes).concat() }),
    ]
}

fn settings() -> impl Strategy<Value = RoleSettings> {
    let limits = select(&["", "cpus:0", "cpus:3", "mem:4GiB", "cpus:6;mem:6GiB", "licences:1"][..]);
    let guarantees = select(&["", "", "cpus:2", "cpus:20", "mem:2GiB", "licences:1;cpus:1"][..]);
    (1..4_u32, limits, guarantees).prop_map(|(weight, most, least)| RoleSettings {
        weight,
        guarantee: resources(least),
        ..limit(most)
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..CLIENTS.len(), demand()).prop_map(|(client, demand)| Step::Wants(client, demand)),
        6 => (0..30_usize).prop_map(Step::Ends),
        3 => (0..CLIENTS.len(), 0..9_u64).prop_map(|(client, seconds)| Step::Declines(client, seconds)),
        2 => (1..9_u64).prop_map(Step::Passes),
        3 => (0..ROLES.len(), settings()).prop_map(|(role, settings)| Step::Settles(role, settings)),
        1 => any::<bool>().prop_map(Step::Recovers),
        1 => (0..CLIENTS.len()).prop_map(Step::Flaps),
        8 => Just(Step::Pass),
    ]
}

fn world() -> World {
    let mut world = World::new();
    world.agent_like("m", "cpus:4;mem:8GiB", "rack:a", None).agent("n", "cpus:8;mem:4GiB;licences:3");
    world.agent("o", "cpus:2;mem:2GiB;gpus:2").agent("p", "cpus:4;mem:4GiB");
    for (at, name) in CLIENTS.iter().enumerate() {
        world.client(name, ROLES[at % ROLES.len()]);
    }
    world
}

fn perform(world: &mut World, step: Step) {
    match step {
        Step::Wants(client, demand) => {
            world.wants(CLIENTS[client], demand);
        }
        Step::Ends(which) => {
            if let Some(number) = world.offers.keys().nth(which % world.offers.len().max(1)).copied() {
                world.end(&[number]);
            }
        }
        Step::Declines(client, seconds) => {
            world.declines(CLIENTS[client], seconds);
        }
        Step::Passes(seconds) => {
            world.passes(seconds);
        }
        Step::Settles(of, settings) => {
            world.role(ROLES[of], settings);
        }
        Step::Recovers(recovering) => world.allocator.set_recovering(recovering),
        Step::Flaps(client) => {
            let client = world.client_ix(CLIENTS[client]);
            world.allocator.set_active(client, false);
            world.allocator.set_active(client, true);
        }
        Step::Pass => drop(world.pass()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tables_agree_and_nothing_is_missed(steps in proptest::collection::vec(step(), 1..60)) {
        let mut world = world();
        for step in steps {
            perform(&mut world, step);
            world.check();
        }
        world.pass();
    }
}
