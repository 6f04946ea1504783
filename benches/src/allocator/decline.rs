//! DeclineOffers, and what shares its cluster: everybody takes anything and declines it, so that each pass offers every agent.

use std::time::Duration;

use meros_types::{Demand, FILTER_MAX, Ports, Resources, Role, Time};

use super::cluster::Cluster;
use super::measure::{PASSES_MIN, Stopwatch};
use super::report::Report;
use super::{Sizes, amounts};

/// The name of the grid.
pub const GRID: &str = "DeclineOffers";
/// The pass of it that P1 and P3 are about.
pub const UNFILTERED: &str = "everything again";
/// Mesos' name for it when most frameworks want nothing.
const SUPPRESSED: &str = "Suppressed";
/// One framework of so many wants something there, as in Mesos' `ExtremeSuppressOffers`.
const ONE_OF: usize = 100;
/// How many rounds of filters are measured: as many frameworks have declined each agent by then.
const FILTER_ROUNDS: usize = 9;
/// Passes over one agent are short and many.
const ONE_AGAIN: usize = 1_001;
/// A prime: each agent is far from the one before.
const STRIDE: usize = 7_919;
/// How many ports are used, each with a free one beside it.
const FRAGMENTS: u16 = 16;

/// Every number of agents with every number of frameworks in role `*`.
pub fn run(sizes: &Sizes, report: &mut Report) {
    for (agents, frameworks) in sizes.pairs() {
        let mut cluster = takers(agents, frameworks, |_| Role::default(), |_| Demand::anything());
        unfiltered(&mut cluster, GRID, UNFILTERED, report);
        one_again(&mut cluster, report);
        filtered(&mut cluster, report);
        cluster.check();
    }
}

/// The same where one framework of a hundred wants something.
pub fn run_suppressed(sizes: &Sizes, report: &mut Report) {
    for (agents, frameworks) in sizes.pairs().filter(|(_, frameworks)| *frameworks > 1) {
        let demand = |framework| if framework % ONE_OF == 0 { Demand::anything() } else { Demand::nothing() };
        let mut cluster = takers(agents, frameworks, |_| Role::default(), demand);
        unfiltered(&mut cluster, SUPPRESSED, UNFILTERED, report);
        cluster.check();
    }
}

/// Frameworks, and agents of which two thirds are used, by the frameworks in turn.
pub fn takers(agents: usize, frameworks: usize, role: impl Fn(usize) -> Role, demand: impl Fn(usize) -> Demand) -> Cluster {
    let mut cluster = Cluster::default();
    for framework in 0..frameworks {
        cluster.add_framework(&role(framework), demand(framework));
    }
    let (total, used) = agent();
    for agent in 0..agents {
        let user = cluster.clients()[agent % frameworks];
        cluster.add_agent(&total, user, &used);
    }
    cluster
}

/// What an agent of Mesos' grids has, and how much of it is used.
pub(super) fn agent() -> (Resources, Resources) {
    let total = amounts("cpus:24;mem:4096MiB;disk:4096MiB;ports:[31000-32000]");
    let last = (31_000 + 2 * (FRAGMENTS - 1), 32_000);
    let ports = (0..FRAGMENTS - 1).map(|fragment| 31_000 + 2 * fragment).map(|port| (port, port)).chain([last]);
    (total, amounts("cpus:16;mem:2014MiB;disk:1024MiB").with_ports(Ports::from_ranges(ports)))
}

/// Full passes, each after everything of the one before was declined without a filter, and what the declines cost.
pub(super) fn unfiltered(cluster: &mut Cluster, grid: &'static str, case: &str, report: &mut Report) {
    let (mut passes, mut declines) = (Stopwatch::default(), Stopwatch::default());
    cluster.pass();
    cluster.book();
    while !passes.is_enough() {
        decline(cluster, Duration::ZERO, &mut declines);
        passes.time(|| cluster.pass());
        cluster.book();
    }
    report.add(grid, case, cluster.size(), passes.timing());
    report.add_beside(grid, format!("{case}: the declines"), cluster.size(), declines.timing());
}

/// One offer is declined at a time, the others stand: what a pass costs that has one agent to look at, the decline included.
fn one_again(cluster: &mut Cluster, report: &mut Report) {
    let mut passes = Stopwatch::default();
    for place in (0..cluster.size().agents).cycle().step_by(STRIDE).take(ONE_AGAIN) {
        let offer = [cluster.take_offer(place)];
        cluster.unbook(&offer);
        passes.time(|| {
            cluster.decline(Time(0), &offer, Duration::ZERO);
            cluster.pass()
        });
        cluster.book();
    }
    report.add(GRID, "one agent again", cluster.size(), passes.timing());
}

/// The same with filters that don't end meanwhile: each agent goes to one framework after another.
fn filtered(cluster: &mut Cluster, report: &mut Report) {
    let (mut passes, mut declines) = (Stopwatch::default(), Stopwatch::default());
    let rounds = FILTER_ROUNDS.min(cluster.clients().len() - 1);
    for _ in 0..rounds {
        decline(cluster, FILTER_MAX, &mut declines);
        passes.time(|| cluster.pass());
        cluster.book();
    }
    if rounds >= PASSES_MIN {
        report.add(GRID, "to another each, by filters", cluster.size(), passes.timing());
        report.add_beside(GRID, "by filters: the declines", cluster.size(), declines.timing());
    }
}

fn decline(cluster: &mut Cluster, filter: Duration, stopwatch: &mut Stopwatch) {
    let offers = cluster.take_offers();
    cluster.unbook(&offers);
    stopwatch.time(|| {
        cluster.decline(Time(0), &offers, filter);
        offers.len()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_an_agent_is_free_in_fifteen_single_ports() {
        let (total, used) = agent();
        let free = total.checked_sub(&used).expect("an agent has what is used of it");
        assert_eq!((free.cpu_milli(), free.ports().ranges().len()), (8_000, 15));
    }

    #[test]
    fn a_pass_offers_every_agent_once() {
        let mut cluster = takers(30, 7, |_| Role::default(), |_| Demand::anything());
        assert_eq!(cluster.pass(), 30);
        cluster.book();
        let offers = cluster.take_offers();
        cluster.unbook(&offers);
        cluster.decline(Time(0), &offers, Duration::ZERO);
        assert_eq!(cluster.pass(), 30);
        cluster.book();
        cluster.check();
    }
}
