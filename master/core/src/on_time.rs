//! What comes due: heartbeats, silence, leases, filters, timeouts.

use meros_types::{AgentOrder, FrameworkEvent, FrameworkId, Now};

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
                Timer::FrameworkLost(framework) => self.failover_timed_out(now, framework, effects),
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
        let peer = self.streams[&stream].peer;
        self.stream_closed(now, stream, effects);
        effects.push(Effect::CloseStream { stream });
        // It was silent for as long as an agent may be: the wait for it to come back is over already.
        if let Peer::Agent(agent) = peer {
            self.agent_lost(now, self.agents.0[agent].offered.id, effects);
        }
    }

    fn failover_timed_out(&mut self, now: Now, id: FrameworkId, effects: &mut Vec<Effect>) {
        let Some(framework) = self.frameworks_by_id.get(&id).copied() else { return };
        let row = &self.frameworks[framework];
        let over = row.lost_at.is_some_and(|lost| lost.after(row.failover_timeout) <= now.mono);
        if over && !row.removed {
            self.remove_framework(framework, "its failover timeout passed", effects);
        }
    }
}
