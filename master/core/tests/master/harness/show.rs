//! An effect as one line, with the peers' names.

use meros_master_core::{Effect, Reply};
use meros_types::*;

use super::World;

impl World {
    /// The line; none for a heartbeat that nobody asked to see.
    pub(super) fn show(&self, effect: &Effect) -> Option<String> {
        Some(match effect {
            Effect::ToAgent { stream, message } => format!("{} {}", self.names[stream], self.show_order(&message.order)?),
            Effect::ToFramework { stream, message } => format!("{} {}", self.names[stream], self.show_event(&message.event)?),
            Effect::CloseStream { stream } => format!("close {}", self.names[stream]),
            Effect::Persist { .. } => return None,
            Effect::Reply { reply: Reply::Refused(error), .. } => format!("reply: {error}"),
            Effect::Reply { reply, .. } => format!("reply {}", format!("{reply:?}").split('(').next().unwrap_or_default()),
        })
    }

    fn show_order(&self, order: &AgentOrder) -> Option<String> {
        Some(match order {
            AgentOrder::Registered(_) => "registered".to_owned(),
            AgentOrder::Launch(launch) => {
                format!("launch {} {} {}", launch.launch, launch.task.id, launch.task.resources)
            }
            AgentOrder::Kill(KillOrder { launch, grace: Some(grace) }) => format!("kill {launch} within {grace:?}"),
            AgentOrder::Kill(KillOrder { launch, grace: None }) => format!("kill {launch}"),
            AgentOrder::Acknowledged(acknowledged) => format!("acknowledged {}", acknowledged.fact.n),
            AgentOrder::Resend(framework) => format!("resend {}", self.subscriber(*framework).unwrap_or_default()),
            AgentOrder::OpenLog(open) => format!("open log {}", open.launch),
            AgentOrder::Refused(refusal) if refusal.retry => format!("refused for now: {}", refusal.message),
            AgentOrder::Refused(refusal) => format!("refused: {}", refusal.message),
            AgentOrder::Heartbeat if self.shows_heartbeats => "heartbeat".to_owned(),
            AgentOrder::Heartbeat => return None,
        })
    }

    fn show_event(&self, event: &FrameworkEvent) -> Option<String> {
        Some(match event {
            FrameworkEvent::Subscribed(subscribed) => format!("subscribed, epoch {}", subscribed.epoch),
            FrameworkEvent::Offers(offers) => {
                let offers: Vec<String> = offers.iter().map(|offer| self.show_offer(offer)).collect();
                format!("offers {}", offers.join(" "))
            }
            FrameworkEvent::Rescinded(offers) => {
                let offers: Vec<String> = offers.iter().map(ToString::to_string).collect();
                format!("rescinded {}", offers.join(" "))
            }
            FrameworkEvent::Update(update) => {
                let fact = update.fact.map_or(String::new(), |fact| format!(" #{}", fact.n));
                format!("{} {} {}{fact}", update.task, update.state, update.reason)
            }
            FrameworkEvent::Explained(it) => format!("explained {} {:?}, {} offers", it.role, it.standing, it.offers),
            FrameworkEvent::CallRefused(refused) => format!("{} refused: {}", refused.call, refused.reason),
            FrameworkEvent::Ended(end) => format!("ended {:?}", end.kind),
            FrameworkEvent::Heartbeat if self.shows_heartbeats => "heartbeat".to_owned(),
            FrameworkEvent::Heartbeat => return None,
        })
    }

    fn show_offer(&self, offer: &Offer) -> String {
        let away = offer
            .unavailability
            .map_or_else(String::new, |away| format!("[away from {}s for {:?}]", away.start.0 / 1000, away.duration));
        format!("{}@{}({}){away}", offer.id, offer.agent.hostname, offer.resources)
    }
}
