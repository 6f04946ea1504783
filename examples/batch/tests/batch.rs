//! A batch in its session, without a network: what it launches on which offer, and what it makes of the ends of its tasks.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test says by a panic that it failed, and by its name what it shows")]

use std::sync::Arc;
use std::time::Duration;

use meros_batch::{Batch, Item, LOSSES_MAX, Progress, Status};
use meros_session::{Effect, Event, Host, Identity, Saved};
use meros_types::*;

/// A batch and its master's side.
struct Run {
    host: Host<Batch>,
    now: Now,
    offers: u64,
    /// What it wanted last.
    demand: Demand,
    killed: Vec<TaskId>,
    over: bool,
    saved: Saved,
}

const SESSION: SessionId = SessionId { term: Term(1), n: 1 };

impl Run {
    fn new(batch: Batch) -> Self {
        Self::begin(Identity::new("batch"), batch, Saved::default())
    }

    /// A process that finds this in its store.
    fn begin(identity: Identity, batch: Batch, saved: Saved) -> Self {
        let host = Host::recovered(identity, 1, batch, saved.clone()).unwrap();
        let (now, offers, demand, killed) = (Now::default(), 0, Demand::nothing(), Vec::new());
        let mut run = Self { host, now, offers, demand, killed, over: false, saved };
        run.event(Event::TimePassed);
        run.event(Event::Connected);
        let (framework, epoch) = (FrameworkId::from_bytes([1; 16]), run.saved.framework.as_ref().map_or(0, |known| known.epoch.0));
        let (epoch, heartbeat) = (Epoch(epoch + 1), Duration::from_secs(3_600));
        run.hear(FrameworkEvent::Subscribed(Subscribed { framework, epoch, heartbeat }));
        run
    }

    /// A framework that outlives its process.
    fn keyed(batch: Batch, saved: Saved) -> Self {
        Self::begin(Identity { key: Some("k".into()), ..Identity::new("batch") }, batch.resumable(), saved)
    }

    /// One batch; returns what was launched.
    fn event(&mut self, event: Event<Batch>) -> Vec<TaskSpec> {
        let mut effects = Vec::new();
        self.host.handle(self.now, event, &mut effects);
        self.host.flush(self.now, &mut effects);
        while let Some(at) = effects.iter().position(|effect| matches!(effect, Effect::Commit { .. })) {
            let Effect::Commit { seq, changes } = effects.remove(at) else { unreachable!() };
            self.saved.apply(changes);
            self.host.handle(self.now, Event::Committed { seq }, &mut effects);
            self.host.flush(self.now, &mut effects);
        }
        self.host.check();
        let sent = effects.into_iter().filter_map(|effect| if let Effect::Send(message) = effect { Some(message) } else { None });
        let mut launched = Vec::new();
        for call in sent.flat_map(|message| message.calls) {
            match call {
                Call::Demand(call) => self.demand = call.demand,
                Call::Kill(call) => self.killed.push(call.task),
                Call::Teardown => self.over = true,
                Call::Accept(accept) => {
                    for operation in accept.groups.into_iter().flat_map(|group| group.operations) {
                        let Operation::Launch(tasks) = operation else { panic!() };
                        launched.extend(tasks);
                    }
                }
                _ => {}
            }
        }
        launched
    }

    fn hear(&mut self, event: FrameworkEvent) -> Vec<TaskSpec> {
        self.event(Event::Received(ToFramework { session: SESSION, event }))
    }

    fn offer(&mut self, resources: &str) -> Vec<TaskSpec> {
        let agent = OfferedAgent::new(AgentId::from_bytes([2; 16]), "host");
        self.offer_of(agent, resources)
    }

    fn offer_of(&mut self, agent: OfferedAgent, resources: &str) -> Vec<TaskSpec> {
        self.offers += 1;
        let (id, agent, resources) = (OfferId(self.offers), Arc::new(agent), Resources::parse(resources).unwrap());
        let (role, lease) = (Role::default(), Duration::from_secs(30));
        let offer = Offer { id, role, agent, resources, lease, unavailability: None };
        self.hear(FrameworkEvent::Offers(vec![offer]))
    }

    /// A view is as good as a fact for the batch.
    fn update(&mut self, task: &TaskSpec, state: TaskState) {
        let update = TaskUpdate::new(task.id.clone(), state, Source::Master, Reason::Exited, state.as_str(), WallTime(5));
        assert_eq!(self.hear(FrameworkEvent::Update(Box::new(update))), []);
    }

