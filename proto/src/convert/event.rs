//! To a framework: what it hears. The offers among it are the busiest path of the wire.

use std::sync::Arc;

use meros_types as domain;
use meros_types::{Epoch, FrameworkEvent, OfferId};

use super::fields::{attributes, attributes_to_wire, display_name, enumerated, id, list, optional, required, role, sentence};
use crate::v1::framework_response::Event as Wire;
use crate::{WireError, v1};

impl From<domain::ToFramework> for v1::FrameworkResponse {
    fn from(message: domain::ToFramework) -> Self {
        let event = match message.event {
            FrameworkEvent::Subscribed(subscribed) => Wire::Subscribed(subscribed.into()),
            FrameworkEvent::Offers(offers) => Wire::Offers(v1::Offers { offers: offers.into_iter().map(Into::into).collect() }),
            FrameworkEvent::Rescinded(offers) => {
                Wire::Rescinded(v1::Rescinded { offers: offers.into_iter().map(|id| id.0).collect() })
            }
            FrameworkEvent::Update(update) => Wire::Update((*update).into()),
            FrameworkEvent::Explained(explanation) => Wire::Explained((*explanation).into()),
            FrameworkEvent::CallRefused(refused) => Wire::CallRefused(refused.into()),
            FrameworkEvent::Ended(end) => Wire::Ended(end.into()),
            FrameworkEvent::Heartbeat => Wire::Heartbeat(v1::Heartbeat {}),
        };
        Self { session: Some(message.session.into()), event: Some(event) }
    }
}

impl TryFrom<v1::FrameworkResponse> for domain::ToFramework {
    type Error = WireError;
    fn try_from(wire: v1::FrameworkResponse) -> Result<Self, WireError> {
        let session = required(wire.session, "session")?;
        let event = match wire.event.ok_or_else(|| WireError::new("event", "it is missing, or one that is not known here"))? {
            Wire::Subscribed(subscribed) => FrameworkEvent::Subscribed(required(Some(subscribed), "subscribed")?),
            Wire::Offers(offers) => FrameworkEvent::Offers(list(offers.offers, "offers").map_err(|error| error.within("offers"))?),
            Wire::Rescinded(rescinded) => FrameworkEvent::Rescinded(rescinded.offers.into_iter().map(OfferId).collect()),
            Wire::Update(update) => FrameworkEvent::Update(Box::new(required(Some(update), "update")?)),
            Wire::Explained(explanation) => FrameworkEvent::Explained(Box::new(required(Some(explanation), "explained")?)),
            Wire::CallRefused(refused) => FrameworkEvent::CallRefused(refused.into()),
            Wire::Ended(end) => FrameworkEvent::Ended(required(Some(end), "ended")?),
            Wire::Heartbeat(_) => FrameworkEvent::Heartbeat,
            Wire::Message(_) => return Err(WireError::unimplemented("message", "messages")),
        };
        Ok(Self { session, event })
    }
}

impl From<domain::Subscribed> for v1::Subscribed {
    fn from(subscribed: domain::Subscribed) -> Self {
        Self {
            framework: subscribed.framework.as_bytes().to_vec(),
            epoch: subscribed.epoch.0,
            heartbeat: Some(subscribed.heartbeat.into()),
        }
    }
}

impl TryFrom<v1::Subscribed> for domain::Subscribed {
    type Error = WireError;
    fn try_from(wire: v1::Subscribed) -> Result<Self, WireError> {
        Ok(Self {
            framework: id(&wire.framework, "framework")?,
            epoch: Epoch(wire.epoch),
            heartbeat: required(wire.heartbeat, "heartbeat")?,
        })
    }
}

impl From<domain::Offer> for v1::Offer {
    fn from(offer: domain::Offer) -> Self {
        Self {
            id: offer.id.0,
            role: offer.role.into(),
            agent: Some(offered_agent(&offer.agent)),
            resources: Some(offer.resources.into()),
            lease: Some(offer.lease.into()),
            unavailability: offer.unavailability.map(Into::into),
        }
    }
}

/// From a reference, since the master's other offers of this agent share it: each text is copied once.
fn offered_agent(agent: &domain::OfferedAgent) -> v1::OfferedAgent {
    v1::OfferedAgent {
        id: agent.id.as_bytes().to_vec(),
        hostname: agent.hostname.clone(),
        attributes: attributes_to_wire(&agent.attributes),
        domain: agent.domain.clone().map(Into::into),
    }
}

impl TryFrom<v1::Offer> for domain::Offer {
    type Error = WireError;
    fn try_from(wire: v1::Offer) -> Result<Self, WireError> {
        Ok(Self {
            id: OfferId(wire.id),
            role: role(&wire.role, "role")?,
            agent: Arc::new(required(wire.agent, "agent")?),
            resources: required(wire.resources, "resources")?,
            lease: required(wire.lease, "lease")?,
            unavailability: optional(wire.unavailability, "unavailability")?,
        })
    }
}

impl TryFrom<v1::OfferedAgent> for domain::OfferedAgent {
    type Error = WireError;
    fn try_from(wire: v1::OfferedAgent) -> Result<Self, WireError> {
        Ok(Self {
            id: id(&wire.id, "id")?,
            hostname: display_name(wire.hostname, "hostname")?,
            attributes: attributes(wire.attributes, "attributes")?,
            domain: optional(wire.domain, "domain")?,
        })
    }
}

impl From<domain::SessionEnd> for v1::SessionEnd {
    fn from(end: domain::SessionEnd) -> Self {
        Self { kind: v1::SessionEndKind::from(end.kind).into(), message: end.message }
    }
}

impl TryFrom<v1::SessionEnd> for domain::SessionEnd {
    type Error = WireError;
    fn try_from(wire: v1::SessionEnd) -> Result<Self, WireError> {
        Ok(Self { kind: enumerated::<v1::SessionEndKind, _>(wire.kind, "kind")?, message: sentence(wire.message) })
    }
}
