//! How roles share: judged as a whole by what will be, stored as a whole, and what is on offer against it taken back.

use meros_master_core::OPERATORS_WAITING_MAX;
use meros_types::{Bounds, Demand, ROLE_SETTINGS_MAX, RoleSettings};

use crate::harness::*;

/// An agent of eight cores, half of them in a task of this role.
fn with_task_in(name: &str) -> World {
    let world = World::new().with_agent("a", "cpus:8;mem:8GiB");
    let world = world.after(subscribes("f").roles(&[name]).then([wants(name, 1, copies("cpus:4;mem:1GiB", 1))]));
    world.after(says("f", [accept(&[1], &[("t", "cpus:4;mem:1GiB")])])).after(says("f", [wants(name, 2, Demand::nothing())]))
}

fn wants(name: &str, version: u64, wanted: Demand) -> meros_types::Call {
    meros_types::Call::Demand(meros_types::DemandCall { role: role(name), version, demand: wanted })
}

/// What an update is refused with, without the sentence around.
fn reasons(world: &mut World, step: Step) -> String {
    let lines = world.run(step);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines[0].strip_prefix("reply: no role was changed: ").unwrap_or_else(|| panic!("{lines:?}")).to_owned()
}

fn settings(world: &World, name: &str) -> String {
    let RoleSettings { weight, limit, guarantee } = world.role_state(name).settings;
    format!("{weight} [{limit}] [{guarantee}]")
}

#[test]
fn settings_hold_and_are_told_when_they_are_stored() {
    let mut world = with_task_in("eng/backend").after(Step::Holds);
    world.check(updates([limit("eng", "cpus:6"), weight("eng/backend", 3)]), &[]);
    assert_eq!(settings(&world, "eng"), "1 [] []");
    world.check(stores(1), &["reply Done"]);
    assert_eq!((settings(&world, "eng"), settings(&world, "eng/backend")), ("1 [cpus:6] []".into(), "3 [] []".into()));
    // What is not named stays.
    world.run(Step::Releases);
    world.check(updates([guarantee("eng", "cpus:2")]), &["reply Done"]);
    assert_eq!(settings(&world, "eng"), "1 [cpus:6] [cpus:2]");
    world.check(updates([]), &["reply Done"]);
}

#[test]
fn a_master_that_begins_knows_what_was_stored_and_all_of_it() {
    let change = || updates([limit("eng", "cpus:6"), guarantee("eng/a", "cpus:2"), weight("eng/b", 7)]);
    let world = with_task_in("eng/b").after(Step::Holds).after(change()).after(Step::Restarts);
    assert_eq!(world.master.state().roles, []);
    let world = with_task_in("eng/b").after(Step::Holds).after(change()).after(stores(1)).after(Step::Restarts);
    assert_eq!((settings(&world, "eng"), settings(&world, "eng/a")), ("1 [cpus:6] []".into(), "1 [] [cpus:2]".into()));
    assert_eq!(settings(&world, "eng/b"), "7 [] []");
    let mut world = world.after(Step::Releases);
    assert!(reasons(&mut world, updates([guarantee("eng/a", "cpus:7")])).starts_with("role eng: "));
}

#[test]
fn the_state_shows_what_roles_have_with_those_below_them() {
    let mut world = with_task_in("eng/backend");
    world.run(subscribes("g").roles(&["eng", "*"]));
    let state = world.role_state("eng");
    assert_eq!((state.allocated, state.consumed), (resources("cpus:4;mem:1GiB"), resources("cpus:4;mem:1GiB")));
    assert_eq!((state.frameworks, world.role_state("eng/backend").frameworks), (1, 1));
    let names: Vec<String> = world.master.state().roles.iter().map(|state| state.role.to_string()).collect();
    assert_eq!(names, ["*", "eng", "eng/backend"]);
}

#[test]
fn one_wrong_part_refuses_all() {
    let mut world = with_task_in("eng");
    let line = "reply: role eng: a weight is from 1 to 1000000, and not 0; role x is named twice; name each role once";
    world.check(updates([weight("eng", 0), limit("x", "cpus:1"), weight("x", 2)]), &[line]);
    let line = "reply: role eng: ports can't be guaranteed; only scalars can, and not cpus:1;ports:[5-6]";
    world.check(updates([limit("x", "cpus:1"), guarantee("eng", "cpus:1;ports:[5-6]")]), &[line]);
    assert_eq!(world.disk.roles.len(), 0);
    reasons(&mut world, updates([quota("x", "cpus:1", "cpus:2")]));
    assert_eq!(world.disk.roles.len(), 0);
}