    fn batch(&self) -> &Batch {
        self.host.scheduler()
    }
}

fn names(tasks: &[TaskSpec]) -> Vec<&str> {
    tasks.iter().map(|task| task.name.as_str()).collect()
}

#[test]
fn forty_trivial_commands_run_to_their_end() {
    let mut run = Run::new(Batch::new(40));
    assert_eq!(run.demand.shapes[0].copies, Some(40));
    while !run.over {
        let launched = run.offer("cpus:1;mem:1GiB");
        assert_eq!(launched.len(), 10);
        launched.iter().for_each(|task| run.update(task, TaskState::Finished));
    }
    assert_eq!(run.batch().progress(), Progress { items: 40, done: 40, ..Progress::default() });
    assert!(run.batch().is_over());
}

#[test]
fn the_demand_is_what_is_still_to_launch() {
    let mut run = Run::new(Batch::new(3).parallel(2));
    assert_eq!(run.demand.shapes[0].copies, Some(2));
    let launched = run.offer("cpus:4;mem:1GiB");
    assert_eq!((names(&launched), run.demand.is_nothing()), (vec!["true-1", "true-2"], true));
    run.update(&launched[0], TaskState::Finished);
    assert_eq!(run.demand.shapes[0].copies, Some(1));
    assert_eq!(names(&run.offer("cpus:4;mem:1GiB")), ["true-3"]);
}

#[test]
fn each_kind_of_command_has_its_shape_and_takes_the_offers_that_fit() {
    let mut large = Item::shell("large");
    large.resources = Resources::parse("cpus:2;mem:1GiB").unwrap();
    let mut run = Run::new(Batch::from_items(vec![large, Item::shell("small"), Item::shell("small too")]));
    let copies: Vec<_> = run.demand.shapes.iter().map(|shape| shape.copies).collect();
    assert_eq!(copies, [Some(1), Some(2)]);
    assert_eq!(names(&run.offer("cpus:0.1;mem:1GiB")), ["small"]);
    assert_eq!(names(&run.offer("cpus:3;mem:2GiB")), ["large", "small too"]);
}

#[test]
fn a_command_runs_only_where_it_may() {
    let mut picky = Item::shell("picky");
    picky.constraints = vec!["rack=a".parse().unwrap(), "!gpu".parse().unwrap()];
    let mut run = Run::new(Batch::from_items(vec![picky.clone(), Item::shell("easy"), Item::shell("easy too")]));
    let shapes: Vec<_> = run.demand.shapes.iter().map(|shape| (shape.constraints.len(), shape.copies)).collect();
    assert_eq!(shapes, [(2, Some(1)), (0, Some(2))]);
    let there = |attributes: &str| OfferedAgent {
        attributes: attributes.parse().unwrap(),
        ..OfferedAgent::new(AgentId::from_bytes([3; 16]), "there")
    };
    assert_eq!(names(&run.offer_of(there("rack:b"), "cpus:0.1;mem:1GiB")), ["easy"]);
    assert_eq!(names(&run.offer_of(there("rack:a;gpu:1"), "cpus:1;mem:1GiB")), ["easy too"]);
    assert_eq!(names(&run.offer_of(there("rack:b"), "cpus:1;mem:1GiB")), [] as [&str; 0]);
    assert_eq!(names(&run.offer_of(there("rack:a"), "cpus:1;mem:1GiB")), ["picky"]);
}

#[test]
fn a_failed_command_is_tried_again_under_its_name() {
    let mut item = Item::shell("false");
    item.retries = 1;
    let mut run = Run::new(Batch::from_items(vec![item]));
    let first = run.offer("cpus:1;mem:1GiB");
    run.update(&first[0], TaskState::Failed);
    assert_eq!((run.batch().progress().waiting, run.over), (1, false));
    let second = run.offer("cpus:1;mem:1GiB");
    assert_eq!(names(&second), ["false"]);
    assert_ne!(first[0].id, second[0].id);
    run.update(&second[0], TaskState::Failed);
    assert!(run.over);
    let record = &run.batch().records()[0];
    assert_eq!((record.status, record.attempts, record.failures), (Status::Failed, 2, 2));
    assert_eq!((record.task.as_ref(), record.hostname.as_deref()), (Some(&second[0].id), Some("host")));
    assert_eq!((record.message.as_str(), record.ended), ("FAILED", Some(WallTime(5))));
}

