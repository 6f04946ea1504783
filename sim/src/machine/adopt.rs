//! What a machine does when its agent's process, a shim or its power is lost, and what a new agent finds on it.

use meros_agent_core::{Event, Found};
use meros_types::{ContainerId, LaunchId, Now};

use super::container::{Container, Phase};
use super::{Machine, Step, Truth};

/// How often, in a thousand, an exit record reaches the disk by itself before the power is lost.
const RECORD_KEPT_PER_MILLE: u64 = 500;

impl Machine {
    /// What a new agent's process finds of the containers that its log remembers. Of others nothing is left.
    pub(crate) fn adopt(&mut self, known: &[ContainerId], steps: &mut Vec<(ContainerId, Step)>) -> Vec<(ContainerId, Found)> {
        self.containers.retain(|id, container| {
            let keep = known.contains(id);
            if !keep && container.lives() {
                steps.push((*id, Step::Truth(Truth::Emptied(container.launch))));
            }
            keep
        });
        known.iter().map(|id| (*id, self.find(*id, steps))).collect()
    }

    fn find(&mut self, id: ContainerId, steps: &mut Vec<(ContainerId, Step)>) -> Found {
        let Some(container) = self.containers.get_mut(&id) else { return Found::NeverStarted };
        if matches!(container.phase, Phase::Preparing { .. }) {
            self.containers.remove(&id);
            return Found::NeverStarted;
        }
        if let Some(record) = container.read_record() {
            container.end();
            return Found::Ended(record);
        }
        if container.shim().is_some() {
            return Found::Running;
        }
        if container.lives() {
            steps.push((id, Step::Truth(Truth::Emptied(container.launch))));
        }
        container.end();
        Found::Lost
    }

    /// The agent's process is dead, and with it the launcher: each container that it was making is made by now, or never is.
    pub(crate) fn launcher_dies(&mut self, now: Now, steps: &mut Vec<(ContainerId, Step)>) {
        let making = |container: &Container| matches!(container.phase, Phase::Preparing { .. });
        let half_made: Vec<ContainerId> =
            self.containers.iter().filter(|(_, container)| making(container)).map(|(id, _)| *id).collect();
        for id in half_made {
            if self.random.chance(500) {
                let mut of_this = Vec::new();
                self.begin(now, id, &mut of_this);
                steps.extend(of_this.into_iter().map(|step| (id, step)));
            }
            if self.containers.get(&id).is_some_and(making) {
                self.containers.remove(&id);
            }
        }
    }

    /// The directory of a container that is over is removed.
    pub(crate) fn remove(&mut self, id: ContainerId) {
        if self.containers.get(&id).is_some_and(Container::is_over) {
            self.containers.remove(&id);
        }
    }

    /// A shim is killed: the task dies with it, and the agent ends what is left, unless it has died too and does so later.
    pub(super) fn shim_dies(&mut self, now: Now, id: ContainerId, steps: &mut Vec<Step>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        if container.read_record().is_some() || !container.lose_shim() {
            return;
        }
        let launch = container.launch;
        let lived = container.lives();
        container.end_task();
        container.end_children();
        if lived {
            steps.push(Step::Truth(Truth::Emptied(launch)));
        }
        self.notice(now, id, Event::ContainerEnded { container: id, record: None }, steps);
    }

    /// The machine loses power: nothing of it lives, and of the exit records some are lost. Says whose processes died of it.
    pub(crate) fn lose_power(&mut self) -> Vec<Option<LaunchId>> {
        let random = &mut self.random;
        let mut died = Vec::new();
        self.containers.retain(|_, container| {
            if container.lives() {
                died.push(container.launch);
            }
            let making = matches!(container.phase, Phase::Preparing { .. });
            container.end();
            if let Phase::Over { record } = &mut container.phase
                && !random.chance(RECORD_KEPT_PER_MILLE)
            {
                *record = None;
            }
            !making
        });
        died
    }
}
