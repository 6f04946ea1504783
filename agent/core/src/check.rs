//! Recounts every table from the containers and facts themselves.

use meros_types::Resources;

use crate::Agent;
use crate::containers::Phase;

impl Agent {
    /// Panics on a broken invariant, naming it. Tests and the simulator call it after every step.
    pub fn check(&self) {
        let held = self.containers.values().filter(|container| container.phase != Phase::Over);
        let sum = held.fold(Resources::none(), |sum, container| {
            sum.checked_add(&container.resources).expect("containers of one agent have a sum")
        });
        assert_eq!(self.used, sum, "what is in use is not what the containers hold");
        assert!(self.config.resources.contains(&sum), "the containers hold more than the agent has");
        for (id, container) in &self.containers {
            assert_eq!(container.facts_waiting as usize, self.facts.waiting_of(*id), "container {id}: facts that wait");
            if container.phase != Phase::Over {
                assert_eq!(self.by_launch.get(&container.launch), Some(id), "container {id} is not found by its launch");
                assert!(!container.state.is_terminal(), "container {id} holds resources for a task that is over");
            }
            if let (Some(uids), Some(uid)) = (&self.uids, container.uid) {
                assert!(container.phase == Phase::Over || uids.is_taken(uid), "container {id} runs as a user that is free");
            }
        }
        let to_destroy = self.containers.values().filter(|container| container.phase == Phase::Running && container.kill.is_some());
        assert_eq!(self.deadlines.len(), to_destroy.count(), "every running container that is to end has its deadline");
        for (at, id) in &self.deadlines {
            let kill = self.containers.get(id).and_then(|container| container.kill);
            assert_eq!(kill.map(|kill| kill.deadline), Some(*at), "container {id} has a deadline that nobody asked for");
        }
        self.facts.check();
        assert!(self.ended.len() <= self.config.ended_kept, "more ended containers are kept than may be");
    }
}
