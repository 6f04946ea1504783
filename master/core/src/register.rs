//! Registering: an agent says all that it has, and the master's tables follow.

use std::collections::BTreeSet;
use std::sync::Arc;

use meros_types::{
    AgentId, AgentOrder, ContainerSnapshot, LaunchId, Now, OfferedAgent, Reason, Register, Registered, SessionId, Source,
    TaskSnapshot, TaskState, TaskUpdate, ToAgent,
};

use crate::event::StreamId;
use crate::ledger::{Ledger, Part};
use crate::rows::{Agent, Link, Task};
use crate::table::{AgentIx, FrameworkIx};
use crate::{Effect, Master, Peer};

impl Master {
    pub(crate) fn register(&mut self, now: Now, stream: StreamId, register: Register, effects: &mut Vec<Effect>) {
        if let Err(reason) = self.judge(&register) {
            let session = SessionId { term: self.config.term, n: 0 };
            effects.push(Effect::ToAgent { stream, message: ToAgent { session, order: AgentOrder::Refused(reason) } });
            effects.push(Effect::CloseStream { stream });
            return;
        }
        let id = register.agent.unwrap_or_else(|| self.ids.agent());
        let offered = Arc::new(OfferedAgent { id, hostname: register.hostname, attributes: register.attributes });
        let agent = self.agent_row(id, offered, effects);
        let session = self.new_session();
        self.open_stream(now, stream, Peer::Agent(agent));
        self.agents.0[agent].link = Some(Link { stream, session });
        let registered = Registered { agent: id, heartbeat: self.config.heartbeat };
        self.order(agent, AgentOrder::Registered(registered), effects);
        self.allocator.add_total(&register.resources);
        self.agents.0[agent].ledger = Some(Ledger::new(register.resources));
        self.rebuild(now, agent, register.containers, effects);
        self.allocator.add_agent(agent);
    }

    /// Whether an agent can be taken: its term is not of a later master, and what it holds has a sum.
    fn judge(&self, register: &Register) -> Result<(), String> {
        if register.term > self.config.term {
            return Err(format!(
                "the agent has obeyed a master of term {}, and this one's is {}: its work directory is older or another's; \
                 start the agent with a new work directory to make it this cluster's",
                register.term, self.config.term
            ));
        }
        let mut ledger = Ledger::new(register.resources.clone());
        let mut launches = BTreeSet::new();
        for container in &register.containers {
            ledger.add(Part::Used, &container.resources).map_err(|error| format!("the agent's containers have no sum: {error}"))?;
            if !launches.insert(container.launch) {
                return Err(format!("the agent has launch {} twice", container.launch));
            }
            if container.tasks.len() != 1 {
                return Err(format!(
                    "container {} has {} tasks; this master knows containers of one",
                    container.container,
                    container.tasks.len()
                ));
            }
        }
        Ok(())
    }

    /// The agent's row, with nothing in the ledger and no stream: a new one, or what it was before its last session ended.
    fn agent_row(&mut self, id: AgentId, offered: Arc<OfferedAgent>, effects: &mut Vec<Effect>) -> AgentIx {
        if let Some(agent) = self.agents_by_id.get(&id).copied() {
            self.close_agent_link(agent, effects);
            self.leave_sums(agent, effects);
            self.unreachable.retain(|lost| *lost != id);
            self.agents.0[agent].offered = offered;
            return agent;
        }
        let row = Agent { offered, link: None, ledger: None, offers: BTreeSet::new(), tasks: BTreeSet::new() };
        let agent = self.agents.0.insert(row);
        self.agents_by_id.insert(id, agent);
        agent
    }

    fn close_agent_link(&mut self, agent: AgentIx, effects: &mut Vec<Effect>) {
        if let Some(link) = self.agents.0[agent].link.take() {
            self.streams.remove(&link.stream);
            effects.push(Effect::CloseStream { stream: link.stream });
        }
    }

