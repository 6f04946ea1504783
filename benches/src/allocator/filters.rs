//! Filters at their worst: every framework has declined every agent.

use std::time::Duration;

use meros_types::{Demand, FILTER_MAX, Resources, Role, Time};

use super::Sizes;
use super::cluster::Cluster;
use super::decline::takers;
use super::measure::Stopwatch;
use super::report::Report;

/// The name of the grid.
pub const GRID: &str = "AllFiltered";
/// The passes that look at every agent and offer none.
pub const NOTHING: [&str; 2] = [AT_ONCE, IN_STEPS];
const AT_ONCE: &str = "all grew, nothing found";
const IN_STEPS: &str = "all grew again, nothing found";
/// With more pairs than this the memory for filters alone is gigabytes.
const PAIRS_MAX: usize = 10_000_000;

/// Every size that is not cut; says which are.
pub fn run(sizes: &Sizes, report: &mut Report) {
    let (measured, cut): (Vec<_>, Vec<_>) =
        sizes.pairs().filter(|(_, frameworks)| *frameworks > 1).partition(|(agents, frameworks)| agents * frameworks <= PAIRS_MAX);
    for (agents, frameworks) in measured {
        let mut cluster = filtered(agents, frameworks);
        every_agent(&mut cluster, AT_ONCE, &[2_000], report);
        every_agent(&mut cluster, IN_STEPS, &[2_000, 1_000], report);
        one_agent(&mut cluster, report);
        cluster.check();
        all_end(&mut cluster, report);
        cluster.check();
    }
    if !cut.is_empty() {
        let cut: Vec<String> = cut.iter().map(|(agents, frameworks)| format!("{agents} x {frameworks}")).collect();
        report.cut(GRID, &format!("left out, having more than {PAIRS_MAX} pairs: {}", cut.join(", ")));
    }
}

fn filtered(agents: usize, frameworks: usize) -> Cluster {
    let mut cluster = takers(agents, frameworks, |_| Role::default(), |_| Demand::anything());
    for agent in cluster.agents() {
        for client in cluster.clients().to_vec() {
            cluster.filter(Time(0), client, agent, FILTER_MAX);
        }
    }
    cluster.pass();
    cluster.book();
    assert!(cluster.take_offers().is_empty(), "every pair is filtered");
    cluster
}

/// Every agent has less, and then as much as was declined again, at once or in two steps: every agent is to be looked at, and
/// every filter still holds.
fn every_agent(cluster: &mut Cluster, case: &'static str, steps: &[u64], report: &mut Report) {
    let (mut changes, mut passes) = (Stopwatch::default(), Stopwatch::default());
    let declined = amounts_with(cluster, 0);
    let before: Vec<Vec<Resources>> = steps.iter().map(|less| amounts_with(cluster, *less)).collect();
    while !passes.is_enough() {
        for amounts in &before {
            set_all(cluster, amounts);
            assert_eq!(cluster.pass(), 0, "every pair is filtered");
        }
        changes.time(|| {
            set_all(cluster, &declined);
            0
        });
        passes.time(|| cluster.pass());
        cluster.book();
    }
    report.add(GRID, case, cluster.size(), passes.timing());
    report.add_beside(GRID, format!("{case}: the changes"), cluster.size(), changes.timing());
}

/// What is free of each agent, less so many milli-cores.
fn amounts_with(cluster: &Cluster, less: u64) -> Vec<Resources> {
    cluster.agents().map(|agent| with_cpu(cluster.free(agent), cluster.free(agent).cpu_milli() - less)).collect()
}

fn set_all(cluster: &mut Cluster, amounts: &[Resources]) {
    cluster.agents().zip(amounts).for_each(|(agent, free)| cluster.set_free(agent, free));
}

/// An agent has more than was declined, is offered, and has as much as before again.
fn one_agent(cluster: &mut Cluster, report: &mut Report) {
    let mut passes = Stopwatch::default();
    for agent in cluster.agents().cycle() {
        let before = cluster.free(agent).clone();
        let more = with_cpu(&before, before.cpu_milli() + 1_000);
        passes.time(|| {
            cluster.set_free(agent, &more);
            cluster.pass()
        });
        cluster.book();
        let offers = cluster.take_offers();
        cluster.unbook(&offers);
        cluster.decline(Time(0), &offers, FILTER_MAX);
        cluster.set_free(agent, &before);
        cluster.pass();
        if passes.is_enough() {
            break;
        }
    }
    report.add(GRID, "one agent grew and is offered", cluster.size(), passes.timing());
}

/// All filters end at the same moment. Once, since making them takes longer than everything else here.
fn all_end(cluster: &mut Cluster, report: &mut Report) {
    let (mut ends, mut pass) = (Stopwatch::default(), Stopwatch::default());
    ends.time(|| {
        cluster.time_passed(Time(0).after(FILTER_MAX + Duration::from_secs(1)));
        0
    });
    pass.time(|| cluster.pass());
    cluster.book();
    report.add_beside(GRID, "all filters end (measured once)", cluster.size(), ends.timing());
    report.add_beside(GRID, "the pass after that (once)", cluster.size(), pass.timing());
}

fn with_cpu(free: &Resources, milli: u64) -> Resources {
    free.clone().with_cpu_milli(milli)
}
