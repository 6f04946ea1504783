//! What a registered agent says.

use meros_types::{AgentOrder, AgentReport, Fact, FrameworkEvent, FromAgent, Now};

use crate::event::StreamId;
use crate::table::AgentIx;
use crate::{Effect, Master, Peer};

impl Master {
    pub(crate) fn agent_said(&mut self, now: Now, stream: StreamId, message: FromAgent, effects: &mut Vec<Effect>) {
        let Some(known) = self.streams.get_mut(&stream) else {
            return match message.report {
                AgentReport::Register(register) => self.register(now, stream, *register, effects),
                AgentReport::Fact(_) | AgentReport::Heartbeat => effects.push(Effect::CloseStream { stream }),
            };
        };
        known.heard = now.mono;
        let Peer::Agent(agent) = known.peer else { return };
        let session = self.agents.0[agent].link.map(|link| link.session);
        if message.session != session {
            return tracing::debug!(?stream, ?session, got = ?message.session, "dropped a report of another session");
        }
        match message.report {
            AgentReport::Register(_) => effects.push(Effect::CloseStream { stream }),
            AgentReport::Fact(fact) => self.fact(agent, *fact, effects),
            AgentReport::Heartbeat => {}
        }
    }

    /// Records what an agent states, and passes it on. The framework acknowledges it; for one that is no more, the master does.
    fn fact(&mut self, agent: AgentIx, mut fact: Fact, effects: &mut Vec<Effect>) {
        self.counters.facts += 1;
        fact.update.agent = Some(self.agents.0[agent].offered.id);
        let id = fact.update.fact;
        let framework = self.frameworks_by_id.get(&fact.framework).copied();
        let task = fact.update.launch.and_then(|launch| self.tasks_by_launch.get(&launch).copied());
        // Before the task is recorded: its end may be the end of a removed framework's row.
        match framework.filter(|framework| !self.frameworks[*framework].removed) {
            Some(framework) => self.tell(framework, FrameworkEvent::Update(Box::new(fact.update.clone())), effects),
            None => {
                if let Some(id) = id {
                    self.order(agent, AgentOrder::Acknowledged(id), effects);
                }
            }
        }
        if let Some(ix) = task.filter(|ix| self.tasks[*ix].agent == agent) {
            self.tasks[ix].reported = true;
            self.record(ix, fact.update);
        }
    }
}
