//! LargeAndSmallQuota: a framework in each of many roles whose limits, guaranteed too, are half an agent or two agents; then a
//! pass after nothing changed, and after one task ended.

use meros_master_core::table::{AgentIx, ClientIx};
use meros_types::{Bounds, Demand, Resources, RoleSettings, Shape, Time};

use super::cluster::Cluster;
use super::measure::{PASSES_MIN, Stopwatch};
use super::report::Report;
use super::{amounts, role};

/// The name of the grid.
pub const GRID: &str = "Quota";
/// The passes that must not cost more when there are more roles.
pub const UNCHANGING: [&str; 6] = [NOTHING, USELESS, DEMAND, SAME, LIMITED, UNLIMITED];

const NOTHING: &str = "nothing changed";
const USELESS: &str = "an agent changed, of no use";
const DEMAND: &str = "a demand changed, nothing is free";
const SAME: &str = "one role's task at its limit ended";
const LIMITED: &str = "any role's task at its limit ended";
const UNLIMITED: &str = "a task of an unlimited role ended";

const AGENT: &str = "cpus:2;mem:2048MiB;disk:2048MiB";
const SMALL: &str = "cpus:1;mem:1024MiB;disk:1024MiB";
const LARGE: &str = "cpus:4;mem:4096MiB;disk:4096MiB";
/// One role of so many has the large limit.
const LARGE_ONE_OF: usize = 6;
/// Passes so short are done so often.
const PASSES: usize = 2_001;
/// A pass with nothing to do takes less than the clock can tell; so many are timed together.
const TOGETHER: usize = 1_000;

/// A task that runs.
type Task = (ClientIx, AgentIx, Resources);

/// Each number of roles.
pub fn run(roles: &[usize], report: &mut Report) {
    for roles in roles {
        let mut first = Stopwatch::default();
        let mut cluster = start(*roles);
        for _ in 0..PASSES_MIN {
            cluster = start(*roles);
            first.time(|| cluster.pass());
        }
        let size = cluster.size();
        report.add(GRID, "first allocation", size, first.timing());
        let limited = accept_all(&mut cluster);
        let rest = cluster.add_framework(&role("rest"), Demand::nothing());
        cluster.set_demand(rest, small_ones());
        cluster.pass();
        let unlimited = accept_all(&mut cluster);
        let mut nothing = Stopwatch::default();
        (0..PASSES_MIN).for_each(|_| nothing.time_many(TOGETHER, || cluster.pass()));
        report.add(GRID, NOTHING, size, nothing.timing());
        report.add(GRID, USELESS, size, useless(&mut cluster).timing());
        report.add(GRID, DEMAND, size, asks(&mut cluster, rest).timing());
        // Always the same role shows what the pass does; another role each time adds what the processor's caches don't hold.
        report.add(GRID, SAME, size, ends(&mut cluster, &limited[..1]).timing());
        report.add(GRID, LIMITED, size, ends(&mut cluster, &limited[1..]).timing());
        report.add(GRID, UNLIMITED, size, ends(&mut cluster, &unlimited).timing());
        cluster.check();
    }
}

fn start(roles: usize) -> Cluster {
    let mut cluster = Cluster::default();
    let (small, large) = (roles - roles / LARGE_ONE_OF, roles / LARGE_ONE_OF);
    for (name, count, quota) in [("small", small, SMALL), ("large", large, LARGE)] {
        let limit = Bounds::parse(quota).expect("a constant that each run reads");
        let settings = RoleSettings { limit, guarantee: amounts(quota), ..RoleSettings::default() };
        for number in 0..count {
            let role = role(&format!("{name}-{number}"));
            cluster.add_framework(&role, Demand::anything());
            cluster.set_role(&role, settings.clone());
        }
    }
    let user = cluster.clients()[0];
    for _ in 0..small / 5 + large * 5 {
        cluster.add_agent(&amounts(AGENT), user, &Resources::none());
    }
    cluster
}

/// All that was offered becomes tasks, one of each offer, as many as the cluster has.
fn accept_all(cluster: &mut Cluster) -> Vec<Task> {
    cluster.book();
    let mut tasks = Vec::new();
    for offer in cluster.take_offers() {
        cluster.accept(Time(0), &offer, &offer.resources);
        tasks.push((offer.client, offer.agent, offer.resources));
    }
    tasks
}

/// A little of an agent becomes free that is too small for anybody, and is gone again.
fn useless(cluster: &mut Cluster) -> Stopwatch {
    let mut passes = Stopwatch::default();
    let crumb = amounts("disk:1MiB");
    for agent in cluster.agents().cycle().take(PASSES) {
        let before = cluster.free(agent).clone();
        passes.time(|| {
            cluster.set_free(agent, &crumb);
            cluster.pass()
        });
        cluster.book();
        cluster.set_free(agent, &before);
        cluster.pass();
    }
    passes
}

/// A framework says anew what it wants.
fn asks(cluster: &mut Cluster, client: ClientIx) -> Stopwatch {
    let mut passes = Stopwatch::default();
    for _ in 0..PASSES {
        let demand = small_ones();
        passes.time(|| {
            cluster.set_demand(client, demand);
            cluster.pass()
        });
    }
    passes
}

fn small_ones() -> Demand {
    Demand { shapes: vec![Shape::of(amounts(SMALL))] }
}

/// One task after another, spread over all, ends, and whoever is offered what it had starts one.
fn ends(cluster: &mut Cluster, tasks: &[Task]) -> Stopwatch {
    let mut passes = Stopwatch::default();
    let mut tasks = tasks.to_vec();
    for at in 0..PASSES {
        let place = at * STRIDE % tasks.len();
        let (client, agent, used) = tasks[place].clone();
        passes.time(|| {
            cluster.end_task(client, agent, &used);
            cluster.pass()
        });
        let mut new = accept_all(cluster);
        tasks[place] = new.pop().expect("what a task had is offered again, whole");
        assert!(new.is_empty(), "nothing else is offered");
    }
    passes
}

/// A prime above the number of roles: each task is far from the one before.
const STRIDE: usize = 7_919;
