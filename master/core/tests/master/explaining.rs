//! Why there is no more on offer: who is told, and what a framework's standing is.

use meros_types::{Call, DemandCall, ExplainCall};

use crate::harness::*;

fn explain(name: &str) -> Call {
    Call::Explain(ExplainCall { role: role(name), shape: None })
}

/// More than any agent has.
fn wants_much(of: &str) -> Call {
    Call::Demand(DemandCall { role: role(of), version: 1, demand: copies("cpus:100", 1) })
}

#[test]
fn a_framework_asks_about_one_of_its_roles() {
    let world = World::new().with_agent("a", "cpus:4");
    let mut world = world.after(subscribes("f").roles(&["*", "r"]).then([demand(1, copies("cpus:1", 2))]));
    world.check(says("f", [explain("*")]), &["f explained * Sated, 1 offers"]);
    let refused = "f EXPLAIN refused: the framework did not subscribe with role s";
    world.check(says("f", [explain("s")]), &[refused]);
}

#[test]
fn an_operator_asks_about_one_role_or_all() {
    let mut world = World::new().after(subscribes("f").roles(&["*", "r"]));
    world.check(asks_why("f", None), &["reply Explained"]);
    world.check(asks_why("f", Some("r")), &["reply Explained"]);
    let id = world.framework_id("f");
    let unknown = format!("reply: framework {id} is not subscribed with role s; `meros status` lists the roles of each");
    world.check(asks_why("f", Some("s")), &[&unknown]);
    let id = world.framework_id("g");
    let unknown = format!("reply: no framework {id} is known; `meros status` lists those that are");
    world.check(asks_why("g", None), &[&unknown]);
    world.run(says("f", [Call::Teardown]));
    assert!(world.run(asks_why("f", None))[0].starts_with("reply: no framework "));
}

/// What a role has is not known before each agent has said what it holds, or can't hold anything any more.
#[test]
fn roles_under_a_limit_wait_after_a_restart_until_every_agent_has_reported_or_timed_out() {
    let world = World::new().with_agent("a", "cpus:4").with_agent("b", "cpus:4").with_agent("c", "cpus:4");
    let world = world.after(updates([limit("r", "cpus:2")])).after(subscribes("f")).after(Step::Restarts);
    let mut world = world.after(subscribes("g").of("f").resumes(1).roles(&["*", "r/s"]).then(["*", "r/s"].map(wants_much)));
    let standings = |world: &mut World, expected: [&str; 2]| {
        let lines = world.run(says("g", [explain("*"), explain("r/s")]));
        assert_eq!(
            lines,
            [format!("g explained * {}, 0 offers", expected[0]), format!("g explained r/s {}, 0 offers", expected[1])]
        );
    };
    standings(&mut world, ["Wanting", "Recovering"]);
    world.run(registers("d").of("a"));
    world.run(marks_gone("b"));
    standings(&mut world, ["Wanting", "Recovering"]);
    // Registering again makes no difference, and a new agent is none that was waited for.
    world.run(registers("e").of("d"));
    world.run(registers("new"));
    standings(&mut world, ["Wanting", "Recovering"]);
    world.run(passes(30));
    standings(&mut world, ["Wanting", "Wanting"]);
    let mut world = world.after(closes("new"));
    standings(&mut world, ["Wanting", "Wanting"]);
}