    /// Makes the tables agree with what the agent has. What it doesn't have, it never will: launches are not sent again.
    fn rebuild(&mut self, now: Now, agent: AgentIx, containers: Vec<ContainerSnapshot>, effects: &mut Vec<Effect>) {
        let has: BTreeSet<LaunchId> = containers.iter().map(|container| container.launch).collect();
        for ix in self.agents.0[agent].tasks.clone() {
            if has.contains(&self.tasks[ix].launch) {
                continue;
            }
            let (state, reason, message) = if self.tasks[ix].reported {
                (TaskState::Gone, Reason::AgentForgot, "its agent is back and has it no more")
            } else {
                (TaskState::Dropped, Reason::LaunchLost, "its launch never reached the agent")
            };
            self.view(now, ix, state, reason, message.to_owned(), effects);
        }
        for mut container in containers {
            // `judge` has seen that there is exactly one.
            if let Some(task) = container.tasks.pop() {
                self.take_over(now, agent, container, task, effects);
            }
        }
    }

    fn take_over(&mut self, now: Now, agent: AgentIx, container: ContainerSnapshot, task: TaskSnapshot, effects: &mut Vec<Effect>) {
        if self.removed.contains(&container.framework) && !self.frameworks_by_id.contains_key(&container.framework) {
            let kill = meros_types::KillOrder { launch: container.launch, grace: None };
            self.order(agent, AgentOrder::Kill(kill), effects);
        }
        let live = !task.state.is_terminal();
        let known = self.tasks_by_launch.get(&container.launch).copied();
        // What is over and unknown needs no row: its facts come next, and find its framework by themselves.
        let ix = match known {
            Some(ix) if self.tasks[ix].is_live() => ix,
            Some(_) => return,
            None if live => self.adopt(now, agent, &container, &task),
            None => return,
        };
        self.tasks[ix].reported = true;
        if !live {
            return;
        }
        let part = if task.state == TaskState::Killing { Part::Releasing } else { Part::Used };
        let row = &mut self.tasks[ix];
        let was_lost = row.update.state == TaskState::Unreachable;
        row.part = Some(part);
        let ledger = self.agents.0[agent].ledger.as_mut().expect("a registering agent has a ledger");
        ledger.add(part, &row.resources).expect("`judge` has summed them up");
        self.allocator.charge(row.client, &row.resources);
        if was_lost {
            self.view(now, ix, task.state, Reason::AgentReturned, "its agent is back and has it still".to_owned(), effects);
        }
        if self.frameworks[self.tasks[ix].framework].removed {
            self.kill_task(ix, None, effects);
        }
    }

    /// Enters a task that only its agent knows: it was launched by an earlier master.
    fn adopt(&mut self, now: Now, agent: AgentIx, container: &ContainerSnapshot, task: &TaskSnapshot) -> crate::table::TaskIx {
        let framework = self.framework_of(now, container);
        let client = self.client(framework, &container.role);
        let message = "its agent has it from an earlier master";
        let mut update = TaskUpdate::new(task.task.clone(), task.state, Source::Agent, Reason::AgentReturned, message, now.wall);
        update.launch = Some(container.launch);
        update.agent = Some(self.agents.0[agent].offered.id);
        self.insert_task(Task {
            framework,
            client,
            role: container.role.clone(),
            agent,
            name: task.name.clone(),
            launch: container.launch,
            resources: container.resources.clone(),
            part: None,
            reported: true,
            update,
        })
    }

    /// The container's framework. One that the master doesn't know has lost its stream just now, and its timeout runs.
    fn framework_of(&mut self, now: Now, container: &ContainerSnapshot) -> FrameworkIx {
        if let Some(framework) = self.frameworks_by_id.get(&container.framework) {
            return *framework;
        }
        let name = format!("(not subscribed: {})", container.framework.short());
        let framework = self.insert_framework(container.framework, name, container.epoch);
        self.framework_lost(now, framework);
        framework
    }
}
