//! Registering: an agent says all that it has, and the master's tables follow.

use std::collections::BTreeSet;
use std::sync::Arc;

use meros_types::{
    AgentId, AgentOrder, ContainerSnapshot, Epoch, FrameworkEvent, FrameworkId, Incarnation, LaunchId, Now, OfferedAgent, Reason,
    Refusal, Register, Registered, SessionId, Source, TaskSnapshot, TaskState, TaskUpdate, ToAgent,
};

use crate::event::StreamId;
use crate::ledger::{Ledger, Part};
use crate::rows::{Agent, Link, Task};
use crate::table::{AgentIx, FrameworkIx, TaskIx};
use crate::{Effect, Master, Peer};

impl Master {
    pub(crate) fn register(&mut self, now: Now, stream: StreamId, register: Register, effects: &mut Vec<Effect>) {
        let known = self.known_agent(&register);
        if let Err(message) = self.judge(&register, known) {
            let session = SessionId { term: self.config.term, n: 0 };
            effects.push(Effect::ToAgent {
                stream,
                message: ToAgent { session, order: AgentOrder::Refused(Refusal { retry: false, message }) },
            });
            effects.push(Effect::CloseStream { stream });
            return;
        }
        let id = known.map(|agent| self.agents[agent].offered.id).or(register.agent).unwrap_or_else(|| self.ids.agent());
        let offered = Arc::new(OfferedAgent { id, hostname: register.hostname, attributes: register.attributes });
        let agent = self.agent_row(known, offered, register.incarnation, effects);
        let session = self.new_session();
        self.open_stream(now, stream, Peer::Agent(agent));
        self.agents[agent].link = Some(Link { stream, session });
        let registered = Registered { agent: id, heartbeat: self.config.heartbeat };
        self.order(agent, AgentOrder::Registered(registered), effects);
        self.allocator.add_total(&register.resources);
        self.agents[agent].ledger = Some(Ledger::new(register.resources));
        self.rebuild(now, agent, register.containers, effects);
        self.allocator.add_agent(agent);
    }

    /// The agent's row, if there is one. An agent that has no id yet may be known by its incarnation: its first registration
    /// was answered, and the answer lost with the stream.
    fn known_agent(&self, register: &Register) -> Option<AgentIx> {
        match register.agent {
            Some(id) => self.agents_by_id.get(&id).copied(),
            None => self.agents_by_incarnation.get(&register.incarnation).copied(),
        }
    }

    /// The agent's row, with nothing in the ledger and no stream: a new one, or what it was before its last session ended.
    fn agent_row(
        &mut self,
        known: Option<AgentIx>,
        offered: Arc<OfferedAgent>,
        incarnation: Incarnation,
        effects: &mut Vec<Effect>,
    ) -> AgentIx {
        let id = offered.id;
        let agent = match known {
            Some(agent) => {
                self.close_agent_link(agent, effects);
                self.leave_sums(agent, effects);
                self.agent_found(agent);
                self.forget_incarnation(agent, self.agents[agent].incarnation);
                let row = &mut self.agents[agent];
                (row.offered, row.incarnation) = (offered, incarnation);
                agent
            }
            None => self.insert_agent(id, offered, incarnation),
        };
        self.agents_by_incarnation.insert(incarnation, agent);
        agent
    }

    fn insert_agent(&mut self, id: AgentId, offered: Arc<OfferedAgent>, incarnation: Incarnation) -> AgentIx {
        let agent = self.agents.insert(Agent {
            offered,
            incarnation,
            link: None,
            lost_at: None,
            ledger: None,
            offers: BTreeSet::new(),
            tasks: BTreeSet::new(),
        });
        self.agents_by_id.insert(id, agent);
        agent
    }

    /// A life of an agent is over, or the agent forgotten. Another agent may have claimed the same life since.
    pub(crate) fn forget_incarnation(&mut self, agent: AgentIx, incarnation: Incarnation) {
        if self.agents_by_incarnation.get(&incarnation) == Some(&agent) {
            self.agents_by_incarnation.remove(&incarnation);
        }
    }

    fn close_agent_link(&mut self, agent: AgentIx, effects: &mut Vec<Effect>) {
        if let Some(link) = self.agents[agent].link.take() {
            self.streams.remove(&link.stream);
            effects.push(Effect::CloseStream { stream: link.stream });
        }
    }

