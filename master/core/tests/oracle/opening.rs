//! Closing and opening: roles that are at their limits free one task's worth, and exactly that is offered again.
//!
//! In a world of one size with more CPUs than all limits together, where everybody wants without end: after a pass each client has
//! a role around it that is at its limit. When one task ends, the next pass grants exactly one copy, and the outermost role that
//! was at its limit around the task is at it again. (Not always to the same client: to whom it is due.)

use meros_types::{Bounds, Demand, Resources, RoleSettings};
use proptest::prelude::*;

use crate::acts::{ROLES, resources, role};
use crate::books::path;
use crate::cases;
use crate::uniform::{Uniform, copies, cpus};
use crate::view::View;
use crate::world::World;

/// A limit for each role at the top, and perhaps for some below.
fn limited() -> impl Strategy<Value = Uniform> {
    let clients = proptest::collection::vec(0..ROLES.len(), 1..8);
    let limits = proptest::collection::vec((1..5_u32, 1..9_u64, any::<bool>()), ROLES.len());
    (clients, limits).prop_map(|(clients, limits)| {
        let terms = limits.into_iter().enumerate().map(|(of, (weight, limit, limited))| {
            let top = role(ROLES[of]).parent().is_none();
            (of, (weight, (limited || top).then_some(limit), 0))
        });
        let clients = clients.into_iter().map(|of| (of, Demand { shapes: vec![cpus(None)] }));
        Uniform { agents: vec![(16, ""), (16, ""), (16, "")], terms: terms.collect(), clients: clients.collect() }
    })
}

fn is_at_its_limit(world: &World, of: &meros_types::Role) -> bool {
    let limit = world.books.settings_of(of).limit.common()[0];
    limit.is_some_and(|limit| View::new(&world.books).consumed[of].0[0] == u128::from(limit))
}

proptest! {
    #![proptest_config(cases(384))]

    #[test]
    fn one_task_that_ends_is_offered_once_again(uniform in limited(), which in any::<usize>()) {
        let mut world = uniform.world();
        for (client, demand) in uniform.demands(&world) {
            world.set_demand(client, demand);
        }
        world.pass();
        world.launch_all();
        prop_assert!(world.pass().is_empty(), "all roles are at their limits");
        let tasks = world.tasks_where(|_, _| true);
        let number = tasks[which % tasks.len()];
        let around = path(&world.books.clients[&world.books.tasks[&number].client].role);
        let outermost = around.into_iter().find(|of| is_at_its_limit(&world, of)).expect("something holds it back");
        world.end_task(number);
        let grants = world.pass();
        prop_assert_eq!(copies(&grants).into_values().sum::<u64>(), 1, "{:?}", grants);
        prop_assert!(is_at_its_limit(&world, &outermost), "{} is below its limit", outermost);
    }

    /// Likewise for who takes anything: the limit cuts the offer, and what ends is what is offered.
    #[test]
    fn a_cut_offer_is_cut_the_same_again(limit in 1..9_u64, first in 1..9_u64) {
        let mut world = World::new(Default::default());
        world.add_agent(resources("cpus:20;mem:20GiB"), "");
        let limit = Resources::none().with_cpu_milli(limit * 1_000).with_memory_bytes(first.max(limit) << 30);
        let bounds = Bounds::parse(&limit.to_string()).unwrap();
        world.set_role(&role("a"), RoleSettings { limit: bounds, ..RoleSettings::default() });
        let client = world.add_client(role("a/x"), Default::default());
        world.set_demand(client, Demand::anything());
        for _ in 0..3 {
            let grants = world.pass();
            prop_assert_eq!(grants.iter().map(|grant| &grant.resources).collect::<Vec<_>>(), [&limit]);
            world.accept(world.offers_where(|_, _| true)[0], crate::answers::Launch::All, std::time::Duration::ZERO);
            prop_assert_eq!(world.pass(), []);
            world.end_task(world.tasks_where(|_, _| true)[0]);
        }
    }
}
