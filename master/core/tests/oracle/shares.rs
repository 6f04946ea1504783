//! Shares: where any agent will do for any task (one resource, equal sizes), it doesn't matter in which order agents are visited,
//! and a pass gives each client what progressive filling gives it, but for ties.
//!
//! Exactly: after one pass from whatever was had before, each client has at most one copy more or less than after the oracle's
//! filling, and all together have the same; with weights, limits and guarantees at any level. Proof: at one level, the n-th copy
//! of a child goes out at the key (met, share after n - 1 copies), which rises with n. The filling hands out copies by ascending
//! key, and equal keys belong to different children; so two fillings that break ties differently differ by one copy of each child
//! at the most, and so do two that differ by one in how many copies they hand out: which carries over to the level below.
//!
//! Where more than 16 copies fit on an agent, they go out in portions of a 16th: with equal weights and one role, the
//! difference is at most one portion. Where sizes or constraints differ, what one agent is taken by depends on which was visited
//! before; `visits` says what holds then.

use meros_types::{Demand, Resources};
use proptest::prelude::*;

use crate::acts::{resources, role};
use crate::cases;
use crate::fill::fill;
use crate::uniform::{Uniform, copies, cpus, had, uniform};
use crate::view::View;
use crate::world::World;

/// Per client: what it has after the pass and after the oracle's filling.
fn pass_and_fill(world: &mut World) -> Vec<(u64, u64)> {
    let mut books = world.books.clone();
    let agents: Vec<_> = books.offerable().collect();
    fill(&mut books, &agents);
    world.pass();
    let (pass, filled) = (had(&View::new(&world.books).held), had(&View::new(&books).held));
    pass.into_values().zip(filled.into_values()).collect()
}

fn all_want(world: &mut World, uniform: &Uniform) {
    for (client, demand) in uniform.demands(world) {
        world.set_demand(client, demand);
    }
}

proptest! {
    #![proptest_config(cases(384))]

    #[test]
    fn a_pass_is_a_progressive_filling(uniform in uniform(16)) {
        let mut world = uniform.world();
        all_want(&mut world, &uniform);
        let result = pass_and_fill(&mut world);
        prop_assert_eq!(result.iter().map(|(pass, _)| pass).sum::<u64>(), result.iter().map(|(_, filled)| filled).sum::<u64>());
        prop_assert!(result.iter().all(|(pass, filled)| pass.abs_diff(*filled) <= 1), "pass and oracle per client: {result:?}");
    }

    /// Some had the cluster for themselves, then others come and tasks end.
    #[test]
    fn so_is_one_that_goes_on_from_what_is_had(uniform in uniform(16), first in any::<u8>(), end in any::<u64>()) {
        let mut world = uniform.world();
        for (at, (client, demand)) in uniform.demands(&world).into_iter().enumerate() {
            if first >> (at % 8) & 1 == 1 {
                world.set_demand(client, demand);
            }
        }
        world.pass();
        world.launch_all();
        world.pass();
        world.launch_all();
        for (at, number) in world.tasks_where(|_, _| true).into_iter().enumerate() {
            if end >> (at % 64) & 1 == 1 {
                world.end_task(number);
            }
        }
        all_want(&mut world, &uniform);
        let result = pass_and_fill(&mut world);
        prop_assert_eq!(result.iter().map(|(pass, _)| pass).sum::<u64>(), result.iter().map(|(_, filled)| filled).sum::<u64>());
        prop_assert!(result.iter().all(|(pass, filled)| pass.abs_diff(*filled) <= 1), "pass and oracle per client: {result:?}");
    }

    #[test]
    fn large_agents_go_out_in_portions(agents in proptest::collection::vec(1..200_u64, 1..4), clients in 1..6_usize) {
        let portion = agents.iter().max().unwrap().div_ceil(16);
        let clients = vec![(0, Demand { shapes: vec![cpus(None)] }); clients];
        let uniform = Uniform { agents: agents.into_iter().map(|cpus| (cpus, "")).collect(), terms: [].into(), clients };
        let mut world = uniform.world();
        all_want(&mut world, &uniform);
        let each = uniform.size() / uniform.clients.len() as u64;
        let result = copies(&world.pass());
        prop_assert_eq!(result.values().sum::<u64>(), uniform.size());
        for (client, copies) in result {
            prop_assert!(copies <= each + portion + 1 && copies + portion >= each, "{client:?} has {copies}, a share is {each}");
        }
    }
}

/// One agent of ten CPUs, a guarantee, and what two roles that want one CPU after another are given.
fn shared(guaranteed: &str, guarantee: &str, roles: [&str; 2]) -> Vec<u64> {
    let mut world = World::new(Default::default());
    world.add_agent(Resources::none().with_cpu_milli(10_000).with_memory_bytes(8 << 30), "");
    let settings = meros_types::RoleSettings { guarantee: resources(guarantee), ..Default::default() };
    world.set_role(&role(guaranteed), settings);
    for name in roles {
        let client = world.add_client(role(name), Default::default());
        world.set_demand(client, Demand { shapes: vec![cpus(None)] });
    }
    copies(&world.pass()).into_values().collect()
}

/// What is kept back for a role that doesn't use it gives its neighbours no precedence.
#[test]
fn an_idle_guarantee_below_gives_no_precedence() {
    assert_eq!(shared("a/g", "cpus:2", ["a/x", "b"]), [4, 4]);
}

/// A guarantee of memory says nothing of CPUs.
#[test]
fn a_guarantee_of_another_scalar_gives_no_precedence() {
    assert_eq!(shared("a", "mem:4GiB", ["a", "b"]), [5, 5]);
}

/// What a role is owed and may not have, by its limit, is nothing that it is owed.
#[test]
fn what_a_limit_keeps_away_gives_no_precedence() {
    let mut world = World::new(Default::default());
    world.add_agent(resources("cpus:4;mem:8GiB"), "");
    let (limit, guarantee) = (meros_types::Bounds::parse("mem:0").unwrap(), resources("mem:1GiB"));
    world.set_role(&role("a"), meros_types::RoleSettings { limit, guarantee, weight: 1 });
    let least = meros_master_core::allocator::Traits { least: vec![resources("cpus:1")], ..Default::default() };
    let (limited, other) = (world.add_client(role("a"), least), world.add_client(role("b"), Default::default()));
    let agent = *world.books.agents.keys().next().unwrap();
    world.launch(limited, agent, resources("cpus:1"));
    for client in [limited, other] {
        world.set_demand(client, Demand::anything());
    }
    let grants = world.pass();
    assert_eq!((grants[0].client, grants[0].resources.cpu_milli()), (other, 3_000), "{grants:?}");
}
