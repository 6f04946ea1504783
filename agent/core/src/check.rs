//! Recounts every table from the containers and facts themselves, and from the log.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::{AgentId, ContainerId, Epoch, FrameworkId, Resources, TaskState, TaskUpdate, Term, Time};

use crate::containers::{Container, Phase};
use crate::log::BEGAN;
use crate::{Agent, Record};

impl Agent {
    /// Panics on a broken invariant, naming it. Tests and the simulator call it after every step.
    pub fn check(&self) {
        let held = self.containers.values().filter(|container| !matches!(container.phase, Phase::Over | Phase::Remembered));
        let sum = held.fold(Resources::none(), |sum, container| {
            sum.checked_add(&container.resources).expect("containers of one agent have a sum")
        });
        assert_eq!(self.used, sum, "what is in use is not what the containers hold");
        assert!(self.config.resources.contains(&sum), "the containers hold more than the agent has");
        let mut waiting: BTreeMap<ContainerId, u32> = BTreeMap::new();
        for (_, _, fact) in self.facts.all() {
            *waiting.entry(fact.container).or_default() += 1;
        }
        for (id, container) in &self.containers {
            assert_eq!(container.facts_waiting, waiting.remove(id).unwrap_or(0), "container {id}: facts that wait");
            self.check_container(*id, container);
        }
        assert!(waiting.is_empty(), "facts wait whose containers are forgotten: {waiting:?}");
        assert_eq!(self.by_launch.len(), self.containers.len(), "a launch has one container");
        let recording = self.containers.values().filter(|container| matches!(container.phase, Phase::Recording(_)));
        assert_eq!(self.starts.len(), recording.count(), "what is recorded is started then");
        let due = self.containers.iter().filter_map(|(id, container)| Some((container.deadline?, *id)));
        assert_eq!(self.deadlines, due.collect::<BTreeSet<(Time, ContainerId)>>(), "each deadline is a container's");
        self.log.check();
        self.facts.check(&self.log);
        let removable = |id: &&ContainerId| self.containers.get(id).is_some_and(|ended| self.log.is_synced(ended.newest_seq));
        assert!(
            self.ended.values().filter(removable).count() <= self.config.ended_kept,
            "more ended containers are kept than may be"
        );
    }

    fn check_container(&self, id: ContainerId, container: &Container) {
        assert_eq!(self.by_launch.get(&container.launch), Some(&id), "container {id} is not found by its launch");
        let is_over = container.phase == Phase::Over;
        assert_eq!(container.state.is_terminal(), is_over, "container {id} is over when its task is");
        assert!(is_over || !container.told.is_terminal(), "container {id}: others know an end that was not stated");
        let is_kept = is_over && container.has_directory;
        assert_eq!(self.ended.get(&container.newest_fact) == Some(&id), is_kept, "container {id} is kept as long as its directory");
        assert!(!is_over || container.is_shown() || is_kept, "container {id}, of which nothing is left, is forgotten");
        let has_deadline = match container.phase {
            Phase::Recording(seq) => {
                assert!(!self.log.is_appended(seq), "container {id} waits for a record that is there");
                true
            }
            Phase::Starting => true,
            Phase::Running => container.kill.is_some(),
            Phase::Over | Phase::Remembered => false,
        };
        assert_eq!(container.deadline.is_some(), has_deadline, "container {id}: {:?} and {:?}", container.phase, container.kill);
        if let (Some(uids), Some(uid), true) = (&self.uids, container.uid, container.has_directory) {
            assert!(uids.is_taken(uid), "container {id} has a user that is free");
        }
        // Before the life's beginning is on the disk, nobody is told anything.
        let told = (self.log.is_synced(BEGAN) && container.told_fact == container.newest_fact).then_some(container.newest_seq);
        if let Some(seq) = told.filter(|_| container.told.is_terminal()) {
            assert!(self.log.is_synced(seq), "container {id}: others know an end that a power loss could undo");
        }
    }

    /// Panics unless an agent that reads `records`, which are all that this one ever appended, each
    /// [`Rewrite`](crate::Effect::Rewrite) in the place of what was before it, has the same tables. What a crash may lose are the
    /// records that it loses, and nothing beside them.
    pub fn check_recovery(&self, records: Vec<Record>) {
        let recovered = Agent::recovered(self.config.clone(), self.boot.clone(), records).expect("the configuration is the same");
        assert_eq!(recovered.tables(), self.tables(), "what is read from the log is not what was");
        assert!(recovered.newest_launch <= self.newest_launch, "the log has a launch that the agent never saw");
    }

    fn tables(&self) -> Tables<'_> {
        let containers = self.containers.iter().map(|(id, container)| (*id, (container.record(*id), container.state)));
        let mut facts: BTreeMap<FrameworkId, Vec<&TaskUpdate>> = BTreeMap::new();
        for (_, framework, fact) in self.facts.all() {
            facts.entry(framework).or_default().push(&fact.update);
        }
        Tables {
            id: self.id,
            term: self.term,
            epochs: &self.epochs,
            containers: containers.collect(),
            ended: self.ended.values().copied().collect(),
            uids: self.uids.as_ref().map(|uids| uids.taken()),
            facts,
        }
    }
}

/// What must outlive the process.
#[derive(Debug, PartialEq)]
struct Tables<'agent> {
    id: Option<AgentId>,
    term: Term,
    epochs: &'agent BTreeMap<FrameworkId, Epoch>,
    containers: BTreeMap<ContainerId, (Option<Record>, TaskState)>,
    ended: Vec<ContainerId>,
    uids: Option<&'agent BTreeSet<u32>>,
    facts: BTreeMap<FrameworkId, Vec<&'agent TaskUpdate>>,
}
