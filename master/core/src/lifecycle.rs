//! How streams, agents and frameworks are lost and found again.

use std::time::Duration;

use meros_types::{AgentId, FrameworkId, Now, Reason, TaskState, WallTime};

use crate::effect::{Reply, RequestError};
use crate::event::StreamId;
use crate::table::{AgentIx, FrameworkIx};
use crate::timers::Timer;
use crate::writes::Entity;
use crate::{Effect, Entrant, Master, Peer, UNREACHABLE_AGENTS_MAX};

impl Master {
    /// A stream is gone. Its offers end at once; agent and framework have their time to come back.
    pub(crate) fn stream_closed(&mut self, now: Now, stream: StreamId, effects: &mut Vec<Effect>) {
        match self.streams.remove(&stream).map(|stream| stream.peer) {
            Some(Peer::Agent(agent)) => self.agent_disconnected(now, agent, self.config.unreachable_after, effects),
            Some(Peer::Framework(framework)) => self.framework_disconnected(now, framework),
            None => self.entrant_left(now, stream),
        }
    }

    /// A stream is gone before its admission was stored. What is on its way to the registry takes effect all the same.
    fn entrant_left(&mut self, now: Now, stream: StreamId) {
        match self.entering.remove(&stream) {
            Some(Entrant::Agent(id)) => {
                if let Some(admission) = self.admissions.get_mut(&id) {
                    admission.stream = None;
                }
            }
            Some(Entrant::Framework(framework)) => {
                self.frameworks[framework].waiting = None;
                self.framework_lost_unless_served(now, framework);
            }
            None => {}
        }
    }

    pub(crate) fn agent_disconnected(&mut self, now: Now, agent: AgentIx, wait: Duration, effects: &mut Vec<Effect>) {
        self.rescind_agent_offers(agent, effects);
        self.allocator.remove_agent(agent);
        self.agents[agent].link = None;
        self.await_agent(now, agent, wait);
    }

    /// An agent without a stream has this long to come back.
    pub(crate) fn await_agent(&mut self, now: Now, agent: AgentIx, wait: Duration) {
        let at = now.mono.after(wait);
        let row = &mut self.agents[agent];
        row.lost_at = Some(at);
        self.timers.set(at, Timer::AgentLost(row.offered.id));
    }

    pub(crate) fn framework_disconnected(&mut self, now: Now, framework: FrameworkIx) {
        self.frameworks[framework].link = None;
        self.framework_lost(now, framework);
    }

    /// The time that a disconnected agent had is over.
    pub(crate) fn agent_lost(&mut self, now: Now, id: AgentId, effects: &mut Vec<Effect>) {
        let Some(agent) = self.agents_by_id.get(&id).copied() else { return };
        let row = &mut self.agents[agent];
        (row.lost_at, row.lost_since) = (None, Some(now.wall));
        self.writes.touch(Entity::Agent(id));
        self.agent_settled(agent);
        self.leave_sums(agent, effects);
        for ix in self.live_tasks_on(agent) {
            let message = format!("nothing was heard of its agent for {:?}", self.config.unreachable_after);
            self.view(now, ix, TaskState::Unreachable, Reason::AgentUnreachable, message, effects);
        }
        self.unreachable.push_back(id);
        while self.unreachable.len() > UNREACHABLE_AGENTS_MAX {
            self.forget_longest_lost(now, effects);
        }
    }

    /// An agent is back, in time or later: it is an admitted one like any other.
    pub(crate) fn agent_found(&mut self, agent: AgentIx) {
        let row = &mut self.agents[agent];
        let id = row.offered.id;
        if let Some(at) = row.lost_at.take() {
            self.timers.cancel(at, Timer::AgentLost(id));
        }
        if row.lost_since.take().is_some() {
            self.unreachable.retain(|lost| *lost != id);
            self.writes.touch(Entity::Agent(id));
        }
    }

