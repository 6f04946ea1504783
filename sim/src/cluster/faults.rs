//! What breaks. Owned: how each fault is performed, and the faults that are planted to see whether the invariants notice.

use std::time::Duration;

use meros_types::{AgentOrder, AgentReport};

use super::Cluster;
use crate::machine::{Happening, Truth};
use crate::network::{Client, Side};
use crate::options::Planted;
use crate::process::{Actor, Delivery};
use crate::wire::{Carried, Payload};

/// How often, in a thousand, both ends of a stream only notice by silence that it broke.
const SILENT_PER_MILLE: u64 = 300;
/// How often, in a thousand, a planted fault changes a message that it could change.
const PLANTED_PER_MILLE: u64 = 200;

impl Cluster {
    pub(super) fn power_off(&mut self, index: usize) {
        if !self.oracle.record.machines[index].up {
            return;
        }
        let actor = Actor::Client(Client::Agent(index));
        self.note(actor, format_args!("loses power"));
        let agent = &mut self.agents[index];
        (agent.core, agent.doomed) = (None, false);
        // What was on its way to a container that is no more.
        agent.power += 1;
        let kept = agent.log.lose_power(&mut self.random.faults);
        agent.turns.next_life(&mut self.random.seeds);
        agent.inbox.clear();
        agent.ordered.clear();
        for launch in agent.machine.lose_power() {
            // The dead break no invariant by being dead, and a failure here would be found at the next step too.
            let _ = self.see_truth(index, Truth::Emptied(launch));
        }
        self.oracle.record.log_kept(index, &kept);
        self.oracle.record.machines[index].up = false;
        if let Some(stream) = self.agents[index].stream.take() {
            let silent = self.random.faults.chance(SILENT_PER_MILLE);
            self.network.break_stream(self.now, stream, silent, &mut self.queue);
            self.network.close(self.now, stream, Side::Client, &mut self.queue);
        }
    }

    pub(super) fn shim_is_killed(&mut self, index: usize) {
        let agent = &self.agents[index];
        if let Some(container) = agent.machine.any_running(&mut self.random.faults) {
            self.note(Actor::Client(Client::Agent(index)), format_args!("fault: the shim of {} is killed", container.short()));
            let power = self.agents[index].power;
            self.queue.push(self.now, Delivery::Machine(index, power, container, Box::new(Happening::ShimDies)));
        }
    }

    pub(super) fn lose_stream(&mut self, client: Client) {
        let stream = match client {
            Client::Agent(index) => self.agents[index].stream,
            Client::Framework(index) => self.frameworks[index].stream,
        };
        if let Some(stream) = stream {
            let silent = self.random.faults.chance(SILENT_PER_MILLE);
            self.note(
                Actor::Client(client),
                format_args!("fault: stream {stream} breaks{}", if silent { " in silence" } else { "" }),
            );
            self.network.break_stream(self.now, stream, silent, &mut self.queue);
        }
    }

    pub(super) fn cut_off(&mut self, client: Client, wait: Duration) {
        self.note(Actor::Client(client), format_args!("fault: cut off for {wait:?}"));
        self.network.cut(self.now, client, wait, &mut self.queue);
    }

    pub(super) fn end_framework(&mut self, index: usize, what: &str) {
        self.note(Actor::Client(Client::Framework(index)), format_args!("{what}"));
        self.close_at_framework(index);
        self.frameworks[index].turns.next_life(&mut self.random.seeds);
        self.oracle.record.frameworks[index].up = false;
    }

    /// Lets a planted fault have its way with a message; none when the message is lost.
    pub(super) fn plant(&mut self, mut message: Carried) -> Option<Carried> {
        let strikes = |cluster: &mut Self| cluster.random.faults.chance(PLANTED_PER_MILLE);
        match (self.options.planted, &mut message.payload) {
            (Some(Planted::DoublesResources), Payload::FromAgent(from)) => {
                if let AgentReport::Register(register) = &mut from.report
                    && strikes(self)
                {
                    register.resources = register.resources.scalars_times(2);
                }
            }
            (Some(Planted::LosesLaunch), Payload::ToAgent(to)) if matches!(to.order, AgentOrder::Launch(_)) && strikes(self) => {
                return None;
            }
            _ => {}
        }
        Some(message)
    }
}
