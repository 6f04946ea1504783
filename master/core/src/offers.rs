//! Making offers and ending them, in each of the ways that an offer can end.

use std::collections::BTreeMap;

use meros_types::{FrameworkEvent, Now, OfferId, ToFramework};

use crate::allocator::Grant;
use crate::ledger::Part;
use crate::rows::Offer;
use crate::table::{AgentIx, FrameworkIx};
use crate::{Effect, Master};

/// How many offers go in one message: far below the message size, and soon enough decoded.
const OFFERS_PER_MESSAGE: usize = 1_000;

impl Master {
    /// Turns grants into offers and sends them, to each framework together.
    pub(crate) fn make_offers(&mut self, now: Now, grants: Vec<Grant>, effects: &mut Vec<Effect>) {
        let mut outgoing: BTreeMap<FrameworkIx, Vec<meros_types::Offer>> = BTreeMap::new();
        for grant in grants {
            let framework = self.allocator.framework_of(grant.client);
            let offer = self.make_offer(now, framework, grant);
            outgoing.entry(framework).or_default().push(offer);
        }
        for (framework, mut offers) in outgoing {
            self.counters.offers_made += offers.len() as u64;
            while !offers.is_empty() {
                let rest = offers.split_off(offers.len().min(OFFERS_PER_MESSAGE));
                self.tell(framework, FrameworkEvent::Offers(offers), effects);
                offers = rest;
            }
        }
    }

    /// The allocator has taken the resources out of what is free already.
    fn make_offer(&mut self, now: Now, framework: FrameworkIx, grant: Grant) -> meros_types::Offer {
        self.last_offer += 1;
        let id = OfferId(self.last_offer);
        let role = self.allocator.role_of(grant.client).clone();
        let lease = self.frameworks[framework].preferences.lease.unwrap_or(self.config.offer_lease);
        let expires = now.mono.after(lease);
        self.leases.insert((expires, id));
        let agent = &mut self.agents[grant.agent];
        let ledger = agent.ledger.as_mut().expect("only registered agents are offered");
        ledger.add(Part::Offered, &grant.resources).expect("what is free has no port in common with what is offered");
        agent.offers.insert(id);
        self.frameworks[framework].offers.insert(id);
        let offer = Offer {
            client: grant.client,
            framework,
            agent: grant.agent,
            role: role.clone(),
            resources: grant.resources.clone(),
            purpose: grant.purpose,
            expires,
            at: now.wall,
        };
        self.offers.insert(id, offer);
        meros_types::Offer {
            id,
            role,
            agent: agent.offered.clone(),
            resources: grant.resources,
            lease,
            unavailability: agent.unavailability.filter(|it| !it.is_over(now.wall)),
        }
    }

    /// Takes an offer out of every table. Its resources are free again, and its framework is charged no more.
    pub(crate) fn end_offer(&mut self, id: OfferId) -> Option<Offer> {
        let offer = self.offers.remove(&id)?;
        self.leases.remove(&(offer.expires, id));
        let agent = &mut self.agents[offer.agent];
        agent.offers.remove(&id);
        if let Some(ledger) = &mut agent.ledger {
            ledger.subtract(Part::Offered, &offer.resources);
        }
        self.frameworks[offer.framework].offers.remove(&id);
        self.allocator.discharge(offer.client, &offer.resources);
        self.allocator.offer_ended(offer.client, offer.purpose);
        self.unsettled.insert(offer.agent);
        Some(offer)
    }

    /// Ends the offers whose lease ran out.
    pub(crate) fn expire_offers(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let mut expired: BTreeMap<FrameworkIx, Vec<OfferId>> = BTreeMap::new();
        while let Some((_, id)) = self.leases.first().copied().filter(|(expires, _)| *expires <= now.mono) {
            let Offer { framework, client, agent, .. } = self.end_offer(id).expect("an offer's lease ends with it");
            self.counters.offers_expired += 1;
            self.allocator.lease_expired(now.mono, client, agent, self.agents[agent].free());
            expired.entry(framework).or_default().push(id);
        }
        for (framework, ids) in expired {
            self.tell(framework, FrameworkEvent::Rescinded(ids), effects);
        }
    }

    /// Takes back every offer of an agent, and tells their frameworks.
    pub(crate) fn rescind_agent_offers(&mut self, agent: AgentIx, effects: &mut Vec<Effect>) {
        let ids: Vec<OfferId> = self.agents[agent].offers.iter().copied().collect();
        self.rescind_offers(ids, effects);
    }

    /// Takes offers back, and tells their frameworks, each of all of its own. No filter: nobody declined anything.
    pub(crate) fn rescind_offers(&mut self, ids: Vec<OfferId>, effects: &mut Vec<Effect>) {
        let mut taken: BTreeMap<FrameworkIx, Vec<OfferId>> = BTreeMap::new();
        for id in ids {
            if let Some(offer) = self.end_offer(id) {
                self.counters.offers_rescinded += 1;
                taken.entry(offer.framework).or_default().push(id);
            }
        }
        for (framework, ids) in taken {
            self.tell(framework, FrameworkEvent::Rescinded(ids), effects);
        }
    }

    /// Takes back every offer of a framework whose stream is gone; there is nobody to tell.
    pub(crate) fn take_back_framework_offers(&mut self, framework: FrameworkIx) {
        for id in self.frameworks[framework].offers.clone() {
            self.end_offer(id);
            self.counters.offers_rescinded += 1;
        }
    }

    /// Puts an event on a framework's stream, if it has one.
    pub(crate) fn tell(&self, framework: FrameworkIx, event: FrameworkEvent, effects: &mut Vec<Effect>) {
        if let Some(link) = self.frameworks[framework].link {
            let message = ToFramework { session: link.session, event };
            effects.push(Effect::ToFramework { stream: link.stream, message });
        }
    }
}
