//! Launching: what is refused, what is started once its launch is recorded, and what is said when it runs.

use std::collections::BTreeSet;

use meros_types::{Command, ContainerId, Epoch, FrameworkId, Launch, Now, Reason, Resources, TaskSpec, TaskState};

use crate::containers::{Container, Phase};
use crate::effect::ContainerPlan;
use crate::facts::Statement;
use crate::killing::Why;
use crate::{Agent, EPOCHS_MAX, Effect, FACTS_MAX, Record};

impl Agent {
    /// Takes a launch in, or says why it never will be. A repetition is dropped: a launch starts at most once.
    pub(crate) fn launch(&mut self, now: Now, launch: Launch, effects: &mut Vec<Effect>) {
        if self.newest_launch.is_some_and(|newest| launch.launch <= newest) {
            return tracing::warn!(launch = %launch.launch, "dropped a repeated launch");
        }
        self.newest_launch = Some(launch.launch);
        let is_full = self.facts.waiting() >= FACTS_MAX;
        if is_full || self.log.is_stalled() {
            // A refusal would be one more fact, and one more record. A launch that the next registration doesn't show was never
            // started, and the master says so by itself.
            let reason = if is_full { "too many facts wait for frameworks" } else { "the log can't be written" };
            tracing::warn!(launch = %launch.launch, reason, "dropped a launch, connecting anew");
            return self.connect(effects);
        }
        let admitted = self.admit(&launch, effects);
        let id = self.ids.container();
        let command = launch.task.command.clone();
        match admitted {
            Ok(used) => {
                let uid = self.uids.as_mut().and_then(|uids| uids.take());
                self.used = used;
                self.record_launch(now, id, Container { uid, ..container(launch) }, command, effects);
            }
            Err(message) => {
                self.keep_launch(id, Container { resources: Resources::none(), phase: Phase::Over, ..container(launch) }, effects);
                self.release_unmade(now, id, Statement::new(TaskState::Dropped, Reason::AgentRefused, message), effects);
            }
        }
    }

    /// What is in use with this launch, or why it is refused. Never above the total: the master's books may be wrong, this
    /// machine is not.
    fn admit(&mut self, launch: &Launch, effects: &mut Vec<Effect>) -> Result<Resources, String> {
        if self.is_ending {
            return Err("the agent is ending".to_owned());
        }
        if self.note_epoch(launch.framework, launch.epoch)? {
            self.append_synced(Record::Epoch { framework: launch.framework, epoch: launch.epoch }, effects);
        }
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

    /// Fences: a scheduler that another has taken over from starts nothing. Says whether the epoch is new.
    pub(crate) fn note_epoch(&mut self, framework: FrameworkId, epoch: Epoch) -> Result<bool, String> {
        match self.epochs.get(&framework).copied() {
            Some(highest) if epoch < highest => {
                return Err(format!("the launch is of epoch {epoch}, and a scheduler of epoch {highest} has taken over"));
            }
            Some(highest) if epoch == highest => return Ok(false),
            _ => {}
        }
        self.epochs.insert(framework, epoch);
        if self.epochs.len() > EPOCHS_MAX {
            let with_containers: BTreeSet<FrameworkId> = self.containers.values().map(|container| container.framework).collect();
            self.epochs.retain(|other, _| *other == framework || with_containers.contains(other));
        }
        Ok(true)
    }

    /// Records a launch; the container is made when the record is in the log, however the agent ends after that.
    fn record_launch(&mut self, now: Now, id: ContainerId, container: Container, command: Command, effects: &mut Vec<Effect>) {
        let (task, limits, uid) = (container.task.clone(), container.limits, container.uid);
        let seq = self.keep_launch(id, container, effects);
        if let Some(container) = self.containers.get_mut(&id) {
            container.phase = Phase::Recording(seq);
        }
        self.starts.insert(seq, ContainerPlan { container: id, task, command, limits, uid });
        self.set_deadline(id, Some(now.mono.after(self.config.start_max)));
    }

    fn keep_launch(&mut self, id: ContainerId, container: Container, effects: &mut Vec<Effect>) -> u64 {
        let seq = container.record(id).map_or(0, |record| self.append(record, effects));
        self.by_launch.insert(container.launch, id);
        self.containers.insert(id, container);
        seq
    }

    /// Makes the containers whose launches are in the log.
    pub(crate) fn release_starts(&mut self, effects: &mut Vec<Effect>) {
        while let Some(entry) = self.starts.first_entry().filter(|entry| self.log.is_appended(*entry.key())) {
            let plan = entry.remove();
            if let Some(container) = self.containers.get_mut(&plan.container) {
                container.phase = Phase::Starting;
            }
            effects.push(Effect::Start(Box::new(plan)));
        }
    }

    pub(crate) fn container_started(&mut self, now: Now, id: ContainerId, effects: &mut Vec<Effect>) {
        let Some(container) = self.containers.get_mut(&id).filter(|container| container.phase == Phase::Starting) else { return };
        container.phase = Phase::Running;
        if container.kill.as_ref().is_some_and(|kill| kill.why == Why::Late) {
            // It has been given up: it is destroyed, and only its end is told.
            return effects.push(Effect::Destroy(id));
        }
        self.set_deadline(id, None);
        self.fact(now, id, Statement::new(TaskState::Running, Reason::Started, "its program runs"), effects);
        self.kill_started(now, id, effects);
    }
}

/// A container of this launch, of which nothing has happened.
fn container(launch: Launch) -> Container {
    let limits = launch.task.limits();
    let TaskSpec { id, name, resources, kill_grace, .. } = launch.task;
    let unknown = Container::unknown(launch.framework, launch.launch, id);
    Container { epoch: launch.epoch, role: launch.role, name, resources, limits, kill_grace, is_recorded: true, ..unknown }
}