    /// Makes the tables agree with what the agent has. What it doesn't have, it never will: launches are not sent again.
    fn rebuild(&mut self, now: Now, agent: AgentIx, containers: Vec<ContainerSnapshot>, effects: &mut Vec<Effect>) {
        let has: BTreeSet<LaunchId> = containers.iter().map(|container| container.launch).collect();
        for ix in self.live_tasks_on(agent) {
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
        let over = task.state.is_terminal();
        let ix = match self.tasks_by_launch.get(&container.launch).copied() {
            Some(ix) => ix,
            // Nobody will ever ask for it: its facts come next, and the master acknowledges them.
            None if over && self.removed.contains(&container.framework) => return,
            None => self.adopt(now, agent, &container, &task, effects),
        };
        if !self.tasks[ix].is_live() {
            return;
        }
        self.tasks[ix].reported = true;
        if over {
            // The framework hears of it by the fact that follows.
            let update = self.returned(now, agent, &container, &task);
            return self.record(ix, update);
        }
        self.charge_task(ix, container, task.state);
        if self.tasks[ix].update.state == TaskState::Unreachable {
            self.view(now, ix, task.state, Reason::AgentReturned, "its agent is back and has it still".to_owned(), effects);
        }
        if self.frameworks[self.tasks[ix].framework].removed {
            self.kill_task(ix, None, effects);
        }
    }

    /// Puts what a live task holds into its agent's ledger: what the agent says, for it is the truth about its containers.
    fn charge_task(&mut self, ix: TaskIx, container: ContainerSnapshot, state: TaskState) {
        let part = if state == TaskState::Killing { Part::Releasing } else { Part::Used };
        let row = &mut self.tasks[ix];
        row.resources = container.resources;
        row.part = Some(part);
        let ledger = self.agents[row.agent].ledger.as_mut().expect("a registering agent has a ledger");
        ledger.add(part, &row.resources).expect("`judge` has summed them up");
        self.allocator.charge(row.client, &row.resources);
    }

    /// Enters a task that only its agent knows: it was launched by an earlier master, or is over and was forgotten here.
    fn adopt(
        &mut self,
        now: Now,
        agent: AgentIx,
        container: &ContainerSnapshot,
        task: &TaskSnapshot,
        effects: &mut Vec<Effect>,
    ) -> TaskIx {
        let framework = self.framework_of(now, container.framework, container.epoch, effects);
        let client = self.client(framework, &container.role);
        let update = self.returned(now, agent, container, task);
        if !task.state.is_terminal() {
            // The framework may have been told that nobody knows it.
            self.tell(framework, FrameworkEvent::Update(Box::new(update.clone())), effects);
        }
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
            forgettable: false,
            update,
        })
    }

    /// What an agent's snapshot says of a task, as the master's view.
    fn returned(&self, now: Now, agent: AgentIx, container: &ContainerSnapshot, task: &TaskSnapshot) -> TaskUpdate {
        let message = "its agent has registered with it";
        let mut update = TaskUpdate::new(task.task.clone(), task.state, Source::Master, Reason::AgentReturned, message, now.wall);
        update.launch = Some(container.launch);
        update.agent = Some(self.agents[agent].offered.id);
        update
    }

    /// The framework that an agent speaks of, which has been at least at this epoch. One that the master doesn't know has lost
    /// its stream just now, and its timeout runs; one that was removed stays so.
    pub(crate) fn framework_of(&mut self, now: Now, id: FrameworkId, epoch: Epoch, effects: &mut Vec<Effect>) -> FrameworkIx {
        if let Some(framework) = self.frameworks_by_id.get(&id).copied() {
            self.raise_epoch(now, framework, epoch, effects);
            return framework;
        }
        let framework = self.insert_framework(id, format!("(not subscribed: {})", id.short()), epoch);
        match self.removed.contains(&id) {
            true => self.frameworks[framework].removed = true,
            false => self.framework_lost(now, framework),
        }
        framework
    }

    /// Agents refuse the launches of an epoch below the highest they have seen: a scheduler that is below it has been taken
    /// over from, before this master's time.
    fn raise_epoch(&mut self, now: Now, framework: FrameworkIx, epoch: Epoch, effects: &mut Vec<Effect>) {
        let row = &mut self.frameworks[framework];
        if epoch <= row.epoch || row.removed {
            return;
        }
        row.epoch = epoch;
        if row.is_connected() {
            self.fence(framework, effects);
            self.framework_lost(now, framework);
        }
    }
}
