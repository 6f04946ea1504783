//! Ports in many pieces, and shapes that want some of them, whichever they are.

use std::time::Duration;

use meros_types::{Demand, Ports, Resources, Role, Shape, Time};

use super::cluster::Cluster;
use super::measure::Stopwatch;
use super::report::Report;
use super::{Sizes, amounts};

const GRID: &str = "AnyPorts";
/// Every second port from 31000 on is free, so many of them.
const PIECES: u16 = 500;
/// How many ports a copy wants.
const PORTS_EACH: u32 = 3;

/// Past these a pass makes so many offers that there is nothing more to learn from it.
const AGENTS_MAX: usize = 20_000;
const FRAMEWORKS_MAX: usize = 3_000;

/// Every size but the largest; an agent is cut into sixteen offers to as many frameworks.
pub fn run(sizes: &Sizes, report: &mut Report) {
    let fits = |(agents, frameworks): &(usize, usize)| (2..=FRAMEWORKS_MAX).contains(frameworks) && *agents <= AGENTS_MAX;
    for (agents, frameworks) in sizes.pairs().filter(fits) {
        let mut cluster = cluster(agents, frameworks);
        let (mut passes, mut declines) = (Stopwatch::default(), Stopwatch::default());
        while !passes.is_enough() {
            passes.time(|| cluster.pass());
            cluster.book();
            let offers = cluster.take_offers();
            cluster.unbook(&offers);
            declines.time(|| {
                cluster.decline(Time(0), &offers, Duration::ZERO);
                offers.len()
            });
        }
        report.add(GRID, "three ports of 500 pieces, each copy", cluster.size(), passes.timing());
        report.add_beside(GRID, "the declines", cluster.size(), declines.timing());
        cluster.check();
    }
}

fn cluster(agents: usize, frameworks: usize) -> Cluster {
    let mut cluster = Cluster::default();
    let each = amounts("cpus:0.5;mem:64MiB");
    for _ in 0..frameworks {
        let shape = Shape::of(each.clone()).any_ports(PORTS_EACH);
        cluster.add_framework(&Role::default(), Demand { shapes: vec![shape] });
    }
    let free = (0..PIECES).map(|piece| 31_000 + 2 * piece).map(|port| (port, port));
    let total = amounts("cpus:8;mem:4096MiB;disk:4096MiB");
    let total = total.with_ports(Ports::from_ranges(free));
    for agent in 0..agents {
        let user = cluster.clients()[agent % frameworks];
        cluster.add_agent(&total, user, &Resources::none());
    }
    cluster
}
