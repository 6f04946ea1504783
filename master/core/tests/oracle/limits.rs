//! Never above a limit, at any level, at any time, when all that is offered is accepted.
//!
//! A role that was lifted above its limit by something else (the limit was lowered, an agent came with tasks) is given no more of
//! that scalar. So for each role with a limit and each scalar that it names: whatever a pass gives the role and those below
//! of that scalar, it has no more of it afterwards than the limit says.

use meros_master_core::allocator::Grant;
use meros_types::Role;
use proptest::prelude::*;

use crate::acts::{Act, play};
use crate::amounts::{Amounts, NAMES, limits};
use crate::books::Books;
use crate::cases;
use crate::view::View;
use crate::world::World;

fn granted_in(books: &Books, grants: &[Grant], role: &Role) -> Amounts {
    let below = grants.iter().filter(|grant| books.clients[&grant.client].role.is_within(role));
    below.fold(Amounts::default(), |sum, grant| sum.and(Amounts::of(&grant.resources)))
}

fn no_grant_is_above_a_limit(_: &Books, grants: &[Grant], world: &World) {
    let view = View::new(&world.books);
    for (role, settings) in &world.books.settings {
        let (limit, granted) = (limits(&settings.limit), granted_in(&world.books, grants, role));
        for k in (0..NAMES.len()).filter(|k| granted.0[*k] > 0) {
            let has = view.consumed[role].0[k];
            assert!(
                limit[k].is_none_or(|most| has <= most),
                "{role} has {has} of {} after a pass, above {}",
                NAMES[k],
                settings.limit
            );
        }
    }
}

/// Limits hold for what is had, not only for what is granted, as long as nobody lowers one.
fn nothing_is_above_a_limit(world: &World) {
    let view = View::new(&world.books);
    for (role, settings) in &world.books.settings {
        for (k, most) in limits(&settings.limit).into_iter().enumerate() {
            let has = view.consumed[role].0[k];
            assert!(most.is_none_or(|most| has <= most), "{role} has {has} of {}, above {}", NAMES[k], settings.limit);
        }
    }
}

fn accept_all(world: &mut World) {
    for number in world.offers_where(|_, _| true) {
        world.accept(number, crate::answers::Launch::All, std::time::Duration::ZERO);
    }
}

proptest! {
    #![proptest_config(cases(384))]

    #[test]
    fn what_is_granted_is_within_every_limit(play in play()) {
        play.see(no_grant_is_above_a_limit);
    }

    #[test]
    fn what_is_had_is_within_every_limit_when_all_is_accepted(opening in play(), acts in proptest::collection::vec(crate::acts::act(), 1..20)) {
        let mut world = opening.open();
        accept_all(&mut world);
        for act in acts.into_iter().filter(|act| !matches!(act, Act::Role(..))) {
            world.act(act);
            world.pass();
            nothing_is_above_a_limit(&world);
            accept_all(&mut world);
            nothing_is_above_a_limit(&world);
        }
    }
}
