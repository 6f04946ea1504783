//! Whether an agent may be offered, and whether its tasks may stay: what operators have decided of it, as far as that is stored.
//!
//! An agent that leaves its duty is withheld at once, for nobody is promised anything by not being offered something. All else
//! rests on what is stored: that it may be offered again, and that its tasks end. Deliberately absent: agents that are gone.

use std::sync::Arc;
use std::time::Duration;

use meros_types::{AgentId, Drain, Duty, Now};

use crate::effect::{Reply, RequestError};
use crate::event::Token;
use crate::lifecycle::wall_after;
use crate::registry::{AgentRecord, AgentStanding};
use crate::rows::{Agent, Task};
use crate::table::AgentIx;
use crate::timers::Timer;
use crate::writes::Entity;
use crate::{DRAIN_WAIT_MAX, Effect, Master, OPERATORS_WAITING_MAX};

/// What operators want of an agent, stored or not.
#[derive(Debug, Default)]
pub(crate) struct Decision {
    pub(crate) duty: Duty,
    /// It will never return.
    pub(crate) gone: bool,
    /// Who is told when the next write of it is durable.
    asking: Vec<Token>,
    /// Who is told when the write under way is.
    answering: Vec<Token>,
}

impl Decision {
    pub(crate) fn recovered(duty: Duty) -> Self {
        Self { duty, ..Self::default() }
    }

    /// The write that says all this leaves.
    pub(crate) fn leave(&mut self) {
        self.answering.append(&mut self.asking);
    }

    /// Who waits for any of it.
    pub(crate) fn take_tokens(&mut self) -> Vec<Token> {
        self.answering.append(&mut self.asking);
        std::mem::take(&mut self.answering)
    }

    pub(crate) fn wait(&mut self, token: Token) -> Result<(), RequestError> {
        if self.asking.len() >= OPERATORS_WAITING_MAX {
            return Err(RequestError::TooManyChanges { what: "this agent" });
        }
        self.asking.push(token);
        Ok(())
    }

    pub(crate) fn check(&self, waits: bool, under_way: bool) {
        assert!(waits || self.asking.is_empty(), "an operator waits for a write that nobody makes");
        assert!(under_way || self.answering.is_empty(), "an operator waits for a write that is over");
    }
}

impl Agent {
    /// Its tasks are to end: it is draining, and the time that they had is over.
    fn ends_tasks(&self) -> Option<Drain> {
        match self.duty {
            Duty::Draining(drain) if self.drains_at.is_none() => Some(drain),
            _ => None,
        }
    }
}

impl Task {
    /// How long it has from SIGTERM to SIGKILL on an agent that drains: its own grace, if this master launched it and knows, but
    /// not more than `most`.
    fn grace_within(&self, most: Option<Duration>) -> Option<Duration> {
        most.map(|most| self.kill_grace.unwrap_or(most).min(most))
    }
}

impl Master {
    pub(crate) fn set_duty(
        &mut self,
        now: Now,
        token: Token,
        id: AgentId,
        duty: Duty,
        effects: &mut Vec<Effect>,
    ) -> Result<(), RequestError> {
        let agent = self.agent_named(id)?;
        if let Duty::Draining(drain) = duty {
            judge_drain(now, drain)?;
        }
        let decision = &mut self.agents[agent].decision;
        if decision.gone {
            return Err(RequestError::AgentGone { agent: id.to_string() });
        }
        decision.wait(token)?;
        decision.duty = duty;
        if duty != Duty::Active {
            self.withhold_agent(agent, effects);
        }
        self.writes.touch(Entity::Agent(id));
        Ok(())
    }

    /// The agent that an operator means.
    pub(crate) fn agent_named(&self, id: AgentId) -> Result<AgentIx, RequestError> {
        match self.agents_by_id.get(&id) {
            Some(agent) => Ok(*agent),
            None if self.gone.contains(&id) => Err(RequestError::AgentGone { agent: id.to_string() }),
            None => Err(RequestError::UnknownAgent { agents: id.to_string() }),
        }
    }

    /// A registered agent may be offered, unless an operator has it otherwise.
    pub(crate) fn offer_agent(&mut self, agent: AgentIx) {
        let row = &self.agents[agent];
        if !row.withheld
            && let Some(ledger) = &row.ledger
        {
            self.allocator.add_agent(agent, Arc::clone(&row.offered), ledger.total(), ledger.free());
        }
    }

    /// The agent may not be offered any more, whether it is there or comes back. What is on offer of it is taken back.
    pub(crate) fn withhold_agent(&mut self, agent: AgentIx, effects: &mut Vec<Effect>) {
        if !std::mem::replace(&mut self.agents[agent].withheld, true) {
            self.rescind_agent_offers(agent, effects);
            self.allocator.remove_agent(agent);
        }
    }

