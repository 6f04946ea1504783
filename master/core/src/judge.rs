//! Whether what an agent says can be taken. What it says of itself must not contradict itself, nor what this master knows for certain:
//! everything after this check may rely on it.

use std::collections::BTreeSet;

use meros_types::{CUSTOM_SCALARS_MAX, ContainerSnapshot, LaunchId, Register, Resources};

use crate::Master;
use crate::table::AgentIx;

impl Master {
    /// The reason to refuse a registration, for the agent's operator. `known` is the agent's row, if it has one.
    pub(crate) fn judge(&self, register: &Register, known: Option<AgentIx>) -> Result<(), String> {
        judge_sums(register)?;
        let mut launches = BTreeSet::new();
        for container in &register.containers {
            if !launches.insert(container.launch) {
                return Err(format!("the agent has launch {} twice", container.launch));
            }
            self.judge_launch(container.launch)?;
            self.judge_container(container, known)?;
        }
        Ok(())
    }

    fn judge_launch(&self, launch: LaunchId) -> Result<(), String> {
        let newest = LaunchId { term: self.config.term, n: self.launches };
        match launch > newest {
            true => Err(format!("the agent has launch {launch}, which this master has not made: the newest is {newest}")),
            false => Ok(()),
        }
    }

    fn judge_container(&self, container: &ContainerSnapshot, known: Option<AgentIx>) -> Result<(), String> {
        let [task] = container.tasks.as_slice() else {
            let count = container.tasks.len();
            return Err(format!("container {} has {count} tasks; this master knows containers of one", container.container));
        };
        let Some(ix) = self.tasks_by_launch.get(&container.launch) else { return Ok(()) };
        let row = &self.tasks[*ix];
        let framework = self.frameworks[row.framework].id;
        let same = known == Some(row.agent) && framework == container.framework && row.update.task == task.task;
        match same {
            true => Ok(()),
            false => Err(format!(
                "launch {} is task {} of framework {framework} on agent {}: the work directory may be a copy of that agent's",
                container.launch, row.update.task, self.agents[row.agent].offered.hostname
            )),
        }
    }
}

/// What the agent's containers hold must have a sum, and one that can be shown.
fn judge_sums(register: &Register) -> Result<(), String> {
    let mut held = Resources::none();
    for container in &register.containers {
        let sum = held.checked_add(&container.resources);
        held = sum.map_err(|error| format!("the agent's containers have no sum: {error}"))?;
    }
    let names: BTreeSet<&str> = register.resources.custom().iter().chain(held.custom()).map(|(name, _)| &**name).collect();
    match names.len() {
        0..=CUSTOM_SCALARS_MAX => Ok(()),
        count => Err(format!("the agent and its containers have {count} user-named scalars, at most {CUSTOM_SCALARS_MAX}")),
    }
}
