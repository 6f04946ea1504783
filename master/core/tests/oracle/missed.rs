//! Nothing missed: after a pass nobody with an open want could be given a copy of it of anything that is free.
//!
//! Asked of the oracle's own rules (limits, guarantees, filters, constraints, GPUs, regions, least offers, fit), not of the
//! allocator's. It is what allows a pass to look only at what changed.

use meros_master_core::allocator::Grant;
use meros_types::{Demand, RoleSettings, Shape};
use proptest::prelude::*;

use crate::acts::{play, resources, role};
use crate::books::Books;
use crate::cases;
use crate::rules::anything_left;
use crate::view::View;
use crate::world::World;

pub(crate) fn nobody_could_take_anything(_: &Books, grants: &[Grant], world: &World) {
    if let Some((client, agent, copy)) = anything_left(&View::new(&world.books)) {
        panic!("after {} grants {client:?} could still be given {copy} of {agent:?}", grants.len());
    }
}

proptest! {
    #![proptest_config(cases(768))]

    #[test]
    fn a_pass_leaves_nothing_of_use(play in play()) {
        play.see(nobody_could_take_anything);
    }
}

/// Whoever takes anything is offered no memory without CPUs as long as the CPUs are kept back; but it is when they are gone.
#[test]
fn a_guarantee_that_is_met_holds_nobody_back_any_longer() {
    let mut world = World::new(Default::default());
    world.add_agent(resources("cpus:2;mem:2GiB;ports:[1-4]"), "");
    world.set_role(&role("a"), RoleSettings { guarantee: resources("cpus:2"), ..RoleSettings::default() });
    let (taker, owed) = (world.add_client(role("*"), Default::default()), world.add_client(role("a"), Default::default()));
    world.set_demand(taker, Demand::anything());
    assert_eq!(world.pass(), []);
    world.set_demand(owed, Demand { shapes: vec![Shape::of(resources("cpus:1")).any_ports(1).copies(2)] });
    let grants: Vec<_> = world.pass().into_iter().map(|grant| (grant.client, grant.resources)).collect();
    assert_eq!(grants, [(owed, resources("cpus:2;ports:[1-2]")), (taker, resources("mem:2GiB;ports:[3-4]"))]);
}

/// A guarantee of CPUs becomes one of GPUs: memory alone may be offered again.
#[test]
fn a_guarantee_that_changes_holds_back_something_else() {
    let mut world = World::new(Default::default());
    world.add_agent(resources("mem:1GiB"), "");
    world.set_role(&role("b"), RoleSettings { guarantee: resources("cpus:2"), ..RoleSettings::default() });
    let taker = world.add_client(role("a"), Default::default());
    world.set_demand(taker, Demand::anything());
    assert_eq!(world.pass(), []);
    world.set_role(&role("b"), RoleSettings { guarantee: resources("gpus:1"), ..RoleSettings::default() });
    assert_eq!(world.pass().into_iter().map(|grant| grant.resources).collect::<Vec<_>>(), [resources("mem:1GiB")]);
}
