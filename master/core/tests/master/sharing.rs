//! Several frameworks: weighted dominant-resource fairness, and rounds that starve nobody.

use meros_types::{Demand, Resources, Shape};

use crate::harness::*;

/// What each framework holds, by name.
fn allocated(world: &World, name: &str) -> Resources {
    let id = world.framework_id(name);
    world.master.state().frameworks.into_iter().find(|framework| framework.id == id).unwrap().allocated
}

fn wants(name: &str, each: &str) -> Step {
    says(name, [demand(1, Demand { shapes: vec![Shape::of(resources(each))] })])
}

/// The example of the paper: 9 CPUs and 18 GiB; A's tasks take <1 CPU, 4 GiB>, B's <3 CPUs, 1 GiB>.
#[test]
fn dominant_shares_are_made_equal() {
    let mut world = World::new().with_agent("a", "cpus:9;mem:18GiB").with_framework("f").with_framework("g");
    world.run(batch([wants("f", "cpus:1;mem:4GiB"), wants("g", "cpus:3;mem:1GiB")]));
    assert_eq!(allocated(&world, "f"), resources("cpus:3;mem:12GiB"));
    assert_eq!(allocated(&world, "g"), resources("cpus:6;mem:2GiB"));
}

#[test]
fn a_role_of_twice_the_weight_gets_twice_as_much() {
    let mut world = World::configured(|config| config.weights = [(role("heavy"), 2)].into());
    world.run(subscribes("f").roles(&["light"]));
    world.run(subscribes("g").roles(&["heavy"]));
    world.run(registers("a").with("cpus:12"));
    let wants = |name: &str, of: &str| {
        let shapes = vec![Shape::of(resources("cpus:1"))];
        let call = meros_types::DemandCall { role: role(of), version: 1, demand: Demand { shapes } };
        says(name, [meros_types::Call::Demand(call)])
    };
    world.run(batch([wants("f", "light"), wants("g", "heavy")]));
    assert_eq!((allocated(&world, "f"), allocated(&world, "g")), (resources("cpus:4"), resources("cpus:8")));
}

/// What tasks hold counts, and so does what is still releasing.
#[test]
fn whoever_has_less_is_offered_first() {
    let world = World::new().with_agent("a", "cpus:4").with_taker("f");
    let world = world.after(says("f", [accept(&[1], &[("t", "cpus:4")]), kill("t")])).with_taker("g");
    let mut world = world;
    world.check(registers("b").with("cpus:4"), &["b registered", "g offers 2@b(cpus:4)"]);
}

#[test]
fn a_decliner_goes_last_even_with_no_filter() {
    let mut world = World::new().with_agent("a", "cpus:4").with_taker("f").with_taker("g").with_taker("h");
    let mut turns = String::new();
    let mut holder = "f".to_owned();
    for offer in 1..=9 {
        turns.push_str(&holder);
        let lines = world.run(says(&holder, [decline(&[offer], 0)]));
        assert_eq!(lines.len(), 1, "{lines:?}");
        holder = lines[0].split(' ').next().unwrap().to_owned();
    }
    assert_eq!(turns, "fghfghfgh");
}

#[test]
fn what_one_does_not_want_goes_to_the_next() {
    let mut world = World::new().with_agent("a", "cpus:4;mem:8GiB").with_framework("f").with_framework("g");
    let calls = [says("f", [demand(1, copies("cpus:1;mem:1GiB", 1))]), says("g", [demand(1, Demand::anything())])];
    world.check(batch(calls), &["f offers 1@a(cpus:1;mem:1GiB)", "g offers 2@a(cpus:3;mem:7GiB)"]);
}

#[test]
fn sums_over_many_agents_show_no_more_names_than_can_be_sent() {
    let mut world = World::new().with_taker("f");
    for agent in 0..4 {
        let names: Vec<String> = (0..20).map(|n| format!("s{agent}x{n}:1")).collect();
        world.run(registers(&format!("a{agent}")).with(&format!("cpus:1;{}", names.join(";"))));
    }
    assert_eq!(allocated(&world, "f").custom().len(), meros_types::CUSTOM_SCALARS_MAX);
}
