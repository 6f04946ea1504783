//! An explanation tells the truth: for each open shape, as many agents are said to suit as the oracle's rules find, and after a
//! pass none.

use std::time::Duration;

use meros_master_core::allocator::Question;
use meros_master_core::table::{ClientIx, FrameworkIx, Ix};
use meros_types::{Explanation, FrameworkId, Obstacle, Shape, Standing};
use proptest::prelude::*;

use crate::acts::{act, demand, play};
use crate::cases;
use crate::rules::{copies, copy};
use crate::view::View;
use crate::world::World;

fn name(framework: FrameworkIx) -> FrameworkId {
    FrameworkId::from_bytes([framework.place() as u8; 16])
}

fn explained(world: &World, client: ClientIx, shape: Option<&Shape>) -> Explanation {
    let off_duty = world.books.agents.values().filter(|agent| !agent.on_duty).count() as u64;
    world.allocator.explain(client, &Question { shape, now: world.now, off_duty }, name)
}

/// On how many agents the oracle would give this client a copy of this shape.
fn suitable(view: &View, client: ClientIx, shape: &Shape) -> u64 {
    let row = &view.books.clients[&client];
    let filtered =
        |agent| view.books.filters.get(&(client, agent)).is_some_and(|filter| filter.refused.contains(&view.free[&agent]));
    view.free.keys().filter(|agent| !filtered(**agent) && copy(view, row, **agent, shape).is_some()).count() as u64
}

fn standing(world: &World, client: ClientIx) -> Standing {
    let row = &world.books.clients[&client];
    let limited = crate::books::path(&row.role).iter().any(|role| !world.books.settings_of(role).limit.is_none());
    let is_sated = row.wants.iter().all(|want| want.copies == Some(0));
    let mut counts = world.books.offers.values().filter(|offer| offer.client == client).filter_map(|offer| offer.counts);
    let on_offer = counts.any(|counts| counts.version == row.version);
    match () {
        () if !row.active => Standing::Disconnected,
        () if is_sated && !on_offer => Standing::NoDemand,
        () if is_sated => Standing::Sated,
        () if world.books.recovering && limited => Standing::Recovering,
        () => Standing::Wanting,
    }
}

fn explanations_are_true(world: &World) {
    let view = View::new(&world.books);
    for (client, row) in &world.books.clients {
        let explanation = explained(world, *client, None);
        assert_eq!((explanation.standing, explanation.framework), (standing(world, *client), name(row.framework)));
        if explanation.standing != Standing::Wanting {
            continue;
        }
        let open: Vec<_> = row.wants.iter().filter(|want| want.copies != Some(0)).collect();
        assert_eq!(explanation.shapes.iter().map(|shape| &shape.shape).collect::<Vec<_>>(), open);
        for shape in &explanation.shapes {
            assert_eq!(shape.agents, view.free.len() as u64);
            assert_eq!(shape.suitable, suitable(&view, *client, &shape.shape), "of {client:?}: {shape:?}");
            assert!(shape.suitable > 0 || !shape.obstacles.is_empty() || shape.agents == 0, "nothing is said: {shape:?}");
            off_duty_is_told(world, &shape.obstacles);
        }
    }
}

fn off_duty_is_told(world: &World, obstacles: &[Obstacle]) {
    let off_duty = world.books.agents.values().filter(|agent| !agent.on_duty).count() as u64;
    let told = obstacles.iter().find_map(|obstacle| if let Obstacle::OffDuty { agents } = obstacle { Some(*agents) } else { None });
    assert_eq!(told.unwrap_or(0), off_duty);
}

proptest! {
    #![proptest_config(cases(288))]

    #[test]
    fn what_suits_is_what_the_rules_say(played in play(), acts in proptest::collection::vec(act(), 1..8)) {
        let mut world = played.see(|_, _, world| explanations_are_true(world));
        for act in acts {
            world.act(act);
        }
        world.tell_changes();
        explanations_are_true(&world);
        world.pass();
        explanations_are_true(&world);
    }

    /// Of any shape, whether or not it is wanted.
    #[test]
    fn also_of_shapes_that_nobody_wants(played in play(), asked in demand()) {
        let mut world = played.see(|_, _, _| {});
        world.pass_time(Duration::from_secs(1));
        world.tell_changes();
        let view = View::new(&world.books);
        for client in view.books.clients.keys().filter(|client| standing(&world, **client) == Standing::Wanting) {
            for shape in &asked.shapes {
                let explanation = explained(&world, *client, Some(shape));
                prop_assert_eq!(explanation.shapes.len(), 1);
                prop_assert_eq!(explanation.shapes[0].suitable, suitable(&view, *client, shape));
            }
            let any = view.free.keys().any(|agent| !copies(&view, *client, *agent).is_empty());
            let suits = explained(&world, *client, None).shapes.iter().any(|shape| shape.suitable > 0);
            prop_assert_eq!(any, suits);
        }
    }
}
