//! Agents that will never return: an operator said so, and from when that is stored it is true. What they had leaves every sum,
//! and nothing will be heard of their tasks any more.
//!
//! `GONE_BY_OPERATOR` is no certain end (the process may run on for as long as its machine does) and yet final here: no stream of
//! the agent is accepted again, so that no statement can replace it. So such a task is over in every table, with
//! [`Task::given_up`](crate::rows::Task) beside its state: it holds nothing, counts as ended, and is remembered and forgotten with the ended ones. The agent's row
//! stays, found by no id, until the last of its tasks is forgotten.

use meros_types::{AgentId, AgentOrder, FrameworkEvent, LaunchId, Now, Reason, TaskState};

use crate::admission::{SecretKey, why_gone};
use crate::effect::{Reply, RequestError};
use crate::event::Token;
use crate::table::{AgentIx, TaskIx};
use crate::timers::Timer;
use crate::writes::Entity;
use crate::{Effect, GONE_AGENTS_MAX, Master};

impl Master {
    /// Marks an agent gone, for good. Said again it is as good as done.
    pub(crate) fn mark_gone(
        &mut self,
        token: Token,
        id: AgentId,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<Reply>, RequestError> {
        if self.gone.contains(&id) {
            return Ok(Some(Reply::Done));
        }
        let agent = self.agent_named(id)?;
        let decision = &mut self.agents[agent].decision;
        decision.wait(token)?;
        decision.gone = true;
        self.withhold_agent(agent, effects);
        self.writes.touch(Entity::Agent(id));
        Ok(None)
    }

    /// It is stored that an agent is gone.
    pub(crate) fn agent_gone(&mut self, now: Now, agent: AgentIx, effects: &mut Vec<Effect>) {
        self.agent_found(agent);
        self.leave_sums(agent, effects);
        self.close_for_good(agent, effects);
        self.leave_agents(agent);
        let row = &mut self.agents[agent];
        let id = row.offered.id;
        let tokens = row.decision.take_tokens();
        effects.extend(tokens.into_iter().map(|token| Effect::Reply { token, reply: Reply::Done }));
        self.remember_gone(id);
        let launches: Vec<LaunchId> = self.agents[agent].tasks.iter().map(|ix| self.tasks[*ix].launch).collect();
        for launch in launches {
            // One that may be forgotten makes room for itself, perhaps by another of these.
            if let Some(ix) = self.tasks_by_launch.get(&launch).copied() {
                self.give_up(now, ix, effects);
            }
        }
        self.agents[agent].gone = true;
        self.drop_agent_if_over(agent);
    }

    fn close_for_good(&mut self, agent: AgentIx, effects: &mut Vec<Effect>) {
        let id = self.agents[agent].offered.id;
        self.order(agent, AgentOrder::Refused(why_gone(id)), effects);
        if let Some(link) = self.agents[agent].link.take() {
            self.streams.remove(&link.stream);
            effects.push(Effect::CloseStream { stream: link.stream });
        }
    }

    /// Takes an agent out of everything by which it is found. Its row is the caller's.
    pub(crate) fn leave_agents(&mut self, agent: AgentIx) {
        let row = &mut self.agents[agent];
        let id = row.offered.id;
        if let Some(at) = row.drains_at.take() {
            self.timers.cancel(at, Timer::Drain(id));
        }
        self.agents_by_id.remove(&id);
        self.agents_by_secret.remove(&SecretKey::from(&self.agents[agent].secret));
        self.agent_settled(agent);
    }

    /// Remembers what can't return. One that is forgotten again is refused all the same, as one that nobody has admitted.
    pub(crate) fn remember_gone(&mut self, id: AgentId) {
        if self.gone.insert(id) {
            self.gone_order.push_back(id);
        }
        while self.gone_order.len() > GONE_AGENTS_MAX
            && let Some(oldest) = self.gone_order.pop_front()
        {
            self.gone.remove(&oldest);
            self.writes.touch(Entity::Agent(oldest));
        }
    }

    /// Says the last that will be said of a task: its agent can state nothing any more.
    fn give_up(&mut self, now: Now, ix: TaskIx, effects: &mut Vec<Effect>) {
        let task = &self.tasks[ix];
        if task.is_live() {
            let message = "an operator declared its agent gone for good".to_owned();
            self.view(now, ix, TaskState::GoneByOperator, Reason::AgentGone, message, effects);
            self.tasks[ix].given_up = true;
            self.task_ended(ix);
        } else if task.is_bare_end() {
            let message = "it had ended before its agent was declared gone; how, only that knew".to_owned();
            self.view(now, ix, task.update.state, Reason::AgentGone, message, effects);
            self.may_forget(ix);
        } else if task.awaits_word() {
            // Its agent would have stated it again.
            let update = task.update.clone();
            self.tell(task.framework, FrameworkEvent::Update(Box::new(update)), effects);
        }
    }

    /// Takes the row of a gone agent out of the table once none of its tasks is remembered.
    pub(crate) fn drop_agent_if_over(&mut self, agent: AgentIx) {
        let row = &self.agents[agent];
        if row.gone && row.tasks.is_empty() {
            self.agents.remove(agent);
        }
    }
}
