//! How streams, agents and frameworks are lost and removed.

use std::time::Duration;

use meros_types::{AgentId, FrameworkEvent, FrameworkId, Now, Reason, SessionEnd, SessionEndKind, TaskState, ToFramework};

use crate::event::StreamId;
use crate::table::{AgentIx, FrameworkIx};
use crate::timers::Timer;
use crate::{Effect, Master, Peer, REMOVED_FRAMEWORKS_MAX, UNREACHABLE_AGENTS_MAX};

impl Master {
    /// A stream is gone. Its offers end at once; agent and framework have their time to come back.
    pub(crate) fn stream_closed(&mut self, now: Now, stream: StreamId, effects: &mut Vec<Effect>) {
        match self.streams.remove(&stream).map(|stream| stream.peer) {
            Some(Peer::Agent(agent)) => self.agent_disconnected(now, agent, self.config.unreachable_after, effects),
            Some(Peer::Framework(framework)) => self.framework_disconnected(now, framework),
            None => {}
        }
    }

    pub(crate) fn agent_disconnected(&mut self, now: Now, agent: AgentIx, wait: Duration, effects: &mut Vec<Effect>) {
        self.rescind_agent_offers(agent, effects);
        self.allocator.remove_agent(agent);
        let at = now.mono.after(wait);
        let row = &mut self.agents[agent];
        row.link = None;
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
        self.agents[agent].lost_at = None;
        self.leave_sums(agent, effects);
        for ix in self.live_tasks_on(agent) {
            let message = format!("nothing was heard of its agent for {:?}", self.config.unreachable_after);
            self.view(now, ix, TaskState::Unreachable, Reason::AgentUnreachable, message, effects);
        }
        self.unreachable.push_back(id);
        if self.unreachable.len() > UNREACHABLE_AGENTS_MAX {
            self.forget_longest_lost(now, effects);
        }
    }

    /// A disconnected agent is back in time.
    pub(crate) fn agent_found(&mut self, agent: AgentIx) {
        let row = &mut self.agents[agent];
        let id = row.offered.id;
        match row.lost_at.take() {
            Some(at) => self.timers.cancel(at, Timer::AgentLost(id)),
            None => self.unreachable.retain(|lost| *lost != id),
        }
    }

    /// Takes an agent out of every sum: its offers, what its tasks are charged for, its part of the cluster.
    pub(crate) fn leave_sums(&mut self, agent: AgentIx, effects: &mut Vec<Effect>) {
        self.rescind_agent_offers(agent, effects);
        self.allocator.remove_agent(agent);
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
        let Some(agent) = self.agents_by_id.remove(&id) else { return };
        // One by one: the end of a task may be the end of its framework's row, and of every other task of that.
        while let Some(ix) = self.agents[agent].tasks.first().copied() {
            let (framework, launch, live) = (self.tasks[ix].framework, self.tasks[ix].launch, self.tasks[ix].is_live());
            if live {
                let message = "its agent was lost so long ago that the master has forgotten it".to_owned();
                self.view(now, ix, TaskState::Unknown, Reason::AgentUnreachable, message, effects);
                self.frameworks[framework].live_tasks -= 1;
            }
            self.forget_task(launch);
            self.drop_removed_framework(framework);
        }
        if let Some(row) = self.agents.remove(agent) {
            self.forget_incarnation(agent, row.incarnation);
        }
    }

    /// A framework has no stream: its offers go back, nothing is offered, and its timeout runs.
    pub(crate) fn framework_lost(&mut self, now: Now, framework: FrameworkIx) {
        self.take_back_framework_offers(framework);
        let row = &mut self.frameworks[framework];
        let at = now.mono.after(row.failover_timeout);
        row.lost_at = Some(at);
        for client in row.clients.values() {
            self.allocator.set_active(*client, false);
        }
        self.timers.set(at, Timer::FrameworkLost(row.id));
    }

    /// A framework has a stream again, or is removed: it is waited for no more.
    pub(crate) fn framework_found(&mut self, framework: FrameworkIx) {
        let row = &mut self.frameworks[framework];
        if let Some(at) = row.lost_at.take() {
            self.timers.cancel(at, Timer::FrameworkLost(row.id));
        }
    }

    /// The time that a framework without a stream had is over.
    pub(crate) fn failover_timed_out(&mut self, id: FrameworkId, effects: &mut Vec<Effect>) {
        if let Some(framework) = self.frameworks_by_id.get(&id).copied() {
            self.remove_framework(framework, "its failover timeout passed", effects);
        }
    }

    /// Ends a framework for good: its stream, its offers and its tasks. The row stays until the last task is over.
    pub(crate) fn remove_framework(&mut self, framework: FrameworkIx, why: &str, effects: &mut Vec<Effect>) {
        self.framework_found(framework);
        self.take_back_framework_offers(framework);
        let row = &mut self.frameworks[framework];
        row.removed = true;
        let id = row.id;
        if let Some(key) = &row.key {
            self.frameworks_by_key.remove(key);
        }
        for client in row.clients.values() {
            self.allocator.set_active(*client, false);
        }
        if let Some(link) = row.link.take() {
            self.streams.remove(&link.stream);
            let event = FrameworkEvent::Ended(SessionEnd { kind: SessionEndKind::Removed, message: why.to_owned() });
            effects.push(Effect::ToFramework { stream: link.stream, message: ToFramework { session: link.session, event } });
            effects.push(Effect::CloseStream { stream: link.stream });
        }
        self.remember_removed(id);
        for ix in self.live_tasks_of(framework) {
            self.kill_task(ix, None, effects);
        }
        self.drop_removed_framework(framework);
    }

    fn remember_removed(&mut self, id: FrameworkId) {
        if self.removed.insert(id) {
            self.removed_order.push_back(id);
        }
        if self.removed_order.len() > REMOVED_FRAMEWORKS_MAX
            && let Some(oldest) = self.removed_order.pop_front()
        {
            self.removed.remove(&oldest);
        }
    }

    /// Takes a removed framework out of every table once nothing of it is live.
    pub(crate) fn drop_removed_framework(&mut self, framework: FrameworkIx) {
        let row = &self.frameworks[framework];
        if !row.removed || row.live_tasks > 0 {
            return;
        }
        let launches: Vec<_> = row.tasks.values().map(|ix| self.tasks[*ix].launch).collect();
        launches.into_iter().for_each(|launch| self.forget_task(launch));
        if let Some(row) = self.frameworks.remove(framework) {
            self.frameworks_by_id.remove(&row.id);
            row.clients.into_values().for_each(|client| self.allocator.remove_client(client));
        }
    }
}
