//! What a subscribed framework says.

use meros_types::{Acknowledge, Acknowledged, AgentOrder, Call, Decline, DemandCall, FromFramework, KillCall, Now, SHAPES_MAX};

use crate::event::StreamId;
use crate::table::FrameworkIx;
use crate::{Effect, Master, Peer};

impl Master {
    pub(crate) fn framework_said(&mut self, now: Now, stream: StreamId, message: FromFramework, effects: &mut Vec<Effect>) {
        let Some(known) = self.streams.get_mut(&stream) else {
            if self.entering.contains_key(&stream) {
                return tracing::debug!(?stream, "dropped calls of a framework that is not subscribed yet");
            }
            return self.first_words(now, stream, message, effects);
        };
        known.heard = now.mono;
        let Peer::Framework(framework) = known.peer else { return };
        let session = self.frameworks[framework].link.map(|link| link.session);
        if message.session != session {
            return tracing::debug!(?stream, ?session, got = ?message.session, "dropped calls of another session");
        }
        self.calls(now, stream, framework, message.calls.into_iter(), effects);
    }

    /// Applies calls in order, as long as the stream lasts and the framework isn't ending: a teardown in the middle is the last
    /// that counts.
    pub(crate) fn calls(
        &mut self,
        now: Now,
        stream: StreamId,
        framework: FrameworkIx,
        calls: impl Iterator<Item = Call>,
        effects: &mut Vec<Effect>,
    ) {
        for call in calls {
            if self.streams.contains_key(&stream) && self.frameworks[framework].ending.is_none() {
                self.call(now, framework, call, effects);
            }
        }
    }

    fn call(&mut self, now: Now, framework: FrameworkIx, call: Call, effects: &mut Vec<Effect>) {
        match call {
            Call::Subscribe(_) => self.refuse_call(framework, "SUBSCRIBE", "this stream is subscribed already".to_owned(), effects),
            Call::Demand(demand) => self.demand(framework, demand, effects),
            Call::Accept(accept) => self.accept(now, framework, accept, effects),
            Call::Decline(decline) => self.decline(now, framework, decline),
            Call::Kill(kill) => self.kill(now, framework, kill, effects),
            Call::Acknowledge(acknowledge) => self.acknowledge(framework, acknowledge, effects),
            Call::Reconcile(queries) => self.reconcile(now, framework, queries, effects),
            Call::Explain(explain) => self.explain_call(now, framework, explain, effects),
            Call::Teardown => self.remove_framework(framework, "the framework was torn down"),
            Call::Heartbeat => {}
            Call::Refused(refused) => self.refuse_call(framework, &refused.call, refused.reason, effects),
        }
    }

    fn demand(&mut self, framework: FrameworkIx, call: DemandCall, effects: &mut Vec<Effect>) {
        let row = &mut self.frameworks[framework];
        if !row.subscribed.contains(&call.role) {
            let reason = format!("the framework did not subscribe with role {}", call.role);
            return self.refuse_call(framework, "DEMAND", reason, effects);
        }
        if call.demand.shapes.len() > SHAPES_MAX {
            let reason = format!("a demand may have {SHAPES_MAX} shapes at the most");
            return self.refuse_call(framework, "DEMAND", reason, effects);
        }
        let newest = row.demand_versions.entry(call.role.clone()).or_default();
        if call.version <= *newest {
            return;
        }
        *newest = call.version;
        let client = row.clients[&call.role];
        self.allocator.set_demand(client, call.demand);
        for id in &row.offers {
            if let Some(offer) = self.offers.get_mut(id).filter(|offer| offer.client == client) {
                offer.purpose = self.allocator.attribute(client, &offer.resources);
            }
        }
    }

    fn decline(&mut self, now: Now, framework: FrameworkIx, call: Decline) {
        for id in call.offers {
            if let Some(offer) = self.end_own_offer(framework, id) {
                self.counters.offers_declined += 1;
                self.allocator.answered(offer.client);
                self.allocator.declined(now.mono, offer.client, offer.agent, self.agents[offer.agent].free(), call.filter);
            }
        }
    }

    fn kill(&mut self, now: Now, framework: FrameworkIx, call: KillCall, effects: &mut Vec<Effect>) {
        let live: Vec<_> = self.frameworks[framework].tasks_named(&call.task).filter(|ix| self.tasks[*ix].is_live()).collect();
        if live.is_empty() {
            return self.answer_how(now, framework, call.task.into(), effects);
        }
        for ix in live {
            self.kill_task(ix, call.grace, effects);
        }
    }

    fn acknowledge(&mut self, framework: FrameworkIx, call: Acknowledge, effects: &mut Vec<Effect>) {
        self.fact_acknowledged(framework, call.launch, call.fact);
        if let Some(agent) = self.agents_by_id.get(&call.agent) {
            let framework = self.frameworks[framework].id;
            self.order(*agent, AgentOrder::Acknowledged(Acknowledged { framework, fact: call.fact }), effects);
        }
    }
}
