//! Nobody who wants what fits waits for ever. One patient framework, beside bad ones that were there first and have everything, wants
//! one task at a time, and notes how long each waits for its offer.
//!
//! # The bound
//! Let L be the longest lease of anybody, R the longest run of a task of a bad framework, and B how many bad frameworks there are.
//!
//! 1. Whoever holds something of an agent holds it for L at the most and, if it launches in the last moment, for R besides. Then
//!    it is free again, and offered in the same pass.
//! 2. A lease that ran out, and a decline, put their framework last in that agent's round, whatever its filter is. So the patient one
//!    is served before any of the bad ones has that agent a second time. It may go last itself, for its last task there was
//!    an accept: then each of the others has one turn first.
//! 3. So its wait for one agent is at most B (L + R), and the time that messages take. The wait for the first of several agents is no
//!    longer than that.
//!
//! Filters and their doubling only shorten it: a bad framework whose leases run out is left out for 5 s, 10 s, 20 s and so on, and
//! the others have the agent meanwhile. A filter of the patient framework's own can't lengthen it either: it declines nothing, and
//! the part of an agent that it leaves over is less than what is free later (the subset rule).
//!
//! What is *not* bounded: a shape that is larger than what one of them gives back at one time. Parts of an agent are offered as they
//! come free, each to whoever can use it, so that the whole agent may never be free at once. Beside a slow one whose tasks need a
//! core each, a task that needs all eight of an agent waited for ever.

use std::time::Duration;

use crate::player::Habit;
use crate::scene::{Scene, try_seeds};

const AGENTS: usize = 3;
const UNIT: &str = "cpus:1;mem:1GiB";
/// All that an agent has.
const AGENT: &str = "cpus:8;mem:8GiB";
const RUNS: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(8));
/// The lease, which is the master's default.
const LEASE: Duration = Duration::from_secs(30);
/// What messages, turns and disks take, which is far less.
const MESSAGES: Duration = Duration::from_secs(1);
/// How long the bad ones are alone.
const ALONE_SECONDS: u32 = 40;
/// How long the patient one is looked at.
const SECONDS: u32 = 300;
/// How long beside one that declines: whatever nobody else wants is offered to it again at once, hundreds of times in a second.
const BESIDE_DECLINING_SECONDS: u32 = 40;

/// The longest wait for one task beside `bad` ones.
fn wait_max(bad: &[Habit]) -> Duration {
    let launches = if bad.contains(&Habit::Slow) { RUNS.1 } else { Duration::ZERO };
    (LEASE + launches) * bad.len() as u32 + MESSAGES
}

fn check(test: &str, bad: &[Habit], unit: &str) {
    let most = wait_max(bad);
    let seconds = if bad == [Habit::Declining] { BESIDE_DECLINING_SECONDS } else { SECONDS };
    try_seeds(test, |seed| {
        let mut scene = Scene::new(seed, test, AGENTS, RUNS);
        scene.add_all("bad", bad, UNIT);
        scene.seconds(if bad == [Habit::Declining] { 1 } else { ALONE_SECONDS })?;
        let patient = scene.add("ops", Habit::Patient, unit);
        scene.seconds(seconds)?;
        scene.cluster.call(patient, |player, cx| player.note_wait(cx.now()));
        scene.seconds(1)?;
        let waits = &scene.cluster[patient].waits;
        let longest = waits.iter().max().copied().unwrap_or(Duration::MAX);
        let text = format!("{} waits, the longest {longest:.1?} of at most {most:.0?}", waits.len());
        if longest <= most { Ok(text) } else { Err(text) }
    });
}

#[test]
fn beside_a_greedy_one() {
    check("beside_a_greedy_one", &[Habit::Greedy], AGENT);
}

#[test]
fn beside_several_greedy_ones() {
    check("beside_several_greedy_ones", &[Habit::Greedy; 4], AGENT);
}

#[test]
fn beside_a_hoarding_one() {
    check("beside_a_hoarding_one", &[Habit::Hoarding], AGENT);
}

#[test]
fn beside_a_flapping_one() {
    check("beside_a_flapping_one", &[Habit::Flapping], AGENT);
}

#[test]
fn beside_a_declining_one() {
    check("beside_a_declining_one", &[Habit::Declining], AGENT);
}

// What a slow one gives back comes in parts: a task's worth at a time.
#[test]
fn beside_a_slow_one() {
    check("beside_a_slow_one", &[Habit::Slow], UNIT);
}

#[test]
fn beside_all_bad_ones() {
    check("beside_all_bad_ones", &Habit::BAD, UNIT);
}
