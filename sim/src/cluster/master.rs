//! The master's shell, simulated: streams in, streams out.

use meros_master_core::{Effect, Event, StreamId};

use super::Cluster;
use crate::failure::FailureKind;
use crate::network::{Client, Side, Transit};
use crate::process::{Actor, guard};
use crate::wire::Payload;

impl Cluster {
    pub(super) fn master_turn(&mut self) -> Result<usize, FailureKind> {
        let batch = std::mem::take(&mut self.master.inbox);
        let (events, now) = (batch.len(), self.master.turns.clock.now(self.now));
        let core = &mut self.master.core;
        let effects = guard("master", || {
            let mut effects = Vec::new();
            for event in batch {
                core.handle(now, event, &mut effects);
            }
            core.flush(now, &mut effects);
            effects
        })?;
        for effect in effects {
            self.perform_master(effect)?;
        }
        self.await_wakeup(Actor::Master, self.master.core.wakeup());
        Ok(events)
    }

    fn perform_master(&mut self, effect: Effect) -> Result<(), FailureKind> {
        let (stream, payload) = match effect {
            Effect::ToFramework { stream, message } => (stream.0, Payload::ToFramework(message)),
            Effect::ToAgent { stream, message } => (stream.0, Payload::ToAgent(message)),
            Effect::CloseStream { stream } => {
                self.close_at_master(stream.0);
                return Ok(());
            }
            // Nobody asks: the simulation reads the master's state directly.
            Effect::Reply { .. } => return Ok(()),
        };
        match self.network.client(stream).filter(|_| self.network.is_open(stream, Side::Master)) {
            Some(client) => self.send(stream, Side::Master, client, payload),
            None => Ok(()),
        }
    }

    /// The shell closes a stream once what was put on it has been sent, and hears of the close itself.
    fn close_at_master(&mut self, stream: u64) {
        let Some(client) = self.network.client(stream).filter(|_| self.network.is_open(stream, Side::Master)) else { return };
        let who = self.name(Actor::Client(client));
        self.note(Actor::Master, format_args!("closes {who}/{stream}"));
        self.network.close(self.now, stream, Side::Master, &mut self.queue);
        self.master.inbox.push(closed(stream, client));
        self.schedule_turn(Actor::Master);
    }

    pub(super) fn bring_to_master(&mut self, stream: u64, client: Client, transit: Transit) {
        let id = StreamId(stream);
        self.master.inbox.push(match transit {
            Transit::Arrives(_, message) => match message.payload {
                Payload::FromAgent(message) => Event::AgentSaid { stream: id, message },
                Payload::FromFramework(message) => Event::FrameworkSaid { stream: id, message },
                Payload::ToAgent(_) | Payload::ToFramework(_) => unreachable!("the master sends these"),
            },
            Transit::Opens | Transit::Closes(..) => closed(stream, client),
        });
    }
}

fn closed(stream: u64, client: Client) -> Event {
    let stream = StreamId(stream);
    match client {
        Client::Agent(_) => Event::AgentClosed { stream },
        Client::Framework(_) => Event::FrameworkClosed { stream },
    }
}
