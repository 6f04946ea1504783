//! Nobody starves: a client whose demand fits an empty agent is offered one within a stated number of rounds, whatever others do.
//!
//! A round is a pass before which an agent that suits the client became all free. Each of the others may come before it, by its share
//! or, where shares are equal, by its index; but whoever was offered something of an agent and answered it (whatever it said), or let
//! the lease run out, goes last in that agent's round. So the bound is: with k others, the client is offered the agent in its
//! (k + 1)-th round at the latest.
//!
//! What is free in pieces in between begins no new round, and neither does a remainder that only suits somebody who went already.
//!
//! What is *not* promised: that an agent ever becomes all free. Two clients that take half an agent each and let go of it at
//! different times keep it in pieces for ever; only gangs, which may hold parts, help against that.

use std::time::Duration;

use meros_master_core::allocator::Traits;
use meros_master_core::table::ClientIx;
use meros_types::{Demand, Role, Shape};
use proptest::prelude::*;
use proptest::sample::select;

use crate::acts::{resources, role};
use crate::answers::Launch;
use crate::cases;
use crate::world::{LEASE, World};

/// What a client does with everything that it is offered.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    /// Fills it with tasks that end before the next round.
    Greedy,
    /// Lets the lease run out.
    Hoards,
    /// Declines it, and would take it again at once.
    Declines,
    /// Declines it for long, and says its demand anew, which makes the filter fall.
    Revives,
    /// Closes its stream and opens it again before the pass.
    Flaps,
    /// Goes, and a new client of the same kind comes before the pass, perhaps with its index.
    Returns,
}

const MANNERS: [Manner; 6] = [Manner::Greedy, Manner::Hoards, Manner::Declines, Manner::Revives, Manner::Flaps, Manner::Returns];

#[derive(Clone, Debug)]
struct Crowd {
    agents: usize,
    others: Vec<(Manner, &'static str, &'static str)>,
    /// How many of the others have a lower index.
    before: usize,
    role: &'static str,
    /// Whether every other task ends earlier, with a pass of its own.
    in_pieces: bool,
}

fn crowd() -> impl Strategy<Value = Crowd> {
    let wants = select(&["", "cpus:4;mem:4GiB", "cpus:2;mem:1GiB", "cpus:1;mem:512MiB"][..]);
    let others = proptest::collection::vec((select(&MANNERS[..]), wants, select(&["*", "a", "a/x"][..])), 1..5);
    let shape = (1..3_usize, 0..5_usize, select(&["*", "a", "a/x"][..]), any::<bool>());
    (shape, others).prop_map(|((agents, before, role, in_pieces), others)| {
        let before = before.min(others.len());
        Crowd { agents, others, before, role, in_pieces }
    })
}

struct Other {
    client: ClientIx,
    manner: Manner,
    demand: Demand,
    role: Role,
}

impl Other {
    fn come(world: &mut World, (manner, wants, of): (Manner, &str, &str)) -> Self {
        let (demand, of) = (Demand { shapes: vec![Shape::of(resources(wants))] }, role(of));
        let client = world.add_client(of.clone(), Traits::default());
        world.set_demand(client, demand.clone());
        Self { client, manner, demand, role: of }
    }

    fn answers(&mut self, world: &mut World) {
        let offers = world.offers_where(|client, _| client == self.client);
        match self.manner {
            Manner::Hoards => {}
            Manner::Greedy => offers.into_iter().for_each(|number| world.accept(number, Launch::All, Duration::ZERO)),
            Manner::Declines => offers.into_iter().for_each(|number| world.decline(number, Duration::ZERO)),
            Manner::Revives => {
                offers.into_iter().for_each(|number| world.decline(number, Duration::from_secs(600)));
                world.set_demand(self.client, self.demand.clone());
            }
            Manner::Flaps => {
                world.set_active(self.client, false);
                world.set_active(self.client, true);
            }
            Manner::Returns => {
                world.remove_client(self.client);
                self.client = world.add_client(self.role.clone(), Traits::default());
                world.set_demand(self.client, self.demand.clone());
            }
        }
    }
}

/// In which round the meek one is offered an agent: all agents are all free in each.
fn rounds(crowd: &Crowd, most: usize) -> Option<usize> {
    let mut world = World::new(Default::default());
    for _ in 0..crowd.agents {
        world.add_agent(resources("cpus:4;mem:4GiB"), "");
    }
    let (first, last) = crowd.others.split_at(crowd.before);
    let mut others: Vec<_> = first.iter().map(|other| Other::come(&mut world, *other)).collect();
    let meek = world.add_client(role(crowd.role), Traits::default());
    world.set_demand(meek, Demand::of(resources("cpus:4;mem:4GiB"), 1));
    others.extend(last.iter().map(|other| Other::come(&mut world, *other)));
    let is_offered = |world: &mut World| world.pass().iter().any(|grant| grant.client == meek);
    (1..=most).find(|_| {
        if is_offered(&mut world) {
            return true;
        }
        others.iter_mut().for_each(|other| other.answers(&mut world));
        if crowd.in_pieces {
            world.tasks_where(|_, _| true).into_iter().step_by(2).for_each(|number| world.end_task(number));
            if is_offered(&mut world) {
                return true;
            }
            others.iter_mut().for_each(|other| other.answers(&mut world));
        }
        world.tasks_where(|_, _| true).into_iter().for_each(|number| world.end_task(number));
        world.pass_time(LEASE);
        false
    })
}

/// The third to go leaves a remainder that only the last one could use, who declined: the meek one's turn is not over.
#[test]
fn a_remainder_for_a_decliner_begins_no_new_round() {
    let (small, greedy) = ("cpus:2;mem:1GiB", Manner::Greedy);
    let others = vec![(greedy, "", "a"), (greedy, small, "a"), (greedy, small, "a"), (Manner::Declines, "", "*")];
    assert!(rounds(&Crowd { agents: 1, others, before: 1, role: "a/x", in_pieces: false }, 5).is_some());
}

/// What is too little for the meek one goes to somebody who went before; that is not the end of the round.
#[test]
fn pieces_in_between_begin_no_new_round() {
    let (small, greedy) = ("cpus:1;mem:512MiB", Manner::Greedy);
    let others = vec![(greedy, small, "a"), (greedy, "", "a"), (greedy, small, "a/x")];
    assert!(rounds(&Crowd { agents: 1, others, before: 1, role: "*", in_pieces: true }, 4).is_some());
}

/// With equal shares a client that flaps, or comes anew with its old index, doesn't come first again and again.
#[test]
fn whoever_flaps_goes_last() {
    for manner in [Manner::Flaps, Manner::Returns] {
        assert_eq!(
            rounds(&Crowd { agents: 1, others: vec![(manner, "", "*")], before: 1, role: "*", in_pieces: false }, 2),
            Some(2),
            "{manner:?}"
        );
    }
}

proptest! {
    #![proptest_config(cases(384))]

    #[test]
    fn the_meek_are_offered_an_agent_in_their_turn(crowd in crowd()) {
        let bound = crowd.others.len() + 1;
        prop_assert!(rounds(&crowd, bound).is_some(), "no offer in {bound} rounds");
    }
}