#[test]
fn a_refused_command_is_not_tried_again() {
    let mut run = Run::new(Batch::new(1));
    let launched = run.offer("cpus:1;mem:1GiB");
    run.update(&launched[0], TaskState::Error);
    assert_eq!((run.batch().failed, run.over), (1, true));
}

#[test]
fn a_command_that_is_none_fails_without_a_launch() {
    let mut run = Run::new(Batch::from_items(vec![Item::shell("a\0b")]));
    assert_eq!(run.offer("cpus:1;mem:1GiB"), []);
    assert_eq!((run.batch().failed, run.over), (1, true));
    assert!(run.batch().records()[0].message.contains("NUL"));
}

#[test]
fn a_lost_attempt_costs_no_retry() {
    for state in [TaskState::Dropped, TaskState::Gone, TaskState::GoneByOperator, TaskState::Unreachable] {
        let mut run = Run::new(Batch::from_commands(["true"]));
        let lost = run.offer("cpus:1;mem:1GiB");
        run.update(&lost[0], state);
        let again = run.offer("cpus:1;mem:1GiB");
        run.update(&again[0], TaskState::Finished);
        let record = &run.batch().records()[0];
        assert_eq!((run.batch().done, record.attempts, record.losses, record.failures), (1, 2, 1, 0), "{state}");
    }
}

#[test]
fn losses_have_an_end() {
    let mut run = Run::new(Batch::from_commands(["true"]));
    for _ in 0..LOSSES_MAX {
        let launched = run.offer("cpus:1;mem:1GiB");
        run.update(&launched[0], TaskState::Dropped);
    }
    assert_eq!((run.batch().failed, run.over), (1, true));
}

#[test]
fn an_attempt_that_comes_back_is_killed_and_doesn_t_count() {
    let mut run = Run::new(Batch::new(1));
    let lost = run.offer("cpus:1;mem:1GiB").remove(0);
    run.update(&lost, TaskState::Unreachable);
    assert_eq!(run.killed, std::slice::from_ref(&lost.id));
    let again = run.offer("cpus:1;mem:1GiB").remove(0);
    run.update(&lost, TaskState::Running);
    run.update(&lost, TaskState::Killed);
    assert_eq!(run.batch().progress(), Progress { items: 1, live: 1, ..Progress::default() });
    run.update(&again, TaskState::Finished);
    assert_eq!((run.batch().done, run.batch().killed), (1, 0));
}

#[test]
fn an_attempt_that_nobody_knows_is_given_up_after_a_minute() {
    let mut run = Run::new(Batch::new(1));
    let first = run.offer("cpus:1;mem:1GiB").remove(0);
    run.update(&first, TaskState::Running);
    let wait = |run: &mut Run, seconds| {
        run.now.mono = run.now.mono.after(Duration::from_secs(seconds));
        run.event(Event::TimePassed);
        // Whatever the silence of this master led to.
        run.batch().progress().waiting
    };
    run.update(&first, TaskState::Unknown);
    assert_eq!(wait(&mut run, 20), 0);
    run.update(&first, TaskState::Running);
    run.update(&first, TaskState::Unknown);
    assert_eq!(wait(&mut run, 59), 0);
    assert_eq!(wait(&mut run, 1), 1);
    let again = run.offer("cpus:1;mem:1GiB").remove(0);
    run.update(&again, TaskState::Finished);
    assert_eq!((run.batch().done, run.batch().records()[0].losses), (1, 1));
}

#[test]
fn a_command_is_killed_when_it_said_so() {
    let mut item = Item::shell("sleep 1000");
    item.kill_after = Some(Duration::from_secs(2));
    let mut run = Run::new(Batch::from_items(vec![item]));
    let task = run.offer("cpus:1;mem:1GiB").remove(0);
    run.update(&task, TaskState::Running);
    run.update(&task, TaskState::Unreachable);
    let task = run.offer("cpus:1;mem:1GiB").remove(0);
    run.killed.clear();
    run.now.mono = run.now.mono.after(Duration::from_secs(1));
    run.update(&task, TaskState::Running);
    run.now.mono = run.now.mono.after(Duration::from_secs(2));
    run.event(Event::TimePassed);
    assert_eq!(run.killed.last(), Some(&task.id));
    run.update(&task, TaskState::Killing);
    run.update(&task, TaskState::Killed);
    assert_eq!((run.batch().killed, run.over), (1, true));
    assert_eq!(run.batch().records()[0].status, Status::Killed);
}

