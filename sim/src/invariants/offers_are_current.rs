//! Invariant 4. Offers and launches leave in the newest session of whom they are for; an offer that stands is of an agent and
//! for a framework in session; an offer's id is used once, and its framework answers it at most once.

use std::collections::{BTreeMap, BTreeSet};

use meros_types::{AgentId, AgentOrder, Call, ClusterState, FrameworkEvent, FrameworkId, OfferId, SessionId, Term};

use super::Invariant;
use crate::failure::Violation;
use crate::network::Client;
use crate::truth::{Record, Seen};
use crate::wire::Payload;

const NAME: &str = "offers_are_current";

/// Who has sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Party {
    Agent(AgentId),
    Framework(FrameworkId),
}

#[derive(Debug, Default)]
pub(super) struct OffersAreCurrent {
    /// The newest session of each agent and framework. A machine's agent is another one after each reboot.
    newest: BTreeMap<Party, SessionId>,
    owners: BTreeMap<SessionId, Party>,
    /// An offer's id is unique in its master's term.
    made: BTreeSet<(Term, OfferId)>,
    /// The offers that were not answered, and for whom they are.
    open: BTreeMap<(Term, OfferId), usize>,
}

impl Invariant for OffersAreCurrent {
    fn see(&mut self, _record: &Record, seen: &Seen<'_>) -> Result<(), Violation> {
        match seen {
            Seen::MasterSent(_, Payload::ToAgent(message)) => match &message.order {
                AgentOrder::Registered(it) => self.open_session(Party::Agent(it.agent), message.session),
                AgentOrder::Launch(launch) => self.check_session(message.session, format!("launch {}", launch.launch)),
                _ => Ok(()),
            },
            Seen::MasterSent(client, Payload::ToFramework(message)) => match &message.event {
                FrameworkEvent::Subscribed(it) => self.open_session(Party::Framework(it.framework), message.session),
                FrameworkEvent::Offers(offers) => {
                    self.check_session(message.session, format!("{} offers", offers.len()))?;
                    offers.iter().try_for_each(|offer| self.offered(*client, (message.session.term, offer.id)))
                }
                _ => Ok(()),
            },
            Seen::ClientSent(client, Payload::FromFramework(message)) => {
                let Some(session) = message.session else { return Ok(()) };
                message.calls.iter().try_for_each(|call| self.answered(*client, session.term, call))
            }
            _ => Ok(()),
        }
    }

    fn check(&mut self, _record: &Record, state: &ClusterState) -> Result<(), Violation> {
        let agents: BTreeMap<_, _> = state.agents.iter().map(|agent| (agent.id, agent.connected)).collect();
        let frameworks: BTreeMap<_, _> = state.frameworks.iter().map(|framework| (framework.id, framework.connected)).collect();
        for offer in &state.offers {
            if agents.get(&offer.agent) != Some(&true) || frameworks.get(&offer.framework) != Some(&true) {
                let message = format!("offer {} of agent {} stands without a session", offer.id, offer.agent);
                return Err(Violation::new(NAME, message));
            }
        }
        Ok(())
    }
}

impl OffersAreCurrent {
    fn open_session(&mut self, party: Party, session: SessionId) -> Result<(), Violation> {
        self.owners.insert(session, party);
        match self.newest.insert(party, session) {
            Some(before) if before >= session => {
                Err(Violation::new(NAME, format!("{party:?} got session {session} after session {before}")))
            }
            _ => Ok(()),
        }
    }

    fn check_session(&self, session: SessionId, what: String) -> Result<(), Violation> {
        let newest = self.owners.get(&session).and_then(|party| self.newest.get(party));
        if newest == Some(&session) {
            return Ok(());
        }
        Err(Violation::new(NAME, format!("{what} left in session {session}; the newest of whom it is for is {newest:?}")))
    }

    fn offered(&mut self, client: Client, offer: (Term, OfferId)) -> Result<(), Violation> {
        let Client::Framework(framework) = client else { return Ok(()) };
        if !self.made.insert(offer) {
            return Err(Violation::new(NAME, format!("offer {} was made twice in term {}", offer.1, offer.0)));
        }
        self.open.insert(offer, framework);
        Ok(())
    }

    fn answered(&mut self, client: Client, term: Term, call: &Call) -> Result<(), Violation> {
        let offers: Vec<OfferId> = match call {
            Call::Accept(accept) => accept.groups.iter().flat_map(|group| group.leases.iter().copied()).collect(),
            Call::Decline(decline) => decline.offers.clone(),
            _ => return Ok(()),
        };
        for offer in offers {
            let owner = self.open.remove(&(term, offer));
            if owner.map(Client::Framework) != Some(client) {
                let message = format!("{client:?} answered offer {offer}, which is answered already or not its own");
                return Err(Violation::new(NAME, message));
            }
        }
        Ok(())
    }
}
