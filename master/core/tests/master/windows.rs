//! Maintenance windows: what offers say of them, when they count, and how they end.

use meros_master_core::{OPERATORS_WAITING_MAX, WINDOWED_AGENTS_MAX};
use meros_types::{AgentId, Demand, Unavailability, WINDOW_AGENTS_MAX, WINDOWS_MAX, WallTime, Window};

use crate::harness::*;

/// Two agents, all of both on offer to a framework that takes anything. It is the thousandth second.
fn with_two() -> World {
    World::new().with_taker("f").with_agent("a", "cpus:4").with_agent("b", "cpus:2")
}

fn names(world: &World) -> Vec<String> {
    world.master.state().windows.into_iter().map(|window| window.id).collect()
}

#[test]
fn offers_of_its_agents_are_made_anew_and_tell_of_it() {
    let mut world = with_two();
    let lines = ["f rescinded 1", "reply Done", "f offers 3@a(cpus:4)[away from 1060s for 30s]"];
    world.check(sets_window("w", &["a"], 60, 30), &lines);
    let away = world.agent_state("a").unavailability.unwrap();
    assert_eq!((away.start.0 / 1000, away.duration.as_secs()), (1060, 30));
    assert_eq!(world.agent_state("b").unavailability, None);
    assert_eq!(names(&world), ["w"]);
    // The same again is no news to anybody.
    world.check(sets_window("w", &["a", "a"], 60, 30), &["reply Done"]);
    world.check(
        sets_window("w", &["b"], 60, 30),
        &["f rescinded 2 3", "reply Done", "f offers 4@a(cpus:4) 5@b(cpus:2)[away from 1060s for 30s]"],
    );
    world.check(removes_window("w"), &["f rescinded 5", "reply Done", "f offers 6@b(cpus:2)"]);
    assert_eq!(names(&world), [""; 0]);
}

#[test]
fn the_earliest_that_is_not_over_is_told() {
    let mut world = with_two();
    world.run(sets_window("late", &["a"], 100, 30));
    let lines = world.run(sets_window("early", &["a", "b"], 10, 10));
    assert_eq!(lines[2], "f offers 4@a(cpus:4)[away from 1010s for 10s] 5@b(cpus:2)[away from 1010s for 10s]", "{lines:?}");
    world.check(sets_window("later", &["a", "b"], 200, 10), &["reply Done"]);
    // What is on offer is not taken back for a window that is over.
    world.check(passes(20), &[]);
    assert_eq!(names(&world), ["late", "later"]);
    let away = |name: &str| world.agent_state(name).unavailability.map(|away| away.start.0 / 1000);
    assert_eq!((away("a"), away("b")), (Some(1100), Some(1200)));
}

#[test]
fn it_counts_when_it_is_stored() {
    let mut world = with_two().after(Step::Holds);
    world.check(sets_window("w", &["a"], 60, 30), &[]);
    assert_eq!(names(&world), [""; 0]);
    world.check(stores(1), &["f rescinded 1", "reply Done", "f offers 3@a(cpus:4)[away from 1060s for 30s]"]);
    world.check(removes_window("w"), &[]);
    assert_eq!(names(&world), ["w"]);
    world.check(stores(1), &["f rescinded 3", "reply Done", "f offers 4@a(cpus:4)"]);
}

#[test]
fn a_master_that_begins_knows_what_was_stored() {
    let again = |world: World| {
        let world = world.after(Step::Restarts).after(Step::Releases);
        let world = world.after(subscribes("g").of("f").resumes(1).then([demand(1, Demand::anything())]));
        world.after(registers("c").of("a").with("cpus:4"))
    };
    let world = again(with_two().after(Step::Holds).after(sets_window("w", &["a"], 60, 30)));
    assert_eq!((world.agent_state("c").unavailability, names(&world).len()), (None, 0));
    let world = with_two().after(sets_window("w", &["a"], 60, 30)).after(Step::Holds).after(removes_window("w"));
    let mut world = again(world);
    assert_eq!(world.agent_state("c").unavailability.map(|away| away.start.0 / 1000), Some(1060));
    // A window that ended while nobody was there is forgotten.
    world.now.wall.0 += 90_000;
    let world = again(world);
    assert_eq!((world.agent_state("c").unavailability, names(&world).len(), world.disk.windows.len()), (None, 0, 0));
}