#[test]
fn a_guarantee_is_within_the_limit_of_its_role_and_of_each_around_it() {
    let mut world = with_task_in("x");
    let said = reasons(&mut world, updates([quota("eng", "cpus:4;mem:1GiB", "cpus:5;mem:1GiB")]));
    assert_eq!(said, "role eng: its guarantee cpus:5 is above its limit cpus:4");
    world.run(updates([limit("eng", "cpus:4"), limit("eng/a", "cpus:6")]));
    let said = reasons(&mut world, updates([guarantee("eng/a/b", "cpus:5")]));
    assert_eq!(said, "role eng: the guarantees below it are cpus:5 together (eng/a cpus:5), above its limit cpus:4");
    // Also the other way round, and a limit of zero is one.
    world.check(updates([guarantee("eng/a/b", "cpus:3")]), &["reply Done"]);
    let said = reasons(&mut world, updates([limit("eng", "cpus:0")]));
    assert_eq!(said, "role eng: the guarantees below it are cpus:3 together (eng/a cpus:3), above its limit cpus:0");
    world.check(updates([limit("eng", "")]), &["reply Done"]);
}

#[test]
fn the_guarantees_below_a_role_are_within_its_limit_together() {
    let mut world = with_task_in("x");
    world.run(updates([quota("eng", "cpus:4", "cpus:4"), guarantee("eng/a", "cpus:3")]));
    let said = reasons(&mut world, updates([guarantee("eng/b/c", "cpus:2")]));
    assert_eq!(said, "role eng: the guarantees below it are cpus:5 together (eng/a cpus:3, eng/b cpus:2), above its limit cpus:4");
    // What is guaranteed to a role is also that of those below it, and not on top.
    world.check(updates([guarantee("eng/b", "cpus:1"), guarantee("eng/b/c", "cpus:1")]), &["reply Done"]);
    let many = ["a", "b", "c", "d", "e", "f", "g"].map(|child| guarantee(&format!("many/{child}"), "mem:1GiB"));
    let said = reasons(&mut world, updates(many.into_iter().chain([limit("many", "mem:2GiB")])));
    assert!(said.contains("(many/a mem:1GiB, many/b mem:1GiB, ") && said.contains("mem:1GiB, and 2 more)"), "{said}");
}

#[test]
fn no_more_is_guaranteed_than_there_is_unless_by_force() {
    let mut world = with_task_in("x");
    let said = reasons(&mut world, updates([guarantee("a", "cpus:6"), guarantee("b", "cpus:4;foo:1")]));
    let line = "all guarantees together are cpus:10;foo:1, and all registered agents have cpus:8;foo:0";
    assert_eq!(said, format!("{line}; with --force it is done all the same"));
    world.check(forces([guarantee("a", "cpus:6"), guarantee("b", "cpus:4")]), &["reply Done"]);
    // What doesn't add to it is none of it.
    world.check(updates([guarantee("a", "cpus:5"), weight("b", 2)]), &["reply Done"]);
    world.run(closes("a"));
    world.run(passes(30));
    world.check(updates([limit("b", "cpus:4")]), &["reply Done"]);
}

#[test]
fn a_limit_is_not_below_what_tasks_have_unless_by_force() {
    let mut world = with_task_in("eng/backend");
    let said = reasons(&mut world, updates([limit("eng", "cpus:3;mem:2GiB")]));
    assert_eq!(said, "role eng: its tasks have cpus:4, above the limit cpus:3; with --force it is done all the same");
    world.check(forces([limit("eng", "cpus:3")]), &["reply Done"]);
    // An agent that is away, and what its tasks have, is in no sum.
    world.run(closes("a"));
    world.run(passes(30));
    world.check(updates([limit("eng", "cpus:0")]), &["reply Done"]);
}

#[test]
fn force_does_not_make_contradictions_true_and_all_reasons_are_told() {
    let mut world = with_task_in("eng");
    let said = reasons(&mut world, forces([quota("eng", "cpus:1", "cpus:9")]));
    assert_eq!(said, "role eng: its guarantee cpus:9 is above its limit cpus:1");
    let said = reasons(&mut world, updates([quota("eng", "cpus:1", "cpus:9")]));
    let lines = [
        "role eng: its guarantee cpus:9 is above its limit cpus:1",
        "all guarantees together are cpus:9, and all registered agents have cpus:8",
        "role eng: its tasks have cpus:4, above the limit cpus:1",
    ];
    assert_eq!(said, lines.join("; "));
}