    /// A record of a known agent is stored, and with it perhaps what operators have decided.
    pub(crate) fn decision_stored(&mut self, now: Now, agent: AgentIx, record: &AgentRecord, effects: &mut Vec<Effect>) {
        let tokens = std::mem::take(&mut self.agents[agent].decision.answering);
        match record.state {
            AgentStanding::Gone => self.agent_gone(now, agent, effects),
            AgentStanding::Admitted | AgentStanding::Unreachable { .. } => self.duty_stored(now, agent, record.duty, effects),
        }
        effects.extend(tokens.into_iter().map(|token| Effect::Reply { token, reply: Reply::Done }));
    }

    fn duty_stored(&mut self, now: Now, agent: AgentIx, duty: Duty, effects: &mut Vec<Effect>) {
        if self.agents[agent].duty == duty {
            return self.restore_agent(agent);
        }
        self.agents[agent].duty = duty;
        self.await_drain(now, agent);
        self.drain(agent, effects);
        self.restore_agent(agent);
    }

    /// Offers an agent again, if it is stored that it may be and nobody has decided otherwise since.
    fn restore_agent(&mut self, agent: AgentIx) {
        let row = &mut self.agents[agent];
        let may_be_offered = row.duty == Duty::Active && row.decision.duty == Duty::Active && !row.decision.gone;
        if row.withheld && may_be_offered {
            row.withheld = false;
            if row.link.is_some() {
                self.offer_agent(agent);
            }
        }
    }

    /// Lets the time run that the tasks of a draining agent have: until the deadline, as far as the clock can be believed.
    pub(crate) fn await_drain(&mut self, now: Now, agent: AgentIx) {
        let row = &mut self.agents[agent];
        let id = row.offered.id;
        if let Some(at) = row.drains_at.take() {
            self.timers.cancel(at, Timer::Drain(id));
        }
        let Duty::Draining(drain) = row.duty else { return };
        let rest = Duration::from_millis(drain.deadline.0.saturating_sub(now.wall.0)).min(DRAIN_WAIT_MAX);
        if !rest.is_zero() {
            let at = now.mono.after(rest);
            row.drains_at = Some(at);
            self.timers.set(at, Timer::Drain(id));
        }
    }

    /// The time that the tasks of a draining agent had is over.
    pub(crate) fn drain_due(&mut self, id: AgentId, effects: &mut Vec<Effect>) {
        let Some(agent) = self.agents_by_id.get(&id).copied() else { return };
        self.agents[agent].drains_at = None;
        self.drain(agent, effects);
    }

    /// Tells every live task of an agent to end, if it is draining and it is time. Said again whenever the agent registers, since
    /// what is said to one without a stream is lost.
    pub(crate) fn drain(&mut self, agent: AgentIx, effects: &mut Vec<Effect>) {
        if let Some(drain) = self.agents[agent].ends_tasks() {
            for ix in self.live_tasks_on(agent) {
                let grace = self.tasks[ix].grace_within(drain.max_grace);
                self.kill_task(ix, grace, effects);
            }
        }
        self.settle_drain(agent);
    }

    /// Whether an agent is draining and nothing of it is left: no live task, and no end of one that its framework has yet to
    /// acknowledge. Of one that has not registered with this master, nobody knows.
    pub(crate) fn is_drained(&self, row: &Agent) -> bool {
        let is_over = |task: &Task| !task.is_live() && task.forgettable;
        matches!(row.duty, Duty::Draining(_)) && row.boot.is_some() && row.tasks.iter().all(|ix| is_over(&self.tasks[*ix]))
    }

    /// Something of an agent's tasks is over, perhaps the last: then it is gone, if it was to be.
    pub(crate) fn settle_drain(&mut self, agent: AgentIx) {
        let row = &self.agents[agent];
        let is_to_go = matches!(row.duty, Duty::Draining(drain) if drain.mark_gone) && row.decision.duty == row.duty;
        if is_to_go && !row.decision.gone && self.is_drained(row) {
            self.writes.touch(Entity::Agent(row.offered.id));
            self.agents[agent].decision.gone = true;
        }
    }
}

/// A deadline that is too far away is more likely a slip than meant, and a clock that is set back later must not make it so.
fn judge_drain(now: Now, drain: Drain) -> Result<(), RequestError> {
    if drain.deadline <= wall_after(now.wall, DRAIN_WAIT_MAX) {
        return Ok(());
    }
    let days = DRAIN_WAIT_MAX.as_secs() / (24 * 60 * 60);
    Err(RequestError::Invalid { reason: format!("a drain's deadline is {days} days away at the most; drain the agent later") })
}
