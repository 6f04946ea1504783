//! MultiFrameworkAllocations: three kinds of frameworks with a fixed amount of tasks each, until all of them run.

use std::collections::BTreeMap;

use meros_master_core::table::ClientIx;
use meros_types::{Demand, Resources, Time};

use super::cluster::Cluster;
use super::measure::{PASSES_MIN, Stopwatch};
use super::report::Report;
use super::{amounts, role};

const GRID: &str = "MultiFramework";
const AGENTS: usize = 80;
const AGENT: &str = "cpus:64;mem:488000MiB";
/// A framework that can't get its tasks started in so many passes never will.
const ROUNDS_MAX: usize = 10_000;

/// Frameworks of one kind.
struct Kind {
    role: &'static str,
    /// Whether each has a role of its own.
    apart: bool,
    frameworks: usize,
    tasks: u64,
    task: &'static str,
    tasks_per_offer: u64,
}

const KINDS: [Kind; 3] = [
    Kind { role: "services", apart: true, frameworks: 4, tasks: 4_000, task: "cpus:0.07;mem:400MiB", tasks_per_offer: 100 },
    Kind { role: "builds", apart: false, frameworks: 500, tasks: 5, task: "cpus:0.1;mem:4000MiB", tasks_per_offer: 1 },
    Kind { role: "drivers", apart: true, frameworks: 50, tasks: 20, task: "cpus:1;mem:1000MiB", tasks_per_offer: 5 },
];

/// What one framework has still to start.
struct Plan {
    task: Resources,
    left: u64,
    tasks_per_offer: u64,
}

/// Whole runs, as Mesos has them (everybody takes anything and those who are done decline) and by demand.
pub fn run(report: &mut Report) {
    let anything = |_: &Plan| Demand::anything();
    let shapes = |plan: &Plan| Demand::of(plan.task.clone(), plan.left);
    measure("anything", anything, report);
    measure("by demand", shapes, report);
}

fn measure(how: &str, demand: impl Fn(&Plan) -> Demand, report: &mut Report) {
    let mut runs = Stopwatch::default();
    let (mut rounds, mut size) = (0, None);
    for _ in 0..PASSES_MIN {
        let (mut cluster, mut plans) = start(&demand);
        let mut passes = Stopwatch::default();
        while plans.values().any(|plan| plan.left > 0) {
            assert!(passes.count() < ROUNDS_MAX, "a framework gets nothing");
            passes.time(|| cluster.pass());
            cluster.book();
            for offer in cluster.take_offers() {
                let plan = plans.get_mut(&offer.client).expect("every client has its plan");
                let tasks = offer.resources.scalar_copies(&plan.task).min(plan.left).min(plan.tasks_per_offer);
                plan.left -= tasks;
                cluster.accept(Time(0), &offer, &plan.task.scalars_times(tasks));
            }
        }
        cluster.check();
        rounds = passes.count();
        size = Some(cluster.size());
        runs.add(&passes);
    }
    if let Some(size) = size {
        report.add(GRID, format!("{how}: all {rounds} passes of a run"), size, runs.timing());
    }
}

fn start(demand: &impl Fn(&Plan) -> Demand) -> (Cluster, BTreeMap<ClientIx, Plan>) {
    let (mut cluster, mut plans) = (Cluster::default(), BTreeMap::new());
    for kind in KINDS {
        for framework in 0..kind.frameworks {
            let name = if kind.apart { format!("{}-{framework}", kind.role) } else { kind.role.to_owned() };
            let plan = Plan { task: amounts(kind.task), left: kind.tasks, tasks_per_offer: kind.tasks_per_offer };
            let client = cluster.add_framework(&role(&name), demand(&plan));
            plans.insert(client, plan);
        }
    }
    for _ in 0..AGENTS {
        let user = cluster.clients()[0];
        cluster.add_agent(&amounts(AGENT), user, &Resources::none());
    }
    (cluster, plans)
}
