//! What a registered agent says.

use meros_types::{Acknowledged, AgentOrder, AgentReport, Epoch, Fact, FrameworkEvent, FromAgent, Now};

use crate::event::StreamId;
use crate::table::{AgentIx, TaskIx};
use crate::{Effect, Master, Peer};

impl Master {
    pub(crate) fn agent_said(&mut self, now: Now, stream: StreamId, message: FromAgent, effects: &mut Vec<Effect>) {
        let Some(known) = self.streams.get_mut(&stream) else {
            if self.entering.contains_key(&stream) {
                return tracing::debug!(?stream, "dropped a report of an agent that has not heard yet who it is");
            }
            return match message.report {
                AgentReport::Register(register) => self.register(now, stream, *register, effects),
                AgentReport::Fact(_) | AgentReport::Heartbeat => effects.push(Effect::CloseStream { stream }),
            };
        };
        known.heard = now.mono;
        let Peer::Agent(agent) = known.peer else { return };
        if matches!(message.report, AgentReport::Register(_)) {
            // It comes first and once; what it says here is true of no moment that anybody knows.
            return effects.push(Effect::CloseStream { stream });
        }
        let session = self.agents[agent].link.map(|link| link.session);
        if message.session != session {
            return tracing::debug!(?stream, ?session, got = ?message.session, "dropped a report of another session");
        }
        if let AgentReport::Fact(fact) = message.report {
            self.fact(now, agent, *fact, effects);
        }
    }

    /// Records what an agent states, and passes it on. The framework acknowledges it; for one that is no more, the master does.
    fn fact(&mut self, now: Now, agent: AgentIx, mut fact: Fact, effects: &mut Vec<Effect>) {
        self.counters.facts += 1;
        fact.update.agent = Some(self.agents[agent].offered.id);
        let task = fact.update.launch.and_then(|launch| self.tasks_by_launch.get(&launch).copied());
        if task.is_some_and(|ix| !self.is_about(&fact, ix, agent)) {
            tracing::warn!(agent = %self.agents[agent].offered.hostname, ?fact, "dropped a fact about another's task");
            return self.acknowledge_fact(agent, &fact, effects);
        }
        // Before the task is recorded: its end may be the end of a removed framework's row.
        if self.removed.contains(&fact.framework) {
            self.acknowledge_fact(agent, &fact, effects);
        } else {
            let framework = self.framework_of(now, fact.framework, Epoch::default(), effects);
            match self.frameworks[framework].is_removed() {
                true => self.acknowledge_fact(agent, &fact, effects),
                // Without a stream nobody hears it: its agent keeps it and states it again.
                false => self.tell(framework, FrameworkEvent::Update(Box::new(fact.update.clone())), effects),
            }
        }
        if let Some(ix) = task {
            self.tasks[ix].reported = true;
            self.record(ix, fact.update);
        }
    }

    fn is_about(&self, fact: &Fact, ix: TaskIx, agent: AgentIx) -> bool {
        let task = &self.tasks[ix];
        task.agent == agent && task.update.task == fact.update.task && self.frameworks[task.framework].id == fact.framework
    }

    fn acknowledge_fact(&self, agent: AgentIx, fact: &Fact, effects: &mut Vec<Effect>) {
        if let Some(id) = fact.update.fact {
            self.order(agent, AgentOrder::Acknowledged(Acknowledged { framework: fact.framework, fact: id }), effects);
        }
    }
}
