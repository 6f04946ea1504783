//! SIGKILL of an agent at each place where a launch or its cleanup is half-done: what was launched ran once or never, its end is told,
//! and nothing unknown is left.

use std::process::Command;

use meros_agent::FAIL_POINTS;

use crate::commands::Commands;
use crate::daemons::{Agent, Site};
use crate::support::{Process, wait_until};

/// With two users the third task takes the place of the first, whose directory then goes.
const TWO_USERS: [&str; 2] = ["--task-uids", "300000-300001"];

/// The first half of the places, and the second: so that two cores share them.
#[test]
fn an_agent_may_die_at_any_place_of_a_launch() {
    FAIL_POINTS[..FAIL_POINTS.len() / 2].iter().for_each(|place| check(place));
}

#[test]
fn an_agent_may_die_at_any_place_of_a_cleanup() {
    FAIL_POINTS[FAIL_POINTS.len() / 2..].iter().for_each(|place| check(place));
}

#[track_caller]
fn check(place: &str) {
    let site = Site::new();
    let master = site.master(&[]);
    let mut agent = site.agent("a", &master, &TWO_USERS);
    agent.wait_until_registered();
    agent.kill();
    let mut commands = Commands::new(&site);
    (1..=3).for_each(|code| commands.add_script("true", code));
    let mut batch = Process::start(commands.batch(&master).args(["--parallel", "1", "--retries", "0"]));
    die_at(&mut agent, place);
    agent.restart();
    // A launch that was lost with the agent never ran, and is made again.
    commands.attempts(&mut batch);
    wait_until(&format!("{place}: nothing is left"), || agent.has_left_nothing());
    agent.stop();
}

/// Begins the agent anew, which kills itself there.
#[track_caller]
fn die_at(agent: &mut Agent, place: &str) {
    let mut command: Command = agent.command_in(&agent.work_dir.clone());
    agent.process = Process::start(command.env("MEROS_FAIL_POINT", place));
    assert_eq!(agent.process.code(), None, "{place}: it was killed");
}
