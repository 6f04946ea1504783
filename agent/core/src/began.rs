//! The first event of a life: what became of the containers that earlier lives left.

use std::collections::BTreeMap;

use meros_types::{ContainerId, Now, Reason, Resources, TaskState};

use crate::containers::Phase;
use crate::event::Found;
use crate::facts::Statement;
use crate::killing::Why;
use crate::{Agent, Effect, Record};

impl Agent {
    /// Records that a life has begun, and judges every container that is remembered by what was found of it. When the record is
    /// on the disk the agent connects: by then all that it says of itself is there too.
    pub(crate) fn began(&mut self, now: Now, found: Vec<(ContainerId, Found)>, effects: &mut Vec<Effect>) {
        let record = self.began_record();
        self.append_synced(record, effects);
        let found: BTreeMap<ContainerId, Found> = found.into_iter().collect();
        // In the order of their launches: if the log lost an end, the older one is over.
        let known: Vec<ContainerId> = self.by_launch.values().copied().collect();
        for id in known {
            let found = found.get(&id).copied();
            match self.containers.get(&id).map(|container| container.phase) {
                Some(Phase::Remembered) => self.judge(now, id, found.unwrap_or(Found::NeverStarted), effects),
                Some(Phase::Over) if found == Some(Found::Running) => {
                    tracing::warn!(container = %id, "a container runs that is over; destroying it");
                    effects.push(Effect::Destroy(id));
                }
                _ => {}
            }
        }
    }

    pub(crate) fn began_record(&self) -> Record {
        Record::Began {
            incarnation: self.incarnation,
            boot: self.boot.clone(),
            secret: self.config.secret,
            resources: self.config.resources.clone(),
            attributes: self.config.attributes.clone(),
            domain: self.config.domain.clone(),
            isolation: self.config.isolation.clone(),
        }
    }

    fn judge(&mut self, now: Now, id: ContainerId, found: Found, effects: &mut Vec<Effect>) {
        let Some(container) = self.containers.get(&id) else { return };
        let had_started = container.state != TaskState::Staging;
        match found {
            Found::Running => self.adopt(now, id, effects),
            Found::Ended(record) => self.ended_as_recorded(now, id, Some(record), effects),
            Found::Lost | Found::NeverStarted if self.was_rebooted => {
                let message = "its agent's machine was started anew, which ended every process on it";
                self.release(now, id, Statement::new(TaskState::Failed, Reason::AgentRebooted, message), effects);
            }
            Found::NeverStarted if !had_started => {
                let message = "its agent's process ended before the task was executed";
                self.release(now, id, Statement::new(TaskState::Dropped, Reason::LaunchLost, message), effects);
            }
            // What remains of a task that is known to have run is as good as nothing.
            Found::Lost | Found::NeverStarted => self.ended_as_recorded(now, id, None, effects),
        }
    }

    /// A container runs on as this life's. That it runs is said if it was not, and a kill that was under way begins anew.
    fn adopt(&mut self, now: Now, id: ContainerId, effects: &mut Vec<Effect>) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        container.phase = Phase::Running;
        let (state, why) = (container.state, container.kill.take().map(|kill| kill.why));
        let used = self.used.checked_add(&container.resources).ok();
        let Some(used) = used.filter(|used| container.is_recorded && self.config.resources.contains(used)) else {
            // Only a damaged log comes to this.
            container.resources = Resources::none();
            return self.resume_kill(now, id, Why::Unrecorded, effects);
        };
        self.used = used;
        if state == TaskState::Staging {
            self.fact(now, id, Statement::new(TaskState::Running, Reason::Started, "its program runs"), effects);
        }
        if let Some(why) = why {
            self.resume_kill(now, id, why, effects);
        }
    }
}
