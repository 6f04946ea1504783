//! The simulator's public face, as the author of a scheduler uses it.

use std::collections::BTreeMap;
use std::time::Duration;

use meros_session::{Context, Offer, Scheduler};
use meros_sim::{Cluster, OnTerminate, Options, Outcome, deterministic};
use meros_types::{Command, Demand, Reason, Resources, Role, TaskId, TaskSpec, TaskState, TaskUpdate};

/// Runs `total` tasks and starts each anew that does not finish.
struct Many {
    total: usize,
    live: BTreeMap<TaskId, TaskState>,
    done: usize,
    ends: Vec<(TaskState, Reason)>,
    retries: bool,
}

impl Many {
    fn new(total: usize) -> Self {
        Self { total, live: BTreeMap::new(), done: 0, ends: Vec::new(), retries: true }
    }

    fn once(total: usize) -> Self {
        Self { retries: false, ..Self::new(total) }
    }

    fn unit() -> Resources {
        Resources::parse("cpus:0.5;mem:512MiB").expect("these are resources")
    }

    fn want(&self) -> usize {
        let over = if self.retries { self.done } else { self.ends.len() };
        self.total - over - self.live.len()
    }
}

impl Scheduler for Many {
    fn offers(&mut self, offers: &mut [Offer], cx: &mut Context) {
        for offer in offers {
            while self.want() > 0 && offer.fits(&Self::unit()) {
                let task = TaskSpec::new(cx.new_task_id(), Command::shell("true"), Self::unit());
                self.live.insert(task.id.clone(), TaskState::Staging);
                offer.launch(task).expect("what fits can be launched");
            }
        }
    }

    fn update(&mut self, update: &TaskUpdate, _: &mut Context) {
        let over = update.state.is_terminal() || update.state == TaskState::Unreachable;
        if !over {
            self.live.insert(update.task.clone(), update.state);
        } else if self.live.remove(&update.task).is_some() {
            self.done += usize::from(update.state == TaskState::Finished);
            self.ends.push((update.state, update.reason));
        }
    }

    fn demand(&self, _: &Role) -> Demand {
        Demand::of(Self::unit(), self.want() as u64)
    }
}

fn machine() -> Resources {
    Resources::parse("cpus:4;mem:8GiB").expect("these are resources")
}

#[test]
fn a_scheduler_is_tested_in_a_few_lines() {
    let mut cluster = Cluster::seeded(7);
    let agents = cluster.agents(3, machine());
    let many = cluster.framework("many", Many::new(40));
    cluster.run_until(|c| c[many].done > 5);
    cluster.kill_agent(agents[0]);
    cluster.run_until(|c| c[many].done == 40);
    cluster.try_settle(Duration::from_secs(120)).unwrap();
}

#[test]
fn the_same_seed_gives_the_same_log_and_another_seed_another() {
    let run = |cluster: &mut Cluster| {
        let agents = cluster.agents(3, machine());
        let many = cluster.framework("many", Many::new(20));
        cluster.run_until(|c| c[many].done > 5);
        cluster.restart_agent(agents[1]);
        cluster.break_stream(many);
        cluster.run_until(|c| c[many].done == 20);
        cluster.log().to_owned()
    };
    let logs = [1, 2].map(|seed| deterministic(seed, run));
    assert_ne!(logs[0], logs[1]);
}

/// A scheduler whose choices differ in every run, as the order of a `HashMap` makes them.
struct Erratic(u64);

impl Scheduler for Erratic {
    fn offers(&mut self, offers: &mut [Offer], _: &mut Context) {
        offers[0].decline_for(Duration::from_secs(1 + self.0));
    }
    fn update(&mut self, _: &TaskUpdate, _: &mut Context) {}
}

#[test]
#[should_panic(expected = "seed 3 does not repeat itself")]
fn a_scheduler_that_does_not_repeat_itself_is_found() {
    let mut runs = 0;
    deterministic(3, |cluster| {
        runs += 1;
        cluster.agents(1, machine());
        cluster.framework("erratic", Erratic(runs));
        cluster.run_for(Duration::from_secs(10));
    });
}

fn ends_of(outcome: Outcome) -> Vec<(TaskState, Reason)> {
    let mut cluster = Cluster::seeded(11);
    cluster.agents(1, machine());
    cluster.tasks(move |_, _| outcome.clone());
    let many = cluster.framework("many", Many::once(1));
    cluster.run_until(|c| c[many].ends.len() == 1);
    cluster[many].ends.clone()
}

