//! The loop: the only code that touches the core.
//!
//! It pulls a batch of inputs, tells the core each of them, lets it allocate once, and performs the effects: messages into
//! outboxes, answers to whoever waits, changes to the registry's thread. It never waits for a peer nor for a disk. Deliberately
//! absent: decoding and encoding, which run in the peers' tasks, and decisions, which are the core's.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use meros_master_core::{Effect, Event, Master as Core, Reply, StreamId, Token};
use meros_types::{FrameworkEvent, Now, Offer, Time, ToAgent, ToFramework};
use tokio::sync::{mpsc, oneshot, watch};
use tonic::Status;

use crate::door::Input;
use crate::error::Error;
use crate::outbox::{Outbox, PushError, Weigh, offer_bytes};
use crate::registry::{RegistryCounts, RegistryWriter};
use meros_daemon::clock;

/// How many inputs one batch has at the most. More would make an allocation pass cheaper per input, and its first answer later.
const BATCH_MAX: usize = 1_024;
/// How many bytes of offers, about, go into one message: far below a message's limit, since it is an estimate.
const OFFERS_BYTES_MAX: usize = 1 << 20;

/// The loop and all it owns.
pub(crate) struct Driver {
    core: Core,
    inputs: mpsc::Receiver<Input>,
    registry: RegistryWriter,
    peers: HashMap<StreamId, Peer>,
    asked: HashMap<Token, oneshot::Sender<Reply>>,
    effects: Vec<Effect>,
    /// The streams that this batch has put something on.
    touched: Vec<StreamId>,
    /// What performing effects has brought about: the core hears of it in the next batch.
    consequences: Vec<Event>,
    counts: Arc<Counts>,
}

/// What the loop counts of itself, for metrics.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Batches handled.
    pub(crate) batches: AtomicU64,
    /// Inputs handled.
    pub(crate) inputs: AtomicU64,
    /// Streams ended because their peer read too slowly.
    pub(crate) streams_overflowed: AtomicU64,
    /// What the registry's thread counts.
    pub(crate) registry: Arc<RegistryCounts>,
}

enum Peer {
    Framework(Outbox<ToFramework>),
    Agent(Outbox<ToAgent>),
}

impl Driver {
    pub(crate) fn new(core: Core, inputs: mpsc::Receiver<Input>, registry: RegistryWriter, counts: Arc<Counts>) -> Self {
        let (peers, asked) = (HashMap::new(), HashMap::new());
        Self { core, inputs, registry, peers, asked, effects: Vec::new(), touched: Vec::new(), consequences: Vec::new(), counts }
    }

    /// Runs until `stopping` says so, then ends every stream, and sees to it that what was decided is on the disk.
    ///
    /// # Errors
    /// At once when the registry can't be written: what others hear must not rest on what is not on the disk.
    pub(crate) async fn run(mut self, stopping: watch::Receiver<bool>) -> Result<(), Error> {
        let ended = self.steps(stopping).await;
        end_streams(self.peers);
        ended?;
        Ok(self.registry.finish().await?)
    }

