//! Launching: what is refused, what is started, and what is said when it has.

use std::collections::BTreeSet;

use meros_types::{ContainerId, Epoch, FrameworkId, Launch, Limits, Now, Reason, Resources, TaskState};

use crate::containers::{Container, Phase};
use crate::effect::ContainerPlan;
use crate::event::StartFailure;
use crate::facts::Statement;
use crate::{Agent, EPOCHS_MAX, Effect, FACTS_MAX};

impl Agent {
    /// Starts a container, or says why it never will be. A repetition is dropped: a launch starts at most once.
    pub(crate) fn launch(&mut self, now: Now, launch: Launch, effects: &mut Vec<Effect>) {
        if self.newest_launch.is_some_and(|newest| launch.launch <= newest) {
            return tracing::warn!(launch = %launch.launch, "dropped a repeated launch");
        }
        self.newest_launch = Some(launch.launch);
        if self.facts.waiting() >= FACTS_MAX {
            // A refusal would be one more of them. A launch that the next registration doesn't show was never started, and
            // the master says so by itself.
            tracing::warn!(launch = %launch.launch, "{FACTS_MAX} facts wait for frameworks; dropped a launch, connecting anew");
            return self.connect(effects);
        }
        let admitted = self.admit(&launch, effects);
        let id = self.ids.container();
        let limits = launch.task.limits();
        let resources = launch.task.resources.clone();
        let command = launch.task.command.clone();
        let mut container = container(launch, limits);
        match admitted {
            Ok(used) => {
                container.uid = self.uids.as_mut().and_then(|uids| uids.take());
                let plan = ContainerPlan { container: id, task: container.task.clone(), command, limits, uid: container.uid };
                self.used = used;
                self.by_launch.insert(container.launch, id);
                self.containers.insert(id, Container { resources, ..container });
                effects.push(Effect::Start(Box::new(plan)));
            }
            Err(message) => {
                self.containers.insert(id, Container { phase: Phase::Over, ..container });
                self.fact(now, id, Statement::new(TaskState::Dropped, Reason::AgentRefused, message), effects);
            }
        }
    }

    /// What is in use with this launch, or why it is refused. Never above the total: the master's books may be wrong, this
    /// machine is not.
    fn admit(&mut self, launch: &Launch, effects: &mut Vec<Effect>) -> Result<Resources, String> {
        self.note_epoch(launch.framework, launch.epoch)?;
        let used = self.used.checked_add(&launch.task.resources).map_err(|error| format!("the agent has no room: {error}"))?;
        if let Some(shortfall) = self.config.resources.shortfall(&used) {
            return Err(format!("the agent has no room: {shortfall}, in use and asked for together"));
        }
        // Containers that are over keep their directory, and with it their user, only as long as nobody needs either.
        while self.uids.as_ref().is_some_and(|uids| !uids.has_free()) {
            if !self.remove_oldest_ended(effects) {
                return Err("no user id is free; give the agent a larger --task-uids range".to_owned());
            }
        }
        Ok(used)
    }

    /// Fences: a scheduler that another has taken over from starts nothing.
    fn note_epoch(&mut self, framework: FrameworkId, epoch: Epoch) -> Result<(), String> {
        let highest = self.epochs.entry(framework).or_insert(epoch);
        if epoch < *highest {
            return Err(format!("the launch is of epoch {epoch}, and a scheduler of epoch {highest} has taken over"));
        }
        *highest = epoch;
        if self.epochs.len() > EPOCHS_MAX {
            let with_containers: BTreeSet<FrameworkId> = self.containers.values().map(|container| container.framework).collect();
            self.epochs.retain(|other, _| *other == framework || with_containers.contains(other));
        }
        Ok(())
    }

    pub(crate) fn container_started(&mut self, now: Now, id: ContainerId, effects: &mut Vec<Effect>) {
        let Some(container) = self.containers.get_mut(&id).filter(|container| container.phase == Phase::Starting) else { return };
        container.phase = Phase::Running;
        self.fact(now, id, Statement::new(TaskState::Running, Reason::Started, "its program runs"), effects);
        self.kill_started(now, id, effects);
    }

    pub(crate) fn container_failed(&mut self, now: Now, id: ContainerId, failure: StartFailure, effects: &mut Vec<Effect>) {
        if self.containers.get(&id).is_none_or(|container| container.phase != Phase::Starting) {
            return;
        }
        let (reason, message) = match failure {
            StartFailure::Program(message) => (Reason::LaunchFailed, message),
            StartFailure::Agent(message) => (Reason::ContainerFailed, message),
        };
        self.release(id, effects);
        self.fact(now, id, Statement::new(TaskState::Failed, reason, message), effects);
    }
}

fn container(launch: Launch, limits: Limits) -> Container {
    Container {
        framework: launch.framework,
        epoch: launch.epoch,
        role: launch.role,
        launch: launch.launch,
        task: launch.task.id,
        name: launch.task.name,
        resources: Resources::none(),
        limits,
        kill_grace: launch.task.kill_grace,
        uid: None,
        phase: Phase::Starting,
        state: TaskState::Staging,
        kill: None,
        facts_waiting: 0,
    }
}