#[test]
fn commands_do_what_the_model_says() {
    let soon = Duration::from_millis(5);
    assert_eq!(ends_of(Outcome::exits(0, soon)), [(TaskState::Finished, Reason::Exited)]);
    assert_eq!(ends_of(Outcome::exits(3, soon)), [(TaskState::Failed, Reason::Exited)]);
    assert_eq!(ends_of(Outcome::exits(0, soon).leaving_children()), [(TaskState::Finished, Reason::Exited)]);
    assert_eq!(ends_of(Outcome::out_of_memory(soon)), [(TaskState::Failed, Reason::MemoryLimit)]);
    assert_eq!(ends_of(Outcome::out_of_memory(soon).leaving_children()), [(TaskState::Failed, Reason::MemoryLimit)]);
    assert_eq!(ends_of(Outcome::no_program()), [(TaskState::Failed, Reason::LaunchFailed)]);
    assert_eq!(ends_of(Outcome::no_container()), [(TaskState::Failed, Reason::ContainerFailed)]);
}

/// How long a task that is asked to end within 2 s takes to be over, in whole seconds.
fn seconds_to_end(outcome: Outcome) -> u64 {
    let mut cluster = Cluster::seeded(13);
    let agents = cluster.agents(1, machine());
    cluster.tasks(move |_, _| outcome.clone());
    let many = cluster.framework("many", Many::once(1));
    cluster.run_until(|c| c[many].live.values().any(|state| *state == TaskState::Running));
    assert_eq!(cluster.live_on(agents[0]), 1);
    let begin = cluster.now();
    cluster.call(many, |scheduler, cx| {
        scheduler.live.keys().for_each(|task| assert!(cx.kill_within(task, Duration::from_secs(2))));
    });
    cluster.run_until(|c| c[many].ends == [(TaskState::Killed, Reason::KillRequested)]);
    assert_eq!(cluster.live_on(agents[0]), 0);
    cluster.now().since(begin).as_secs()
}

#[test]
fn a_kill_is_honoured_as_the_model_says() {
    assert_eq!(seconds_to_end(Outcome::runs_for_ever()), 0);
    assert_eq!(seconds_to_end(Outcome::runs_for_ever().on_terminate(OnTerminate::Exits(0))), 0);
    assert_eq!(seconds_to_end(Outcome::runs_for_ever().on_terminate(OnTerminate::Ignores)), 2);
    let stuck = Outcome::runs_for_ever().on_terminate(OnTerminate::Ignores).unkillable_for(Duration::from_secs(10));
    assert_eq!(seconds_to_end(stuck), 12);
}

#[test]
fn what_never_comes_fails_with_the_seed_and_the_last_events() {
    let mut cluster = Cluster::new(Options { time_max: Duration::from_secs(60), ..Options::new(99) });
    cluster.agents(1, machine());
    let many = cluster.framework("many", Many::new(1));
    let failure = cluster.try_run_until(|c| c[many].done == 2).unwrap_err();
    let text = failure.to_string();
    assert!(text.contains("seed 99") && text.contains("reproduce: ") && text.contains("Heartbeat"), "{text}");
    assert_eq!(failure.tail().lines().count(), 50);
    assert_eq!(cluster.try_run_for(Duration::from_secs(1)), Err(failure), "a cluster that failed stays so");
}

/// A scheduler with a bug.
struct Panics;

impl Scheduler for Panics {
    fn offers(&mut self, _: &mut [Offer], _: &mut Context) {
        panic!("a bug of the user's");
    }
    fn update(&mut self, _: &TaskUpdate, _: &mut Context) {}
}

#[test]
fn a_panic_of_the_scheduler_is_shown_as_its_own() {
    let mut cluster = Cluster::seeded(1);
    cluster.agents(1, machine());
    cluster.framework("buggy", Panics);
    let failure = cluster.try_run_for(Duration::from_secs(60)).unwrap_err();
    assert!(failure.to_string().contains("buggy panicked: a bug of the user's"), "{failure}");
}

#[test]
fn a_dead_agent_is_noticed_and_one_that_is_cut_off_comes_back() {
    let mut cluster = Cluster::seeded(5);
    let agents = cluster.agents(2, machine());
    let connected = |c: &Cluster| c.state().agents.iter().filter(|agent| agent.connected).count();
    cluster.run_until(|c| connected(c) == 2);
    cluster.kill_agent(agents[0]);
    assert!(!cluster.is_up(agents[0]));
    cluster.cut(agents[1], Duration::from_secs(45));
    cluster.run_until(|c| connected(c) == 0);
    cluster.run_until(|c| connected(c) == 1);
    cluster.restart_agent(agents[0]);
    cluster.run_until(|c| connected(c) == 2);
}
