//! Shares where agents differ: agents are visited one by one, and what one is taken by depends on who had what by then. So the
//! claim is about what was contested, which is the agent that is visited.
//!
//! Each visit is a progressive filling of that agent, copy by copy, from what everybody had before it: there is an order of
//! the copies that it granted in which each goes to one who is first by the oracle's rules (first but for ties), of the want
//! and with the ports that the rules say; and after the last of them nobody could take anything more there. This is with any sizes,
//! limits, guarantees, constraints and filters, of agents on which at most 16 copies of anything fit. Whoever gave something of
//! the agent back before may come in its place or later: who is last in a round, and when one begins, is for `starvation` to say.
//!
//! Where nobody else could take anything, all copies of a want may go out at once: a filter that covers what is left after the first
//! (though not what there was) is not asked again then.

use std::collections::BTreeMap;

use meros_master_core::allocator::Grant;
use meros_master_core::table::{AgentIx, ClientIx};
use meros_types::{Demand, Resources, Time};
use proptest::prelude::*;
use proptest::sample::select;

use crate::acts::play;
use crate::books::Books;
use crate::cases;
use crate::fill::{Step, able, first};
use crate::rules::copies;
use crate::uniform::{Uniform, cpus, uniform};
use crate::view::View;

/// What a visit granted, by client and want.
type Granted = BTreeMap<(ClientIx, usize), Resources>;

fn each_visit_is_a_filling(before: &Books, grants: &[Grant]) {
    let mut books = before.clone();
    for visit in grants.chunk_by(|one, next| one.agent == next.agent) {
        let before = books.clone();
        let mut granted = Granted::new();
        for grant in visit {
            let number = books.offers.last_key_value().map_or(0, |(last, _)| last + 1);
            books.enter(number, Time(u64::MAX), grant);
            granted.insert((grant.client, books.offers[&number].counts.unwrap().want), grant.resources.clone());
        }
        assert_eq!(granted.len(), visit.len(), "two grants of one visit are for one want: {visit:?}");
        assert!(leads_to(&before, visit[0].agent, &granted), "no progressive filling of {:?} grants {granted:?}", visit[0].agent);
    }
}

/// Whether the oracle, with the ties broken in one way or another, gives just this much.
fn leads_to(books: &Books, agent: AgentIx, granted: &Granted) -> bool {
    let first = first_or_passed(&View::new(books), agent);
    if granted.is_empty() {
        return first.is_empty();
    }
    let is_alone = first.len() == 1;
    first.into_iter().any(|step| {
        let at_once = if is_alone { all_copies(books, &step, granted) } else { None };
        [Some((step.copy.clone(), 1)), at_once].into_iter().flatten().any(|(copy, copies)| {
            let step = Step { copy, ..step.clone() };
            let Some(left) = without(granted, &step) else { return false };
            let mut books = books.clone();
            books.give(step, copies);
            leads_to(&books, agent, &left)
        })
    })
}

/// Everything that was granted for a step's want, if it is more than one copy and nobody else could take anything now.
fn all_copies(books: &Books, step: &Step, granted: &Granted) -> Option<(Resources, u64)> {
    let view = View::new(books);
    let mut others = books.clients.keys().filter(|client| **client != step.client);
    let (all, shape) = (granted.get(&(step.client, step.want))?, &books.clients[&step.client].wants[step.want]);
    let count = if shape.is_anything() { 1 } else { shape.fitting(all) };
    let is_alone = others.all(|client| copies(&view, *client, step.agent).is_empty());
    (is_alone && count > 1).then(|| (all.clone(), count))
}

/// Those who are first among those who never gave anything of the agent back; and others who are first if they count too.
fn first_or_passed(view: &View, agent: AgentIx) -> Vec<Step> {
    let has_passed = |step: &Step| view.books.passed.contains(&(step.client, agent));
    let (passed, fresh): (Vec<_>, Vec<_>) = able(view, &[agent]).into_iter().partition(has_passed);
    let is_first = |step: &Step| {
        let own = passed.iter().filter(|other| other.client == step.client);
        first(view, fresh.iter().chain(own).cloned().collect())
            .iter()
            .any(|first| (first.client, first.want) == (step.client, step.want))
    };
    let passed = passed.iter().filter(|step| is_first(step)).cloned();
    first(view, fresh.clone()).into_iter().chain(passed).collect()
}

fn without(granted: &Granted, step: &Step) -> Option<Granted> {
    let rest = granted.get(&(step.client, step.want))?.checked_sub(&step.copy).ok()?;
    let mut left = granted.clone();
    match rest.is_none() {
        true => left.remove(&(step.client, step.want)),
        false => left.insert((step.client, step.want), rest),
    };
    Some(left)
}

fn with_racks(uniform: Uniform, racks: Vec<&'static str>) -> Uniform {
    let (agents, clients) = racks.split_at(3);
    let agents = uniform.agents.into_iter().zip(agents).map(|((cpus, _), rack)| (cpus, *rack)).collect();
    let on_rack = |((of, demand), rack): ((usize, Demand), &&str)| {
        let copies = demand.shapes[0].copies;
        let shape = if rack.is_empty() { cpus(copies) } else { cpus(copies).on(rack.replace(':', "=").parse().unwrap()) };
        (of, Demand { shapes: vec![shape] })
    };
    Uniform { agents, clients: uniform.clients.into_iter().zip(clients).map(on_rack).collect(), ..uniform }
}

proptest! {
    #![proptest_config(cases(288))]

    #[test]
    fn a_contested_agent_is_filled_progressively(
        uniform in uniform(9),
        racks in proptest::collection::vec(select(&["", "r:a", "r:b"][..]), 11),
    ) {
        let uniform = with_racks(uniform, racks);
        let mut world = uniform.world();
        for (client, demand) in uniform.demands(&world) {
            world.set_demand(client, demand);
        }
        let before = world.books.clone();
        each_visit_is_a_filling(&before, &world.pass());
    }

    #[test]
    fn so_is_any_agent_in_any_world(play in play()) {
        play.see(|before, grants, _| each_visit_is_a_filling(before, grants));
    }
}
