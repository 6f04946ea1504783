//! The connection to the master: opening it, registering, noticing its silence, and waiting longer after each failure.

use std::time::Duration;

use meros_types::{AgentOrder, AgentReport, FromAgent, Now, Refusal, Register, Registered, SessionId, Time, ToAgent};

use crate::{Agent, AgentConfig, Effect};

/// The wait after the first failure to connect; it doubles with each in a row, and a quarter of it is chance.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// The longest wait.
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// The shortest time between two heartbeats, whatever the master asks for.
const HEARTBEAT_MIN: Duration = Duration::from_millis(100);

/// Where the connection is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum LinkState {
    /// Not begun, or the shell is opening a stream.
    #[default]
    Opening,
    /// A stream is open, and the registration was sent.
    Greeting,
    /// The master has registered this agent.
    Registered { session: SessionId, heartbeat: Duration, beat_at: Time },
    /// The next attempt waits.
    Waiting { until: Time },
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    state: LinkState,
    /// Failures since the last registration.
    failures: u32,
    heard: Time,
}

impl Link {
    pub(crate) fn is_registered(&self) -> bool {
        matches!(self.state, LinkState::Registered { .. })
    }

    fn session(&self) -> Option<SessionId> {
        match self.state {
            LinkState::Registered { session, .. } => Some(session),
            _ => None,
        }
    }

    pub(crate) fn wakeup(&self, config: &AgentConfig) -> Option<Time> {
        let silent_at = self.heard.after(config.silence_max);
        match self.state {
            LinkState::Opening => None,
            LinkState::Greeting => Some(silent_at),
            LinkState::Registered { beat_at, .. } => Some(silent_at.min(beat_at)),
            LinkState::Waiting { until } => Some(until),
        }
    }
}

impl Agent {
    pub(crate) fn connect(&mut self, effects: &mut Vec<Effect>) {
        self.link.state = LinkState::Opening;
        effects.push(Effect::Connect);
    }

    /// The stream before is closed, so that what this registration doesn't show never started.
    pub(crate) fn connected(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.link.state = LinkState::Greeting;
        self.link.heard = now.mono;
        let register = Register {
            agent: self.id,
            secret: self.config.secret,
            incarnation: self.incarnation,
            term: self.term,
            hostname: self.config.hostname.clone(),
            resources: self.config.resources.clone(),
            attributes: self.config.attributes.clone(),
            containers: self.containers.iter().map(|(id, container)| container.snapshot(*id)).collect(),
        };
        let message = FromAgent { session: None, report: AgentReport::Register(Box::new(register)) };
        effects.push(Effect::Send(Box::new(message)));
    }

    pub(crate) fn disconnected(&mut self, now: Now, reason: &str) {
        if matches!(self.link.state, LinkState::Waiting { .. }) {
            return;
        }
        let wait = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(self.link.failures)).min(BACKOFF_MAX);
        if self.link.failures == 0 {
            tracing::warn!(reason, "no connection to the master; trying again until there is one");
        }
        self.link.failures = self.link.failures.saturating_add(1);
        let quarter = u64::try_from(wait.as_nanos() / 4).unwrap_or(u64::MAX).max(1);
        let chance = Duration::from_nanos(self.ids.next_u64() % quarter);
        self.link.state = LinkState::Waiting { until: now.mono.after(wait - chance) };
    }

    /// Sends a report over the session; without one nothing is sent, and the next registration says it all.
    pub(crate) fn send(&self, report: AgentReport, effects: &mut Vec<Effect>) {
        if let Some(session) = self.link.session() {
            effects.push(Effect::Send(Box::new(FromAgent { session: Some(session), report })));
        }
    }

    pub(crate) fn received(&mut self, now: Now, message: ToAgent, effects: &mut Vec<Effect>) {
        match (&self.link.state, message.order) {
            (LinkState::Greeting, AgentOrder::Registered(registered)) => self.registered(now, message.session, registered, effects),
            (LinkState::Greeting, AgentOrder::Refused(refusal)) => self.refused(now, refusal, effects),
            (LinkState::Registered { session, .. }, order) if *session == message.session => {
                self.link.heard = now.mono;
                self.obey(now, order, effects);
            }
            (_, order) => tracing::debug!(session = %message.session, ?order, "dropped an order of another session"),
        }
    }

    fn registered(&mut self, now: Now, session: SessionId, registered: Registered, effects: &mut Vec<Effect>) {
        if session.term < self.term {
            tracing::warn!(term = %session.term, highest = %self.term, "dropped a registration by a master of an earlier term");
            return;
        }
        self.term = session.term;
        self.id = Some(registered.agent);
        let heartbeat = registered.heartbeat.max(HEARTBEAT_MIN);
        let beat_at = now.mono.after(heartbeat);
        self.link = Link { state: LinkState::Registered { session, heartbeat, beat_at }, failures: 0, heard: now.mono };
        tracing::info!(agent = %registered.agent, %session, "registered");
        self.resend_all(now, effects);
    }

    /// The master won't have this agent. It waits as after a lost connection when trying again may help; if not, it ends.
    fn refused(&mut self, now: Now, refusal: Refusal, effects: &mut Vec<Effect>) {
        match refusal.retry {
            true => self.disconnected(now, &refusal.message),
            false => effects.push(Effect::Exit(refusal.message)),
        }
    }

    fn obey(&mut self, now: Now, order: AgentOrder, effects: &mut Vec<Effect>) {
        match order {
            AgentOrder::Launch(launch) => self.launch(now, *launch, effects),
            AgentOrder::Kill(order) => self.kill(now, &order, effects),
            AgentOrder::Acknowledged(acknowledged) => self.acknowledged(now, acknowledged),
            AgentOrder::Resend(framework) => self.resend(now, framework, effects),
            AgentOrder::OpenLog(request) => {
                let container = self.by_launch.get(&request.launch).copied();
                effects.push(Effect::ServeLog { request, container });
            }
            AgentOrder::Refused(refusal) => self.refused(now, refusal, effects),
            AgentOrder::Registered(_) | AgentOrder::Heartbeat => {}
        }
    }

    pub(crate) fn link_time_passed(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let silent = self.link.heard.after(self.config.silence_max) <= now.mono;
        match &mut self.link.state {
            LinkState::Waiting { until } if *until <= now.mono => self.connect(effects),
            LinkState::Greeting | LinkState::Registered { .. } if silent => {
                tracing::warn!("the master was silent for {:?}; connecting anew", self.config.silence_max);
                self.connect(effects);
            }
            LinkState::Registered { heartbeat, beat_at, .. } if *beat_at <= now.mono => {
                *beat_at = now.mono.after(*heartbeat);
                self.send(AgentReport::Heartbeat, effects);
            }
            _ => {}
        }
    }
}
