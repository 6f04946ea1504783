//! Guarantees are met when they can be.
//!
//! A guarantee is a quantity, so "can be" is said in quantities. Let F be all that is free on agents that may be offered, and N
//! what guarantees still ask for: of each role max(guarantee - consumed, the sum of its children's), summed over the top.
//!
//! - Kept back: no pass lets the shortfall max(0, N - F) of any scalar grow. So what is enough once stays enough, until an agent
//!   goes or a guarantee is raised.
//! - Met: in a world of one size (where fragmentation can't hinder), as long as guarantees of roles none of which lies within
//!   another sum up to no more than there is, after each pass every such role has its guarantee or all that it asked for within
//!   its limits, whatever others did before.
//! - Excused: with several sizes F >= N may be true and no agent have a copy free in one piece, or one scalar be free only beside
//!   another that is not. Nothing is promised then but that nothing of use is left (`missed`): a role with an unmet guarantee
//!   and an open want could be given no copy of it of anything that is free.

use meros_master_core::allocator::Grant;
use meros_types::{Bounds, Resources, RoleSettings};
use proptest::prelude::*;

use crate::acts::{ROLES, play, role};
use crate::amounts::NAMES;
use crate::books::{Books, path};
use crate::cases;
use crate::uniform::{Uniform, demands, uniform};
use crate::view::View;
use crate::world::World;

fn shortfall(books: &Books) -> crate::amounts::Amounts {
    let view = View::new(books);
    view.all_unmet().without(view.all_free())
}

fn what_is_owed_is_kept_back(before: &Books, grants: &[Grant], world: &World) {
    let (before, after) = (shortfall(before), shortfall(&world.books));
    for (k, name) in NAMES.into_iter().enumerate() {
        assert!(after.0[k] <= before.0[k], "of {name} {} was lacking to guarantees, now {}: {grants:?}", before.0[k], after.0[k]);
    }
}

/// The roles of these tests' guarantees: none lies within another.
const GUARANTEED: [&str; 4] = ["*", "a/x", "a/y", "b"];

/// How many copies more a role would take, limits counted: of each client what it wants, of each role no more than its limit.
fn asked(world: &World, within: &str) -> u64 {
    let view = View::new(&world.books);
    let room = |name: &meros_types::Role| {
        let most = world.books.settings_of(name).limit.common()[0].unwrap_or(u64::MAX);
        most.saturating_sub(view.consumed[name].0[0] as u64) / 1_000
    };
    let below = |of: &str| -> u64 {
        let clients = world.books.clients.values().filter(|client| client.role == role(of));
        clients.filter_map(|client| Some(client.wants.first()?.copies.unwrap_or(1_000))).sum()
    };
    let mut asked: std::collections::BTreeMap<_, _> = ROLES.iter().map(|name| (role(name), below(name))).collect();
    let mut deepest_first: Vec<_> = ROLES.iter().map(|name| role(name)).collect();
    deepest_first.sort_by_key(|role| std::cmp::Reverse(path(role).len()));
    for of in deepest_first.into_iter().filter(|of| view.consumed.contains_key(of)) {
        let capped = asked[&of].min(room(&of));
        asked.insert(of.clone(), capped);
        if let Some(parent) = of.parent() {
            *asked.entry(parent).or_default() += capped;
        }
    }
    let outer_room = path(&role(within)).iter().filter(|of| view.consumed.contains_key(of)).map(room).min();
    asked[&role(within)].min(outer_room.unwrap_or(u64::MAX))
}

fn every_guarantee_is_met(world: &World) {
    let view = View::new(&world.books);
    for name in GUARANTEED.iter().filter(|name| view.consumed.contains_key(&role(name))) {
        let (lacks, wants) = (view.unmet(&role(name)).0[0] / 1_000, asked(world, name));
        assert!(lacks == 0 || wants == 0, "{name} lacks {lacks} of its guarantee and wants {wants} more");
    }
}

fn only_disjoint_guarantees(uniform: Uniform) -> Uniform {
    let terms = uniform.terms.into_iter().map(|(of, (weight, limit, guarantee))| {
        let guarantee = if GUARANTEED.contains(&ROLES[of]) { guarantee } else { 0 };
        (of, (weight, limit, guarantee))
    });
    Uniform { terms: terms.collect(), ..uniform }
}

proptest! {
    #![proptest_config(cases(384))]

    #[test]
    fn a_pass_takes_nothing_that_is_owed_to_others(play in play()) {
        play.see(what_is_owed_is_kept_back);
    }

    #[test]
    fn whoever_is_guaranteed_something_has_it_when_it_asks(
        uniform in uniform(6).prop_map(only_disjoint_guarantees),
        steps in proptest::collection::vec((any::<usize>(), proptest::option::of(demands()), any::<usize>()), 1..12),
    ) {
        let mut world = uniform.world();
        for (who, demand, ends) in steps {
            let client = *world.books.clients.keys().nth(who % uniform.clients.len()).unwrap();
            if let Some(demand) = demand {
                world.set_demand(client, demand);
            }
            let tasks = world.tasks_where(|_, _| true);
            if let Some(number) = tasks.get(ends % tasks.len().max(1)) {
                world.end_task(*number);
            }
            world.pass();
            every_guarantee_is_met(&world);
            world.launch_all();
        }
    }
}

/// Another kind of excuse: enough memory is free for the guarantee, and no agent has as much as the shape needs.
#[test]
fn what_is_free_in_pieces_meets_no_guarantee() {
    let mut world = World::new(Default::default());
    for _ in 0..4 {
        world.add_agent(Resources::none().with_cpu_milli(1_000), "");
    }
    let guarantee = Resources::none().with_cpu_milli(2_000);
    world.set_role(&role("a"), RoleSettings { guarantee, limit: Bounds::none(), weight: 1 });
    let (large, small) = (world.add_client(role("a"), Default::default()), world.add_client(role("b"), Default::default()));
    world.set_demand(large, meros_types::Demand::of(Resources::none().with_cpu_milli(2_000), 1));
    world.set_demand(small, meros_types::Demand::of(Resources::none().with_cpu_milli(1_000), 9));
    let grants = world.pass();
    assert!(grants.iter().all(|grant| grant.client == small));
    assert_eq!(grants.len(), 2, "two of the four CPUs are kept back, although they are in pieces");
}
