//! What a pass grants depends on what happened since the last one, not on the order in which it did: neither on the order in which
//! the demands of a batch came, nor on that in which agents were said to have changed or tasks to have ended.
//!
//! It holds grant by grant, since agents are visited by index and clients are compared by share and index. It does depend on the
//! order in which clients and agents came into being (indices break ties), and on that of whole batches.

use meros_master_core::allocator::Grant;
use meros_types::Demand;
use proptest::prelude::*;

use crate::acts::{Play, ROLES, demand, play, role};
use crate::cases;
use crate::world::World;

/// What happens in one batch, in any order: each client demands at most once, each task ends once.
#[derive(Clone, Debug)]
enum Change {
    Demands(usize, Demand),
    Ends(usize),
    Weight(usize, u32),
}

fn changes() -> impl Strategy<Value = (Vec<Change>, Vec<Change>)> {
    let demands = proptest::collection::btree_map(0..8_usize, demand(), 0..6);
    let ends = proptest::collection::btree_set(0..20_usize, 0..6);
    let weights = proptest::collection::btree_map(0..ROLES.len(), 1..6_u32, 0..4);
    let changes = (demands, ends, weights).prop_map(|(demands, ends, weights)| {
        let demands = demands.into_iter().map(|(who, demand)| Change::Demands(who, demand));
        let weights = weights.into_iter().map(|(of, weight)| Change::Weight(of, weight));
        demands.chain(ends.into_iter().map(Change::Ends)).chain(weights).collect::<Vec<_>>()
    });
    changes.prop_flat_map(|changes| (Just(changes.clone()), Just(changes).prop_shuffle()))
}

fn after(play: Play, changes: Vec<Change>, backwards: bool) -> (World, Vec<Grant>) {
    let mut world = play.see(|_, _, _| {});
    let clients: Vec<_> = world.books.clients.keys().copied().collect();
    let tasks = world.tasks_where(|_, _| true);
    for change in changes {
        match change {
            Change::Demands(who, demand) => {
                clients.get(who).into_iter().for_each(|client| world.set_demand(*client, demand.clone()));
            }
            Change::Ends(which) => tasks.get(which).into_iter().for_each(|number| world.end_task(*number)),
            Change::Weight(of, weight) => {
                let settings = world.books.settings_of(&role(ROLES[of]));
                world.set_role(&role(ROLES[of]), meros_types::RoleSettings { weight, ..settings });
            }
        }
    }
    if backwards {
        world.changed.reverse();
    }
    let grants = world.pass();
    (world, grants)
}

proptest! {
    #![proptest_config(cases(384))]

    #[test]
    fn the_order_within_a_batch_makes_no_difference(played in play(), (one, other) in changes()) {
        let (_, one) = after(played.clone(), one, false);
        let (_, other) = after(played, other, true);
        let plain = |grants: Vec<Grant>| -> Vec<_> { grants.into_iter().map(|grant| (grant.agent, grant.client, grant.resources)).collect() };
        prop_assert_eq!(plain(one), plain(other));
    }
}