#[test]
fn an_empty_batch_is_over_at_once() {
    assert!(Run::new(Batch::new(0)).over);
}

fn five() -> Batch {
    let mut killed = Item::shell("sleep 1000");
    killed.kill_after = Some(Duration::from_secs(2));
    let mut items: Vec<_> = ["a", "b", "c", "d"].map(Item::shell).into();
    items[1].retries = 1;
    items.push(killed);
    Batch::from_items(items)
}

#[test]
fn a_new_process_goes_on_where_the_one_before_was() {
    let mut run = Run::keyed(five(), Saved::default());
    let launched = run.offer("cpus:0.3;mem:1GiB");
    assert_eq!(names(&launched), ["a", "b", "c"]);
    run.update(&launched[0], TaskState::Finished);
    run.update(&launched[1], TaskState::Failed);
    let mut run = Run::keyed(five(), run.saved);
    assert_eq!(run.batch().progress(), Progress { items: 5, waiting: 3, live: 1, done: 1, ..Progress::default() });
    assert_eq!(run.demand.shapes[0].copies, Some(3));
    run.update(&launched[2], TaskState::Finished);
    let again = run.offer("cpus:0.3;mem:1GiB");
    assert_eq!(names(&again), ["b", "d", "sleep 1000"]);
    // The retry that it had is used up, and the time until its end goes on.
    run.update(&again[2], TaskState::Running);
    let mut run = Run::keyed(five(), run.saved);
    run.update(&again[0], TaskState::Failed);
    run.update(&again[1], TaskState::Finished);
    assert_eq!(run.killed, []);
    run.now.mono = run.now.mono.after(Duration::from_secs(2));
    run.event(Event::TimePassed);
    assert_eq!(run.killed, std::slice::from_ref(&again[2].id));
    run.update(&again[2], TaskState::Killed);
    assert_eq!(run.batch().progress(), Progress { items: 5, done: 3, failed: 1, killed: 1, ..Progress::default() });
    assert!(run.over);
    let run = Run::keyed(five(), run.saved);
    assert_eq!((run.batch().done, run.over), (3, true));
}

#[test]
fn a_task_that_is_of_no_command_is_killed() {
    let mut run = Run::keyed(Batch::from_commands(["a", "b"]), Saved::default());
    let launched = run.offer("cpus:0.2;mem:1GiB");
    let mut run = Run::keyed(Batch::from_commands(["a", "another"]), run.saved);
    assert_eq!(run.killed, std::slice::from_ref(&launched[1].id));
    assert_eq!(run.batch().progress(), Progress { items: 2, waiting: 1, live: 1, ..Progress::default() });
    run.update(&launched[1], TaskState::Killed);
    assert_eq!((run.batch().killed, run.batch().records()[1].attempts), (0, 0));
}

#[test]
fn an_attempt_that_nobody_knew_before_the_restart_is_given_up_after_it() {
    let mut run = Run::keyed(Batch::new(1), Saved::default());
    let launched = run.offer("cpus:1;mem:1GiB").remove(0);
    run.update(&launched, TaskState::Running);
    run.update(&launched, TaskState::Unknown);
    let mut run = Run::keyed(Batch::new(1), run.saved);
    run.update(&launched, TaskState::Unknown);
    run.now.mono = run.now.mono.after(Duration::from_secs(60));
    run.event(Event::TimePassed);
    assert_eq!(run.batch().progress().waiting, 1);
}

#[test]
fn what_was_launched_by_a_framework_that_is_no_more_is_launched_again() {
    let mut run = Run::keyed(Batch::from_commands(["a"]), Saved::default());
    run.offer("cpus:1;mem:1GiB");
    let saved = Saved { values: run.saved.values, ..Saved::default() };
    let mut run = Run::keyed(Batch::from_commands(["a"]), saved);
    assert_eq!(names(&run.offer("cpus:1;mem:1GiB")), ["a"]);
    assert_eq!(run.batch().records()[0].attempts, 2);
}