#[test]
fn what_is_over_is_forgotten_though_the_disk_is_late() {
    let mut world = with_two().after(sets_window("w", &["a"], 60, 30)).after(Step::Holds);
    world.run(passes(89));
    assert_eq!(names(&world), ["w"]);
    world.run(passes(1));
    assert_eq!((names(&world).len(), world.disk.windows.len()), (0, 1));
    let unknown = "reply: no maintenance window \"w\" is known; `meros maintenance list` lists those that are";
    world.check(removes_window("w"), &[unknown]);
    // One of the same name begins anew.
    world.check(sets_window("w", &["a"], 60, 30), &[]);
    world.run(Step::Releases);
    assert_eq!((names(&world), world.disk.windows.len()), (vec!["w".to_owned()], 1));
    world.run(passes(90));
    assert_eq!(world.disk.windows.len(), 0);
}

#[test]
fn one_that_is_about_to_change_ends_as_changed() {
    let mut world = with_two().after(sets_window("w", &["a"], 10, 10)).after(Step::Holds);
    world.run(sets_window("w", &["a"], 10, 100));
    world.run(sets_window("v", &["b"], 10, 10));
    world.run(removes_window("v"));
    world.run(passes(50));
    world.run(Step::Releases);
    assert_eq!(names(&world), ["w"]);
    world.run(passes(60));
    assert_eq!((names(&world).len(), world.disk.windows.len()), (0, 0));
    assert!(world.unanswered.is_empty());
}

#[test]
fn what_can_t_be_is_refused_and_says_what_can() {
    let mut world = with_two();
    let some = "63636363-6363-6363-6363-636363636363";
    let unknown = format!("reply: no such agent: {some}; `meros status` lists those that are known");
    world.check(sets_window("w", &["a", "c"], 60, 30), &[&unknown]);
    let names = "reply: a window's name has 1 to 256 bytes and no control characters";
    world.check(sets_window("", &["a"], 60, 30), &[names]);
    world.check(sets_window(&"w".repeat(257), &["a"], 60, 30), &[names]);
    world.check(sets_window("w\n", &["a"], 60, 30), &[names]);
    world.check(sets_window("w", &[], 60, 30), &["reply: a window names 1 to 10000 agents, and \"w\" has 0"]);
    world.check(sets_window("w", &["a"], 60, 0), &["reply: window \"w\" lasts no time; give it a duration"]);
    let window = |start: u64| Window { id: "w".to_owned(), agents: vec![world.agent_id("a")], unavailability: away(start) };
    let over = Step::Asks(meros_master_core::Request::SetWindow(window(989)));
    world.check(over, &["reply: window \"w\" is over already; give it a later start or a longer duration"]);
    // A gone agent is in no window.
    world.run(marks_gone("b"));
    assert!(world.run(sets_window("w", &["b"], 60, 30))[0].starts_with("reply: no such agent: "));
}

fn away(start: u64) -> Unavailability {
    Unavailability { start: WallTime(start * 1000), duration: std::time::Duration::from_secs(11) }
}

#[test]
fn so_many_windows_may_there_be_and_so_many_may_wait() {
    let mut world = with_two();
    let window = |n: usize, agents: Vec<AgentId>| Window { id: format!("w{n}"), agents, unavailability: away(1000) };
    for n in 0..WINDOWS_MAX {
        let window = window(n, vec![world.agent_id("a")]);
        world.disk.windows.insert(window.id.clone(), window);
    }
    let mut world = world.after(Step::Restarts);
    let full = "reply: there may be 10000 maintenance windows at the most; remove some first";
    world.check(sets_window("another", &["a"], 60, 30), &[full]);
    world.check(sets_window("w5", &["a"], 60, 30), &["reply Done"]);

    let mut world = with_two();
    for n in 0..WINDOWED_AGENTS_MAX / WINDOW_AGENTS_MAX {
        let agents = (0..WINDOW_AGENTS_MAX as u128).map(|agent| AgentId::from_bytes(agent.to_be_bytes()));
        let window = window(n, agents.collect());
        world.disk.windows.insert(window.id.clone(), window);
    }
    let mut world = world.after(Step::Restarts);
    let full = "reply: there may be 200000 agents in all maintenance windows together at the most; remove some first";
    world.check(sets_window("another", &["a"], 60, 30), &[full]);

    let mut world = with_two().after(Step::Holds).after(sets_window("w", &["a"], 60, 30));
    for _ in 0..OPERATORS_WAITING_MAX {
        world.quietly(sets_window("v", &["a"], 60, 30));
    }
    let wait = "reply: too many changes of maintenance windows wait to be stored; ask again in a moment";
    world.check(sets_window("v", &["a"], 60, 30), &[wait]);
    world.check(removes_window("v"), &[wait]);
    world.run(Step::Releases);
    assert!(world.unanswered.is_empty());
}