    async fn steps(&mut self, mut stopping: watch::Receiver<bool>) -> Result<(), Error> {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        // The start itself changes the registry: who was connected has a deadline now, though nobody may ever come.
        self.step(clock::now(), &mut batch);
        loop {
            let until_wakeup = self.core.wakeup().map(|at| at.since(clock::now().mono));
            let due = !self.consequences.is_empty();
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return Ok(()),
                // Before what peers say: others wait for it already.
                written = self.registry.committed() => {
                    let seq = written.ok_or(Error::Loop)??;
                    self.consequences.push(Event::Durable { seq });
                }
                // None at all means that the last door is gone, and with it the server.
                count = self.inputs.recv_many(&mut batch, BATCH_MAX) => if count == 0 { return Ok(()) },
                () = std::future::ready(()), if due => {}
                () = tokio::time::sleep(until_wakeup.unwrap_or_default()), if until_wakeup.is_some() => {}
            }
            self.step(clock::now(), &mut batch);
        }
    }

    /// One batch: everything that has happened, one allocation pass, then the effects.
    fn step(&mut self, now: Now, batch: &mut Vec<Input>) {
        self.counts.batches.fetch_add(1, Ordering::Relaxed);
        self.counts.inputs.fetch_add(batch.len() as u64, Ordering::Relaxed);
        for event in std::mem::take(&mut self.consequences) {
            self.core.handle(now, event, &mut self.effects);
        }
        for input in batch.drain(..) {
            self.take(now, input);
        }
        if self.core.wakeup().is_some_and(|at: Time| at <= now.mono) {
            self.core.handle(now, Event::TimePassed, &mut self.effects);
        }
        self.core.flush(now, &mut self.effects);
        self.perform(now.mono);
    }

    fn take(&mut self, now: Now, input: Input) {
        match input {
            Input::FrameworkOpened(stream, outbox) => drop(self.peers.insert(stream, Peer::Framework(outbox))),
            Input::AgentOpened(stream, outbox) => drop(self.peers.insert(stream, Peer::Agent(outbox))),
            Input::Asked(token, request, answer) => {
                self.asked.insert(token, answer);
                self.core.handle(now, Event::Asked { token, request }, &mut self.effects);
            }
            Input::Happened(event) => {
                if let Event::FrameworkClosed { stream } | Event::AgentClosed { stream } = event {
                    self.close(stream);
                }
                self.core.handle(now, event, &mut self.effects);
            }
        }
    }

    fn perform(&mut self, now: Time) {
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::ToFramework { stream, message } => self.send_framework(now, stream, message),
                Effect::ToAgent { stream, message } => self.send_agent(now, stream, message),
                Effect::CloseStream { stream } => self.close(stream),
                Effect::Persist { seq, changes } => self.registry.persist(seq, changes),
                Effect::Reply { token, reply } => {
                    if let Some(answer) = self.asked.remove(&token) {
                        // Whoever asked may have gone away since.
                        let _ = answer.send(reply);
                    }
                }
            }
        }
        // The allocation is kept for the next batch.
        self.effects = effects;
        for stream in self.touched.drain(..) {
            match self.peers.get(&stream) {
                Some(Peer::Framework(outbox)) => outbox.wake(),
                Some(Peer::Agent(outbox)) => outbox.wake(),
                None => {}
            }
        }
    }

    fn send_framework(&mut self, now: Time, stream: StreamId, message: ToFramework) {
        let Some(Peer::Framework(outbox)) = self.peers.get(&stream) else { return };
        let pushed = in_parts(message).try_for_each(|part| outbox.push(now, part));
        self.note(stream, pushed, Event::FrameworkClosed { stream });
    }

    fn send_agent(&mut self, now: Time, stream: StreamId, message: ToAgent) {
        let Some(Peer::Agent(outbox)) = self.peers.get(&stream) else { return };
        let pushed = outbox.push(now, message);
        self.note(stream, pushed, Event::AgentClosed { stream });
    }

    /// Remembers to wake the stream's task, or that the stream is gone.
    fn note(&mut self, stream: StreamId, pushed: Result<(), PushError>, closed: Event) {
        match pushed {
            Ok(()) if self.touched.last() == Some(&stream) => {}
            Ok(()) => self.touched.push(stream),
            Err(error) => {
                if error == PushError::Full {
                    tracing::warn!(stream = stream.0, "a peer reads too slowly; its stream is ended");
                    self.counts.streams_overflowed.fetch_add(1, Ordering::Relaxed);
                }
                self.peers.remove(&stream);
                self.consequences.push(closed);
            }
        }
    }

    fn close(&mut self, stream: StreamId) {
        match self.peers.remove(&stream) {
            Some(Peer::Framework(outbox)) => outbox.close(None),
            Some(Peer::Agent(outbox)) => outbox.close(None),
            None => {}
        }
    }
}

fn end_streams(peers: HashMap<StreamId, Peer>) {
    let status = || Some(Status::unavailable("the master is stopping"));
    for peer in peers.into_values() {
        match peer {
            Peer::Framework(outbox) => outbox.close(status()),
            Peer::Agent(outbox) => outbox.close(status()),
        }
    }
}

/// Cuts a message with very many offers into several: one for each agent of a large cluster is more than one message may have.
fn in_parts(message: ToFramework) -> impl Iterator<Item = ToFramework> {
    let session = message.session;
    let is_small =
        !matches!(&message.event, FrameworkEvent::Offers(offers) if offers.len() > 1) || message.weigh() <= OFFERS_BYTES_MAX;
    let (whole, offers) = match message.event {
        FrameworkEvent::Offers(offers) if !is_small => (None, offers),
        event => (Some(ToFramework { session, event }), Vec::new()),
    };
    let mut offers = offers.into_iter().peekable();
    let parts = std::iter::from_fn(move || {
        let mut bytes = 0;
        let mut part: Vec<Offer> = Vec::new();
        while let Some(offer) = offers.next_if(|offer| bytes == 0 || bytes + offer_bytes(offer) <= OFFERS_BYTES_MAX) {
            bytes += offer_bytes(&offer);
            part.push(offer);
        }
        (!part.is_empty()).then_some(ToFramework { session, event: FrameworkEvent::Offers(part) })
    });
    whole.into_iter().chain(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use meros_types::{AgentId, OfferId, OfferedAgent, Resources, Role, SessionId};
    use std::time::Duration;

    fn message(count: u64) -> ToFramework {
        let agent = OfferedAgent::new(AgentId::from_bytes([1; 16]), "a");
        let agent = Arc::new(agent);
        let (role, resources, lease) = (Role::default(), Resources::none(), Duration::from_secs(1));
        let offer = |id| {
            let (id, role, agent, resources) = (OfferId(id), role.clone(), Arc::clone(&agent), resources.clone());
            Offer { id, role, agent, resources, lease, unavailability: None }
        };
        ToFramework { session: SessionId::default(), event: FrameworkEvent::Offers((0..count).map(offer).collect()) }
    }

    #[test]
    fn a_large_message_is_cut_and_nothing_is_lost() {
        assert_eq!(in_parts(message(3)).collect::<Vec<_>>(), [message(3)]);
        let parts: Vec<ToFramework> = in_parts(message(50_000)).collect();
        assert!(parts.len() > 1);
        assert!(parts.iter().all(|part| part.weigh() <= 2 * OFFERS_BYTES_MAX));
        let offers = parts.into_iter().flat_map(|part| match part.event {
            FrameworkEvent::Offers(offers) => offers,
            _ => Vec::new(),
        });
        assert!(offers.map(|offer| offer.id.0).eq(0..50_000));
    }
}
