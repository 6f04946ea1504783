//! What comes due: heartbeats, silence, leases, filters, timeouts.

use std::time::Duration;

use meros_types::{AgentOrder, FrameworkEvent, Now};

use crate::event::StreamId;
use crate::timers::Timer;
use crate::{Effect, Master, Peer};

impl Master {
    pub(crate) fn time_passed(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(timer) = self.timers.due(now.mono) {
            match timer {
                Timer::Heartbeat(stream) => self.beat(now, stream, effects),
                Timer::Silence(stream) => self.listen(now, stream, effects),
                Timer::AgentLost(agent) => self.agent_lost(now, agent, effects),
                Timer::FrameworkLost(framework) => self.failover_timed_out(framework),
                Timer::Drain(agent) => self.drain_due(agent, effects),
                Timer::WindowOver => self.windows_over(now),
            }
        }
        self.expire_offers(now, effects);
        self.allocator.time_passed(now.mono);
    }

    fn beat(&mut self, now: Now, stream: StreamId, effects: &mut Vec<Effect>) {
        match self.streams.get(&stream).map(|stream| stream.peer) {
            Some(Peer::Agent(agent)) => self.order(agent, AgentOrder::Heartbeat, effects),
            Some(Peer::Framework(framework)) => self.tell(framework, FrameworkEvent::Heartbeat, effects),
            None => return,
        }
        self.timers.set(now.mono.after(self.config.heartbeat), Timer::Heartbeat(stream));
    }

    /// Gives up a stream whose peer was silent for too long; otherwise looks again when that could be.
    fn listen(&mut self, now: Now, stream: StreamId, effects: &mut Vec<Effect>) {
        let Some(heard) = self.streams.get(&stream).map(|stream| stream.heard) else { return };
        let deadline = heard.after(self.config.unreachable_after);
        if deadline > now.mono {
            return self.timers.set(deadline, Timer::Silence(stream));
        }
        effects.push(Effect::CloseStream { stream });
        match self.streams.remove(&stream).map(|stream| stream.peer) {
            // It was silent for as long as an agent may be: the wait for it to come back is over already.
            Some(Peer::Agent(agent)) => self.agent_disconnected(now, agent, Duration::ZERO, effects),
            Some(Peer::Framework(framework)) => self.framework_disconnected(now, framework),
            None => {}
        }
    }
}
