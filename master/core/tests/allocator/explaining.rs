//! Why there is no offer: one test for each obstacle and standing.

use std::time::Duration;

use meros_master_core::allocator::{AllocatorConfig, Question};
use meros_types::{AgentId, Demand, FrameworkId, Obstacle, Shortfall, Standing, Time};

use crate::harness::*;

fn shortfall(name: &str, wanted: &str, available: &str) -> Shortfall {
    Shortfall { name: name.to_owned(), wanted: wanted.to_owned(), available: available.to_owned() }
}

fn agent_id(place: u8) -> AgentId {
    AgentId::from_bytes([place; 16])
}

#[test]
fn a_limit() {
    let mut world = World::new();
    world.role("eng", limit("cpus:2")).client("f", "eng/a").agent("m", "cpus:8").wants("f", each("cpus:4"));
    world.pass();
    let over = Obstacle::OverLimit { role: role("eng"), lacks: shortfall("cpus", "4", "2") };
    assert_eq!(world.obstacles("f"), [over]);
}

#[test]
fn guarantees_of_others() {
    let mut world = World::new();
    world.role("eng", guarantee("cpus:6")).client("f", "*").agent("m", "cpus:8").wants("f", each("cpus:4"));
    world.pass();
    let kept = Obstacle::KeptForGuarantees { lacks: shortfall("cpus", "4", "2"), roles: vec![role("eng")] };
    assert_eq!(world.obstacles("f"), [kept]);
}

#[test]
fn constraints_gpus_and_regions() {
    let mut world = World::configured(AllocatorConfig { region: Some("eu".to_owned()), ..AllocatorConfig::default() });
    world.agent("m", "cpus:4").agent_like("n", "cpus:4", "rack:b", None);
    world.agent_like("g", "cpus:4;gpus:1", "rack:a", None).agent_like("far", "cpus:4", "rack:a", Some("us/us-1"));
    world.client("f", "*").wants("f", on("cpus:1", &["rack", "rack=a"]));
    world.pass();
    let excluded = |text: &str| Obstacle::Constraint { constraint: text.parse().unwrap(), agents: 1 };
    let [first, second, gpus, region] = world.obstacles("f").try_into().unwrap();
    assert!(
        [&first, &second].contains(&&excluded("rack")) && [&first, &second].contains(&&excluded("rack=a")),
        "{first:?} {second:?}"
    );
    assert_eq!((gpus, region), (Obstacle::Gpus { agents: 1 }, Obstacle::RemoteRegion { agents: 1 }));
}

#[test]
fn nothing_fits_and_the_closest_is_named() {
    let mut world = World::new();
    world.agent("m", "cpus:1;mem:1GiB").agent("n", "cpus:3;mem:4GiB").client("f", "*").wants("f", each("cpus:4;mem:2GiB"));
    world.pass();
    let (hostname, lacks) = ("n".to_owned(), shortfall("cpus", "4", "3"));
    assert_eq!(world.obstacles("f"), [Obstacle::NothingFits { agents: 2, closest: agent_id(1), hostname, lacks }]);
}

#[test]
fn filters() {
    let mut world = World::new();
    world.agent("m", "cpus:4").client("f", "*").wants("f", Demand::anything());
    world.pass();
    world.declines("f", 60).passes(10);
    world.pass();
    let (first_ends_in, last_ends_in) = (Duration::from_secs(50), Duration::from_secs(50));
    assert_eq!(world.obstacles("f"), [Obstacle::Filtered { agents: 1, first_ends_in, last_ends_in }]);
}

#[test]
fn others_in_fair_share() {
    let mut world = World::new();
    world.agent("m", "cpus:4").client("f", "*").client("g", "*").wants("f", each("cpus:4"));
    world.pass();
    world.wants("g", each("cpus:4"));
    world.pass();
    let first = FrameworkId::from_bytes([1; 16]);
    let obstacles = world.obstacles("f");
    assert_eq!(obstacles.last(), Some(&Obstacle::Behind { frameworks: 1, first, role: role("*") }), "{obstacles:?}");
    assert_eq!(world.obstacles("g").len(), 1, "nobody is before the one that has least");
}

#[test]
fn agents_off_duty_are_counted_by_whoever_knows_them() {
    let mut world = World::new();
    world.client("f", "*").wants("f", each("cpus:4"));
    let question = Question { shape: None, now: Time(0), off_duty: 3 };
    let explanation = world.allocator.explain(world.client_ix("f"), &question, |_| FrameworkId::from_bytes([0; 16]));
    assert_eq!(explanation.shapes[0].obstacles, [Obstacle::OffDuty { agents: 3 }]);
}

#[test]
fn another_shape_can_be_asked_about() {
    let mut world = World::new();
    world.agent("m", "cpus:4").agent("n", "cpus:1").client("f", "*");
    let shape = &each("cpus:2").shapes[0];
    let question = Question { shape: Some(shape), now: Time(0), off_duty: 0 };
    let explanation = world.allocator.explain(world.client_ix("f"), &question, |_| FrameworkId::from_bytes([0; 16]));
    assert_eq!((explanation.standing, explanation.shapes[0].agents, explanation.shapes[0].suitable), (Standing::NoDemand, 2, 1));
}

#[test]
fn standings() {
    let mut world = World::new();
    world.agent("m", "cpus:4").client("f", "*");
    assert_eq!(world.explain("f").standing, Standing::NoDemand);
    world.wants("f", copies("cpus:9", 1));
    assert_eq!(world.explain("f").standing, Standing::Wanting);
    world.wants("f", copies("cpus:1", 1));
    world.pass();
    assert_eq!(world.explain("f").standing, Standing::Sated);
    world.allocator.set_active(world.client_ix("f"), false);
    assert_eq!(world.explain("f").standing, Standing::Disconnected);
}