    /// Takes an agent out of every sum: its offers, what its tasks are charged for, its part of the cluster.
    pub(crate) fn leave_sums(&mut self, agent: AgentIx, effects: &mut Vec<Effect>) {
        self.rescind_agent_offers(agent, effects);
        self.allocator.remove_agent(agent);
        self.unsettled.remove(&agent);
        let row = &mut self.agents[agent];
        let Some(ledger) = row.ledger.take() else { return };
        self.allocator.subtract_total(ledger.total());
        for ix in &row.tasks {
            let task = &mut self.tasks[*ix];
            if task.part.take().is_some() {
                self.allocator.discharge(task.client, &task.resources);
            }
        }
    }

    fn forget_longest_lost(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let Some(id) = self.unreachable.pop_front() else { return };
        let Some(agent) = self.agents_by_id.get(&id).copied() else { return };
        self.leave_agents(agent);
        let tokens = self.agents[agent].decision.take_tokens();
        let forgotten = || Reply::Refused(RequestError::UnknownAgent { agents: id.to_string() });
        effects.extend(tokens.into_iter().map(|token| Effect::Reply { token, reply: forgotten() }));
        // One by one: the end of a task may be the end of its framework's row.
        while let Some(ix) = self.agents[agent].tasks.first().copied() {
            let (framework, launch, live) = (self.tasks[ix].framework, self.tasks[ix].launch, self.tasks[ix].is_live());
            if live {
                let message = "its agent was lost so long ago that the master has forgotten it".to_owned();
                self.view(now, ix, TaskState::Unknown, Reason::AgentUnreachable, message, effects);
                self.frameworks[framework].live_tasks -= 1;
            }
            self.forget_task(launch);
            self.drop_if_over(framework);
        }
        self.agents.remove(agent);
        self.writes.touch(Entity::Agent(id));
    }

    /// A framework has no stream: its offers go back, nothing is offered, and its timeout runs, unless a scheduler of it is on
    /// its way.
    pub(crate) fn framework_lost(&mut self, now: Now, framework: FrameworkIx) {
        self.take_back_framework_offers(framework);
        for client in self.frameworks[framework].clients.values() {
            self.allocator.set_active(*client, false);
        }
        let wait = self.frameworks[framework].failover_timeout;
        self.await_framework(now, framework, wait);
    }

    /// Lets the timeout of a framework run that nobody is the scheduler of any more, or is about to be.
    pub(crate) fn framework_lost_unless_served(&mut self, now: Now, framework: FrameworkIx) {
        if self.frameworks[framework].lost_at.is_none() {
            let wait = self.frameworks[framework].failover_timeout;
            self.await_framework(now, framework, wait);
        }
    }

    /// An abandoned framework has this long to come back.
    pub(crate) fn await_framework(&mut self, now: Now, framework: FrameworkIx, wait: Duration) {
        let row = &mut self.frameworks[framework];
        if !row.is_abandoned() {
            return;
        }
        let at = now.mono.after(wait);
        row.lost_at = Some(at);
        row.deadline = Some(wall_after(now.wall, wait));
        self.timers.set(at, Timer::FrameworkLost(row.id));
        self.writes.touch(Entity::Framework(row.id));
    }

    /// A framework has a stream again, or will have, or is removed: it is waited for no more.
    pub(crate) fn framework_found(&mut self, framework: FrameworkIx) {
        let row = &mut self.frameworks[framework];
        row.deadline = None;
        if let Some(at) = row.lost_at.take() {
            self.timers.cancel(at, Timer::FrameworkLost(row.id));
        }
    }

    /// The time that a framework without a stream had is over.
    pub(crate) fn failover_timed_out(&mut self, id: FrameworkId) {
        if let Some(framework) = self.frameworks_by_id.get(&id).copied() {
            self.remove_framework(framework, "its failover timeout passed");
        }
    }
}

/// The moment `wait` later, or the end of the calendar.
pub(crate) fn wall_after(wall: WallTime, wait: Duration) -> WallTime {
    WallTime(wall.0.saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)))
}
