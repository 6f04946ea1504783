//! Nothing lost or doubled: per agent total = free + offered + used, as the world's own books say; every grant fits in what was
//! free when it was made; and what the allocator says of agents, clients and roles is what the books say.
//!
//! That a grant fits, and is some copies of one want and no more than are wanted, is seen to by [`Books::enter`] in every test.

use meros_master_core::allocator::Grant;
use proptest::prelude::*;

use crate::acts::play;
use crate::amounts::Amounts;
use crate::books::{Books, path};
use crate::cases;
use crate::fill::Place;
use crate::view::View;
use crate::world::World;

fn the_allocator_agrees(_: &Books, _: &[Grant], world: &World) {
    let view = View::new(&world.books);
    for agent in world.books.agents.keys() {
        assert_eq!(world.allocator.free_of(*agent), view.free.get(agent), "what is free of {agent:?}");
    }
    for (ix, client) in &world.books.clients {
        let state = world.allocator.client_state(*ix);
        let offers = world.books.offers.values().filter(|offer| offer.client == *ix).count();
        let filters = world.books.filters.keys().filter(|(of, _)| of == ix).count();
        assert_eq!(state.role, client.role);
        assert_eq!(Amounts::of(&state.allocated), view.held[ix]);
        assert_eq!(state.demand.shapes, client.wants, "what {ix:?} still wants");
        assert_eq!((state.offers, state.filters), (offers as u64, filters as u64), "offers and filters of {ix:?}");
        assert_eq!((world.allocator.framework_of(*ix), world.allocator.role_of(*ix)), (client.framework, &client.role));
    }
    roles_agree(world, &view);
}

fn roles_agree(world: &World, view: &View) {
    let states = world.allocator.role_states();
    let names: Vec<_> = states.iter().map(|state| state.role.clone()).collect();
    assert_eq!(names, view.consumed.keys().cloned().collect::<Vec<_>>(), "which roles there are");
    for state in states {
        let active = world.books.clients.values().filter(|client| client.active && client.role == state.role).count();
        assert_eq!(world.allocator.role_state(&state.role).as_ref(), Some(&state));
        assert_eq!(state.settings, world.books.settings_of(&state.role));
        assert_eq!(Amounts::of(&state.allocated), view.consumed[&state.role]);
        assert_eq!(Amounts::of(&state.consumed), view.consumed[&state.role]);
        assert_eq!(Amounts::of(&state.unmet), view.unmet(&state.role), "what guarantees still ask for in {}", state.role);
        assert_eq!(state.frameworks, active as u64);
        let share = Place::Role(state.role.clone()).share_of(view, view.consumed[&state.role]);
        let millionths = (share.0 * 1_000_000 / share.1) as u64;
        assert!(state.share_millionths.abs_diff(millionths) <= 1, "share of {}: {state:?}", path(&state.role).len());
    }
}

proptest! {
    #![proptest_config(cases(384))]

    #[test]
    fn the_books_add_up(play in play()) {
        play.see(the_allocator_agrees);
    }
}
