//! An operator at the master: what is asked of it, what it answers, and machines that are set up anew. Owned: which request has which
//! answer. Absent: the way from the operator to the master, which is the admin service's and not simulated.

use std::collections::BTreeMap;

use meros_master_core::{AgentStanding, Event, Reply, Request, Token};
use meros_types::{AgentId, WallTime};

use super::Cluster;
use crate::AgentHandle;
use crate::failure::FailureKind;
use crate::process::Actor;
use crate::truth::Seen;

/// The requests that were made, by their number, and the answers that there are.
#[derive(Debug, Default)]
pub(super) struct Desk {
    asked: u64,
    answers: BTreeMap<Token, Reply>,
}

impl Cluster {
    /// Asks something of the master, as an operator does. A master that is dead, or dies before it has answered, never answers.
    pub fn ask(&mut self, request: Request) -> Token {
        self.desk.asked += 1;
        let token = Token(self.desk.asked);
        if self.master.core.is_some() {
            self.note(Actor::Master, format_args!("is asked {}: {request:?}", token.0));
            self.oracle.record.asked(token, &request);
            self.master.inbox.push(Event::Asked { token, request });
            self.schedule_turn(Actor::Master);
        }
        token
    }

    /// The answer to a request, as soon as there is one.
    pub fn answer(&self, token: Token) -> Option<&Reply> {
        self.desk.answers.get(&token)
    }

    /// What the master calls an agent, once it has registered.
    pub fn agent_id(&self, agent: AgentHandle) -> Option<AgentId> {
        self.oracle.record.machines[agent.0].id
    }

    /// The present by the calendar of every process: what deadlines and maintenance windows are in.
    pub fn wall_time(&self) -> WallTime {
        self.master.turns.clock.now(self.now).wall
    }

    /// Whether it is stored that the agent will never return.
    pub(crate) fn is_gone(&self, agent: AgentHandle) -> bool {
        let id = self.agent_id(agent);
        let mut gone = self.master.registry.kept().agents.iter().filter(|record| record.state == AgentStanding::Gone);
        gone.any(|record| Some(record.id) == id)
    }

    /// An agent's machine is set up anew: with power and an empty disk. The agent on it is another one.
    pub fn replace_agent(&mut self, agent: AgentHandle) {
        self.power_off(agent.0);
        self.wipe_agent(agent.0);
        self.power_on(agent.0);
    }

    pub(super) fn answered(&mut self, token: Token, reply: Reply) -> Result<(), FailureKind> {
        match &reply {
            Reply::Refused(error) => self.note(Actor::Master, format_args!("refuses {}: {error}", token.0)),
            _ => self.note(Actor::Master, format_args!("answers {}", token.0)),
        }
        self.oracle.see(&Seen::Replied(token, &reply))?;
        self.desk.answers.insert(token, reply);
        Ok(())
    }
}
