//! What is wanted, and why there is no more of it.

use meros_types::*;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;

use crate::strategies::{agent_id, display_name, duration, framework_id, role, sentence};

pub(crate) fn constraint() -> impl Strategy<Value = Constraint> {
    let subject = prop_oneof![
        3 => "[a-z][a-z0-9 _.-]{0,6}".prop_map(Subject::Attribute),
        1 => select(vec![Subject::Hostname, Subject::Region, Subject::Zone]),
    ];
    let values = || btree_set("[a-zA-Z0-9é=;:]( ?[a-z]){0,4}", 1..4);
    let test =
        prop_oneof![Just(Test::Exists), Just(Test::NotExists), values().prop_map(Test::OneOf), values().prop_map(Test::NoneOf),];
    (subject, test).prop_map(|(subject, test)| Constraint { subject, test })
}

/// A shape with constraints.
pub(crate) fn shape() -> impl Strategy<Value = Shape> {
    (crate::strategies::shape(), vec(constraint(), 0..3)).prop_map(|(shape, constraints)| Shape { constraints, ..shape })
}

pub(crate) fn demand() -> impl Strategy<Value = Demand> {
    vec(shape(), 0..4).prop_map(|shapes| Demand { shapes })
}

pub(crate) fn explanation() -> impl Strategy<Value = Explanation> {
    use Standing::{Disconnected, NoDemand, Recovering, Sated, TooManyOffers, Wanting};
    let standing = select(vec![Wanting, NoDemand, Sated, Disconnected, TooManyOffers, Recovering]);
    let numbers = (any::<u64>(), any::<u64>());
    (framework_id(), role(), standing, numbers, vec(shape_explanation(), 0..3)).prop_map(
        |(framework, role, standing, (offers, share_millionths), shapes)| Explanation {
            framework,
            role,
            standing,
            offers,
            share_millionths,
            shapes,
        },
    )
}

fn shape_explanation() -> impl Strategy<Value = ShapeExplanation> {
    (shape(), any::<u64>(), any::<u64>(), vec(obstacle(), 0..4)).prop_map(|(shape, agents, suitable, obstacles)| ShapeExplanation {
        shape,
        agents,
        suitable,
        obstacles,
    })
}

fn obstacle() -> impl Strategy<Value = Obstacle> {
    let agents = any::<u64>();
    prop_oneof![
        (role(), shortfall()).prop_map(|(role, lacks)| Obstacle::OverLimit { role, lacks }),
        (shortfall(), vec(role(), 0..3)).prop_map(|(lacks, roles)| Obstacle::KeptForGuarantees { lacks, roles }),
        agents.prop_map(|agents| Obstacle::OffDuty { agents }),
        (constraint(), agents).prop_map(|(constraint, agents)| Obstacle::Constraint { constraint, agents }),
        agents.prop_map(|agents| Obstacle::Gpus { agents }),
        agents.prop_map(|agents| Obstacle::RemoteRegion { agents }),
        (agents, agent_id(), display_name(), shortfall()).prop_map(|(agents, closest, hostname, lacks)| Obstacle::NothingFits {
            agents,
            closest,
            hostname,
            lacks
        }),
        (agents, duration(), duration()).prop_map(|(agents, first_ends_in, last_ends_in)| Obstacle::Filtered {
            agents,
            first_ends_in,
            last_ends_in
        }),
        (agents, framework_id(), role()).prop_map(|(frameworks, first, role)| Obstacle::Behind { frameworks, first, role }),
    ]
}

fn shortfall() -> impl Strategy<Value = Shortfall> {
    (display_name(), sentence(), sentence()).prop_map(|(name, wanted, available)| Shortfall { name, wanted, available })
}
