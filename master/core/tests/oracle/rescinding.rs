//! When a limit is lowered, the offers that must end are found newest first: just enough, and none that would not help.
//!
//! Exactly: each offer that ends, at its turn, has some of a scalar of which a role around it has more than its limit; and
//! afterwards no offer that still stands is like that.

use meros_master_core::table::ClientIx;
use meros_types::{Bounds, Demand, Resources, Role, RoleSettings, Shape};
use proptest::prelude::*;
use proptest::sample::select;

use crate::acts::{Play, ROLES, play, resources, role};
use crate::amounts::{Amounts, NAMES, limits};
use crate::books::{Books, path};
use crate::cases;
use crate::view::View;
use crate::world::World;

/// Whether ending an offer brings a role nearer to its limit.
fn would_help(books: &Books, client: ClientIx, resources: &Resources) -> bool {
    let (view, has) = (View::new(books), Amounts::of(resources));
    let above = |role: &Role| {
        let limit = limits(&books.settings_of(role).limit);
        (0..NAMES.len()).any(|k| has.0[k] > 0 && limit[k].is_some_and(|most| view.consumed[role].0[k] > most))
    };
    path(&books.clients[&client].role).iter().any(above)
}

/// Offers of many kinds in a world that was played: all tasks end, everybody wants one of each of three shapes, and then some again.
fn with_offers(play: Play) -> World {
    let mut world = play.see(|_, _, _| {});
    world.set_recovering(false);
    world.tasks_where(|_, _| true).into_iter().for_each(|number| world.end_task(number));
    for (at, client) in world.books.clients.keys().copied().collect::<Vec<_>>().into_iter().enumerate() {
        world.set_active(client, true);
        let shapes =
            ["cpus:0.5", "mem:256MiB", "cpus:0.5;mem:512MiB"].map(|each| Shape::of(resources(each)).copies(1 + at as u64 % 2));
        world.set_demand(client, Demand { shapes: shapes.into() });
    }
    world.pass();
    world
}

fn limits_of_any_size() -> impl Strategy<Value = RoleSettings> {
    let limit = select(&["", "cpus:0", "cpus:1", "cpus:2", "mem:256MiB", "mem:1GiB", "cpus:1;mem:512MiB", "licences:0"][..]);
    limit.prop_map(|limit| RoleSettings { limit: Bounds::parse(limit).unwrap(), ..RoleSettings::default() })
}

proptest! {
    #![proptest_config(cases(288))]

    #[test]
    fn just_enough_offers_end(play in play(), changes in proptest::collection::vec((0..ROLES.len(), limits_of_any_size()), 1..4)) {
        let mut world = with_offers(play);
        for (of, settings) in changes {
            world.set_role(&role(ROLES[of]), settings);
        }
        let mut books = world.books.clone();
        let ended = world.rescind_above_limits();
        prop_assert!(ended.is_sorted_by(|newer, older| newer > older), "not newest first: {ended:?}");
        for number in ended {
            let offer = books.offers[&number].clone();
            prop_assert!(would_help(&books, offer.client, &offer.resources), "{offer:?} ended for nothing");
            books.offers.remove(&number);
        }
        for offer in books.offers.values() {
            prop_assert!(!would_help(&books, offer.client, &offer.resources), "{offer:?} stands, and a limit is exceeded");
        }
        world.pass();
    }
}