#[test]
fn later_updates_are_judged_by_what_will_be() {
    let mut world = with_task_in("x").after(Step::Holds);
    world.run(updates([limit("eng", "cpus:4")]));
    world.run(updates([guarantee("eng/a", "cpus:3")]));
    let said = reasons(&mut world, updates([guarantee("eng/b", "cpus:2")]));
    assert!(said.starts_with("role eng: the guarantees below it are cpus:5 together"), "{said}");
    world.run(updates([guarantee("eng/a", "cpus:1")]));
    world.run(updates([guarantee("eng/b", "cpus:2")]));
    // Two writes: what was under way, and all that came since.
    world.check(stores(1), &["reply Done"]);
    assert_eq!(settings(&world, "eng"), "1 [cpus:4] []");
    world.check(stores(1), &["reply Done"; 3]);
    assert_eq!((settings(&world, "eng/a"), settings(&world, "eng/b")), ("1 [] [cpus:1]".into(), "1 [] [cpus:2]".into()));
    assert_eq!(world.disk.waiting(), 0);
}

#[test]
fn a_role_without_settings_of_its_own_is_forgotten() {
    let mut world = World::configured(|config| config.weights.extend([(role("eng"), 3)]));
    world.run(subscribes("f").roles(&["eng", "ops"]));
    assert_eq!(settings(&world, "eng"), "3 [] []");
    world.run(updates([limit("eng", "cpus:4"), limit("ops", "cpus:4")]));
    assert_eq!(settings(&world, "eng"), "3 [cpus:4] []");
    world.run(updates([limit("eng", ""), limit("ops", "")]));
    assert_eq!(world.disk.roles.len(), 0);
    // The smallest weight is a setting where the flag says another.
    world.run(updates([weight("eng", 1), weight("ops", 1)]));
    assert_eq!((settings(&world, "eng"), world.disk.roles.len()), ("1 [] []".into(), 1));
    world.run(updates([weight("eng", 3)]));
    assert_eq!(world.disk.roles.len(), 0);
}

/// Three agents, all on offer: to one framework in `eng/a`, to another in `eng/b`, to a third in `ops`.
fn with_offers() -> World {
    let takes = |name: &str, of: &str| subscribes(name).roles(&[of]).then([wants(of, 1, copies("cpus:4", 1))]);
    let world = World::new().with_agent("a", "cpus:4").with_agent("b", "cpus:4").with_agent("c", "cpus:4");
    world.after(takes("f", "eng/a")).after(takes("g", "eng/b")).after(takes("h", "ops"))
}

#[test]
fn a_lowered_limit_takes_back_just_enough_offers_the_newest_first() {
    let mut world = with_offers();
    let lines = world.run(updates([limit("eng", "cpus:7")]));
    assert_eq!(lines[..2], ["g rescinded 2", "reply Done"]);
    let mut world = with_offers();
    let lines = world.run(updates([limit("eng", "cpus:3")]));
    assert_eq!(lines[..3], ["f rescinded 1", "g rescinded 2", "reply Done"]);
    // None that would not help, and none for a limit that is kept.
    world = with_offers();
    world.check(updates([limit("eng", "cpus:8;mem:0"), limit("ops", "cpus:4")]), &["reply Done"]);
    // Not before it is stored.
    let mut world = with_offers().after(Step::Holds);
    world.check(updates([limit("eng", "cpus:7")]), &[]);
    assert_eq!(world.run(stores(1))[..2], ["g rescinded 2", "reply Done"]);
}

#[test]
fn a_lowered_weight_takes_back_the_offers_of_the_role_and_below() {
    let mut world = with_offers();
    world.check(updates([weight("eng", 4)]), &["reply Done"]);
    let lines = world.run(updates([weight("eng", 2)]));
    assert_eq!(lines[..3], ["f rescinded 1", "g rescinded 2", "reply Done"]);
    world.check(updates([weight("eng", 2), weight("ops", 3)]), &["reply Done"]);
}

#[test]
fn so_many_roles_may_have_settings_and_so_many_may_wait() {
    let mut world = World::new();
    for n in 0..ROLE_SETTINGS_MAX {
        let settings = RoleSettings { limit: Bounds::parse("cpus:4").unwrap(), ..RoleSettings::default() };
        world.disk.roles.insert(role(&format!("r{n}")), settings);
    }
    let mut world = world.after(Step::Restarts);
    let full = "reply: there may be 20000 roles with settings of their own at the most; remove some first";
    world.check(updates([limit("another", "cpus:1")]), &[full]);
    world.check(updates([limit("another", "cpus:1"), limit("r7", "")]), &["reply Done"]);
    world.check(updates([limit("r8", "cpus:1")]), &["reply Done"]);

    let mut world = World::new().after(Step::Holds).after(updates([weight("eng", 2)]));
    for _ in 0..OPERATORS_WAITING_MAX {
        world.quietly(updates([weight("eng", 3)]));
    }
    let wait = "reply: too many changes of roles wait to be stored; ask again in a moment";
    world.check(updates([weight("eng", 4)]), &[wait]);
    world.run(Step::Releases);
    assert!(world.unanswered.is_empty());
}
