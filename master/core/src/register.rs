//! Registering: an agent says all that it has, and the master's tables follow.

use std::collections::BTreeSet;
use std::sync::Arc;

use meros_types::{
    AgentOrder, ContainerSnapshot, Epoch, FrameworkEvent, FrameworkId, LaunchId, Now, OfferedAgent, Reason, Register, Registered,
    Source, TaskSnapshot, TaskState, TaskUpdate,
};

use crate::admission::for_good;
use crate::event::StreamId;
use crate::ledger::{Ledger, Part};
use crate::rows::{FrameworkStanding, Link, Task};
use crate::table::{AgentIx, FrameworkIx, TaskIx};
use crate::writes::Entity;
use crate::{Effect, Master, Peer};

impl Master {
    /// Takes in what an agent says of itself: at once from one that is known, and from a new one when its record is stored.
    pub(crate) fn register(&mut self, now: Now, stream: StreamId, register: Register, effects: &mut Vec<Effect>) {
        let known = self.identify(&register);
        let judged = known.and_then(|known| self.judge(&register, known).map(|()| known).map_err(for_good));
        match judged {
            Ok(Some(agent)) => self.registered(now, stream, agent, register, effects),
            Ok(None) => self.admit_agent(stream, register, effects),
            Err(refusal) => self.refuse_agent(stream, refusal, effects),
        }
    }

    fn registered(&mut self, now: Now, stream: StreamId, agent: AgentIx, register: Register, effects: &mut Vec<Effect>) {
        self.close_agent_link(agent, effects);
        self.leave_sums(agent, effects);
        self.agent_found(agent);
        let row = &mut self.agents[agent];
        let id = row.offered.id;
        if row.offered.hostname != register.hostname {
            self.writes.touch(Entity::Agent(id));
        }
        row.offered =
            Arc::new(OfferedAgent { id, hostname: register.hostname, attributes: register.attributes, domain: register.domain });
        let session = self.new_session();
        self.open_stream(now, stream, Peer::Agent(agent));
        self.agents[agent].link = Some(Link { stream, session });
        let registered = Registered { agent: id, heartbeat: self.config.heartbeat };
        self.order(agent, AgentOrder::Registered(registered), effects);
        self.allocator.add_total(&register.resources);
        self.agents[agent].ledger = Some(Ledger::new(register.resources));
        let before = self.agents[agent].boot.replace(register.boot.clone());
        let rebooted = before.is_some_and(|before| before != register.boot);
        self.rebuild(now, agent, rebooted, register.containers, effects);
        self.drain(agent, effects);
        self.offer_agent(agent);
        self.agent_settled(agent);
    }

    fn close_agent_link(&mut self, agent: AgentIx, effects: &mut Vec<Effect>) {
        if let Some(link) = self.agents[agent].link.take() {
            self.streams.remove(&link.stream);
            effects.push(Effect::CloseStream { stream: link.stream });
        }
    }

    /// Makes the tables agree with what the agent has. What it doesn't have, it never will: launches are not sent again.
    fn rebuild(&mut self, now: Now, agent: AgentIx, rebooted: bool, containers: Vec<ContainerSnapshot>, effects: &mut Vec<Effect>) {
        let has: BTreeSet<LaunchId> = containers.iter().map(|container| container.launch).collect();
        for ix in self.live_tasks_on(agent) {
            if has.contains(&self.tasks[ix].launch) {
                continue;
            }
            let (state, reason, message) = if self.tasks[ix].reported {
                (TaskState::Gone, Reason::AgentForgot, "its agent is back and has it no more")
            } else {
                never_reported(rebooted)
            };
            self.view(now, ix, state, reason, message.to_owned(), effects);
        }
        self.nothing_follows(agent, &has);
        for mut container in containers {
            // `judge` has seen that there is exactly one.
            if let Some(task) = container.tasks.pop() {
                self.take_over(now, agent, container, task, effects);
            }
        }
    }

    /// Ended tasks that their agent doesn't show have no fact left that somebody could acknowledge.
    fn nothing_follows(&mut self, agent: AgentIx, shown: &BTreeSet<LaunchId>) {
        let over = self.agents[agent].tasks.iter().map(|ix| &self.tasks[*ix]).filter(|task| !task.is_live());
        let over: Vec<LaunchId> = over.map(|task| task.launch).filter(|launch| !shown.contains(launch)).collect();
        for launch in over {
            // One that may be forgotten makes room for itself, perhaps by another of these.
            if let Some(ix) = self.tasks_by_launch.get(&launch).copied() {
                self.may_forget(ix);
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
        if self.frameworks[self.tasks[ix].framework].is_removed() {
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
            kill_grace: None,
            given_up: false,
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
        let standing = if self.removed.contains(&id) { FrameworkStanding::Removed } else { FrameworkStanding::Unregistered };
        let framework = self.insert_framework(id, format!("(not subscribed: {})", id.short()), standing);
        self.frameworks[framework].epoch = epoch;
        self.framework_lost(now, framework);
        framework
    }

    /// Agents refuse the launches of an epoch below the highest they have seen: a scheduler that is below it has been taken
    /// over from, though this master doesn't know by whom.
    fn raise_epoch(&mut self, now: Now, framework: FrameworkIx, epoch: Epoch, effects: &mut Vec<Effect>) {
        let row = &mut self.frameworks[framework];
        if epoch <= row.epoch || row.is_removed() {
            return;
        }
        row.epoch = epoch;
        self.writes.touch(Entity::Framework(row.id));
        if row.is_connected() {
            self.fence(framework, effects);
            self.framework_lost(now, framework);
        }
    }
}

/// What became of a launch that its agent has never spoken of and does not have. An agent writes each launch down before it starts
/// it, and only a machine that loses power can lose what was written.
fn never_reported(rebooted: bool) -> (TaskState, Reason, &'static str) {
    match rebooted {
        false => (TaskState::Dropped, Reason::LaunchLost, "its launch never reached the agent"),
        true => (TaskState::Gone, Reason::AgentRebooted, "its agent's machine was started anew, and has it no more if it ever had"),
    }
}
