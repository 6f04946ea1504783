//! Who an agent is, and how a new one comes to be known: it has an id, bound to its secret, and hears of it once that is stored.
//!
//! Owned here: identity, admission, and what a refused agent is to do. Deliberately absent: what a registration says, which is
//! `judge`'s and `register`'s.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use meros_types::{AgentId, AgentOrder, AgentSecret, Duty, Now, OfferedAgent, Refusal, Register, SessionId, ToAgent, WallTime};

use crate::duty::Decision;
use crate::event::StreamId;
use crate::registry::{AgentRecord, AgentStanding};
use crate::rows::Agent;
use crate::table::AgentIx;
use crate::writes::Entity;
use crate::{ADMISSIONS_MAX, AGENTS_MAX, Effect, Entrant, Master};

/// A secret that something is found by. Shown to nobody, like the secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SecretKey([u8; 16]);

impl From<&AgentSecret> for SecretKey {
    fn from(secret: &AgentSecret) -> Self {
        Self(*secret.reveal())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(..)")
    }
}

/// A new agent whose record is on its way.
#[derive(Debug)]
pub(crate) struct Admission {
    /// The stream that waits for the answer; none when it has closed.
    pub(crate) stream: Option<StreamId>,
    pub(crate) register: Box<Register>,
}

impl Admission {
    pub(crate) fn record(&self, id: AgentId) -> AgentRecord {
        let hostname = self.register.hostname.clone();
        AgentRecord { id, secret: self.register.secret, hostname, state: AgentStanding::Admitted, duty: Duty::Active }
    }
}

/// What an agent is told of which an operator has said that it will never return.
pub(crate) fn why_gone(id: AgentId) -> Refusal {
    for_good(format!(
        "agent {id} was declared gone, and its tasks with it; start it with a new work directory to add it as a new agent"
    ))
}

/// A refusal that nothing but the operator can end.
pub(crate) fn for_good(message: String) -> Refusal {
    Refusal { retry: false, message }
}

fn for_now(message: impl Into<String>) -> Refusal {
    Refusal { retry: true, message: message.into() }
}

impl Master {
    /// The agent's row, if it is known. With an id it must prove that the id is its own; without one, the answer to its first
    /// registration may have been lost, and its secret shows which it was.
    pub(crate) fn identify(&self, register: &Register) -> Result<Option<AgentIx>, Refusal> {
        if register.term > self.config.term {
            return Err(for_now(format!(
                "the agent has obeyed a master of term {}, and this one's is {}: this master was replaced by a newer one, or lost its \
                 registry; if that is as it should be, start the agent with a new work directory to make it this cluster's",
                register.term, self.config.term
            )));
        }
        let Some(id) = register.agent else {
            let known = self.agents_by_secret.get(&SecretKey::from(&register.secret));
            return Ok(known.and_then(|id| self.agents_by_id.get(id)).copied());
        };
        if self.gone.contains(&id) {
            return Err(why_gone(id));
        }
        match self.agents_by_id.get(&id) {
            Some(agent) if self.agents[*agent].secret == register.secret => Ok(Some(*agent)),
            Some(agent) => Err(for_good(format!(
                "agent {id} is known here by another secret and runs on {}: this is an impostor, or an agent whose work directory was \
                 put together from several; start it with a new work directory",
                self.agents[*agent].offered.hostname
            ))),
            None => Err(for_good(format!(
                "this master has not admitted agent {id}: its work directory is another cluster's, or it was unreachable for so long \
                 that it was forgotten; give it its own master's address, or start it with a new work directory"
            ))),
        }
    }

    /// Takes a new agent in, as far as that goes before its record is stored.
    pub(crate) fn admit_agent(&mut self, stream: StreamId, register: Register, effects: &mut Vec<Effect>) {
        let key = SecretKey::from(&register.secret);
        let earlier = self.agents_by_secret.get(&key).copied();
        if earlier.is_none()
            && let Err(refusal) = self.have_room_for_agent()
        {
            return self.refuse_agent(stream, refusal, effects);
        }
        let id = earlier.unwrap_or_else(|| self.ids.agent());
        self.agents_by_secret.insert(key, id);
        self.entering.insert(stream, Entrant::Agent(id));
        let admission = Admission { stream: Some(stream), register: Box::new(register) };
        if let Some(before) = self.admissions.insert(id, admission).and_then(|before| before.stream) {
            self.entering.remove(&before);
            effects.push(Effect::CloseStream { stream: before });
        }
        self.writes.touch(Entity::Agent(id));
    }

    fn have_room_for_agent(&self) -> Result<(), Refusal> {
        if self.agents_by_id.len() + self.admissions.len() >= AGENTS_MAX {
            return Err(for_now("the master has as many agents as it can know; unreachable ones are forgotten in time"));
        }
        if self.admissions.len() >= ADMISSIONS_MAX {
            return Err(for_now("the master is admitting as many new agents as it can at once; it has room again soon"));
        }
        Ok(())
    }

    /// A record of an agent is stored. If it was its first, the agent is known now, and what it said counts. If not, what
    /// operators have decided of it may be new.
    pub(crate) fn agent_stored(&mut self, now: Now, record: AgentRecord, effects: &mut Vec<Effect>) {
        let id = record.id;
        let Some(admission) = self.admissions.remove(&id) else {
            if let Some(agent) = self.agents_by_id.get(&id).copied() {
                self.decision_stored(now, agent, &record, effects);
            }
            return;
        };
        let agent = self.insert_agent(record, None);
        self.await_agent(now, agent, self.config.unreachable_after);
        if let Some(stream) = admission.stream {
            self.entering.remove(&stream);
            self.register(now, stream, *admission.register, effects);
        }
    }

    /// Enters an agent that has not registered with this master yet.
    pub(crate) fn insert_agent(&mut self, record: AgentRecord, lost_since: Option<WallTime>) -> AgentIx {
        let AgentRecord { id, secret, hostname, duty, .. } = record;
        let agent = self.agents.insert(Agent {
            offered: Arc::new(OfferedAgent::new(id, hostname)),
            secret,
            boot: None,
            link: None,
            lost_at: None,
            lost_since,
            decision: Decision::recovered(duty),
            duty,
            withheld: duty != Duty::Active,
            drains_at: None,
            unavailability: None,
            awaited: false,
            gone: false,
            ledger: None,
            offers: BTreeSet::new(),
            tasks: BTreeSet::new(),
        });
        self.agents_by_id.insert(id, agent);
        self.agents_by_secret.insert(SecretKey::from(&secret), id);
        agent
    }

    pub(crate) fn refuse_agent(&self, stream: StreamId, refusal: Refusal, effects: &mut Vec<Effect>) {
        let session = SessionId { term: self.config.term, n: 0 };
        let message = ToAgent { session, order: AgentOrder::Refused(refusal) };
        effects.push(Effect::ToAgent { stream, message });
        effects.push(Effect::CloseStream { stream });
    }
}
